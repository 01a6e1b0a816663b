//! Debian's icecc 1.4 and ours, in both directions.
