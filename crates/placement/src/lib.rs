//! The scheduler's brain: (now, event) to actions.
