// Takes a second or more, so that its compiler can be caught.
constexpr int slow() {
    int sum = 0;
    for (int i = 0; i < 1000000; i++)
        sum += i & 1;
    return sum;
}
static_assert(slow() > 0);
int slow_value() { return slow(); }
