int unused_variable(void) {
    int nobody_reads_this = 1;
    return 0;
}
