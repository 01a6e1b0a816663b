#if __COUNTER__ == 0
int counted(void) { return __COUNTER__; }
#endif
