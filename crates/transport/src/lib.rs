//! TCP and Unix streams that carry icecream's messages.
