#include "graph.hpp"

#include <algorithm>
#include <queue>

void Graph::join(const std::string &from, const std::string &to, unsigned length)
{
    roads[from].emplace_back(to, length);
    roads[to].emplace_back(from, length);
}

std::vector<std::string> Graph::shortest(const std::string &from, const std::string &to) const
{
    using Reached = std::pair<unsigned, std::string>;
    std::priority_queue<Reached, std::vector<Reached>, std::greater<>> open;
    std::map<std::string, std::pair<unsigned, std::string>> best;
    open.emplace(0, from);
    best[from] = {0, ""};
    while (!open.empty()) {
        auto [length, place] = open.top();
        open.pop();
        auto found = roads.find(place);
        if (found == roads.end() || length > best[place].first)
            continue;
        for (const auto &[next, step] : found->second) {
            auto known = best.find(next);
            if (known == best.end() || length + step < known->second.first) {
                best[next] = {length + step, place};
                open.emplace(length + step, next);
            }
        }
    }
    std::vector<std::string> way;
    for (std::string place = to; best.count(place) && !place.empty(); place = best[place].second)
        way.push_back(place);
    std::reverse(way.begin(), way.end());
    return way;
}
