// A weighted graph of named places.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

class Graph {
public:
    void join(const std::string &from, const std::string &to, unsigned length);
    std::vector<std::string> shortest(const std::string &from, const std::string &to) const;

private:
    std::map<std::string, std::vector<std::pair<std::string, unsigned>>> roads;
};
