#define NOBODY 1
#define SOMEBODY 2
int somebody(void) { return SOMEBODY; }
