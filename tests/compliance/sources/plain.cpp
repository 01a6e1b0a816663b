namespace {
template <typename T> T twice(T number) { return 2 * number; }
}

int plain(int number) { return twice(number) + 1; }
