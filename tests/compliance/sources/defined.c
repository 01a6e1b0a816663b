int defined(void) { return VALUE; }
