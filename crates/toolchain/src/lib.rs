//! Find, collect, identify, pack and unpack compilers.
