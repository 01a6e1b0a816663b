int part(void) { return 23; }
