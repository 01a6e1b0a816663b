/* Compilers warn of a comparison with itself only where no macro wrote it. */
#define UNCHANGED(value) ((value) == (value))
int unchanged(int number) { return UNCHANGED(number); }
