int uses_macros(void) {
    int result;
    __asm__("put_seven %0" : "=r"(result));
    return result;
}
