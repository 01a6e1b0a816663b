static int twice(int number) { return 2 * number; }

int plain(int number) { return twice(number) + 1; }
