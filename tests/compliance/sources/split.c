struct split {
    int left, right;
};

int split(const struct split *both) {
    int sum = both->left + both->right;
    return sum;
}
