#include <algorithm>
#include <iostream>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

std::vector<std::pair<std::string, int>> frequent(const std::string &text)
{
    static const std::regex word("[A-Za-z]+");
    std::unordered_map<std::string, int> counts;
    for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at)
        ++counts[at->str()];
    std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) {
        return a.second != b.second ? a.second > b.second : a.first < b.first;
    });
    return sorted;
}
