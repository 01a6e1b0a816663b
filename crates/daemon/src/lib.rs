//! The per-host process: arbitrates slots, executes other hosts' jobs, keeps the line to the scheduler.
