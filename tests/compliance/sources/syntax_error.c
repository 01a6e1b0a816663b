int syntax_error(void) {
    return 1 +;
}
