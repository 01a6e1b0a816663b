#pragma once
template <typename T> struct Included {
    T value;
    T next() const { return value + 1; }
};
