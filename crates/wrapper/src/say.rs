//! The few messages of the wrapper itself.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use job::variable;

/// Says one line: to the descriptor that ccache names for what must not be cached, else to
/// standard error.
pub(crate) fn say(text: &str) {
    let line = format!("{text}\n");
    if let Some(number) = env::var_os(variable::UNCACHED_ERR_FD)
        && let Some(number) = number.to_str().and_then(|text| text.parse::<u32>().ok())
        && let Ok(mut file) = OpenOptions::new()
            .append(true)
            .open(format!("/proc/self/fd/{number}"))
        && file.write_all(line.as_bytes()).is_ok()
    {
        return;
    }
    let _ = std::io::stderr().write_all(line.as_bytes());
}
