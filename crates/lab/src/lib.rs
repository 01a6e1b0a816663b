//! Clusters of network namespaces with delay, rate, loss and faults, for tests and benches.
