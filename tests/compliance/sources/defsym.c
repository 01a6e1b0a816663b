__asm__(".ifdef MYSYM\n.globl with_symbol\nwith_symbol:\n.endif\n");
int defsym(void) { return 3; }
