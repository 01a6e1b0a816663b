const char *dated(void) { return __DATE__ " " __TIME__; }
