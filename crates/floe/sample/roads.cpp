#include "graph.hpp"

#include <iostream>

int main()
{
    Graph graph;
    graph.join("mill", "bridge", 4);
    graph.join("bridge", "market", 3);
    graph.join("mill", "market", 9);
    graph.join("market", "harbour", 2);
    for (const auto &place : graph.shortest("mill", "harbour"))
        std::cout << place << '\n';
}
