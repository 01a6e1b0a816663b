//! `-d`: run in the background.
//!
//! A process that may have threads cannot safely fork, so the program starts itself once more
//! without a terminal and leaves; the second start is recognised by an environment variable. The
//! first one stays until the second says that it is ready, so that a start that fails is seen.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

const MARK: &str = "_FLOE_DETACHED";

/// Which of the two processes this is.
pub(crate) enum Side {
    /// It goes on as the service; call [`Background::ready`] when it serves.
    Service(Background),
    /// The first start: exit with this code.
    Starter(ExitCode),
}

/// The service's way to tell its starter that it serves.
pub(crate) struct Background {
    detached: bool,
}

impl Background {
    /// A service in the foreground: nobody waits.
    pub(crate) fn foreground() -> Self {
        Self { detached: false }
    }

    /// Lets the starter leave with success.
    pub(crate) fn ready(&self) {
        if self.detached {
            // The starter may be gone; the service goes on all the same.
            let _gone = io::stdout()
                .write_all(b"ready\n")
                .and_then(|()| io::stdout().flush());
        }
    }
}

/// Becomes the background service, or starts it.
pub(crate) fn detach() -> io::Result<Side> {
    if std::env::var_os(MARK).is_some() {
        rustix::process::setsid()?;
        std::env::set_current_dir("/")?;
        return Ok(Side::Service(Background { detached: true }));
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut child = Command::new(std::env::current_exe()?)
        .arg0(name)
        .args(arguments)
        .env(MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = [0];
    let heard = child
        .stdout
        .take()
        .map_or(Ok(0), |mut pipe| pipe.read(&mut said))?;
    if heard == 1 {
        return Ok(Side::Starter(ExitCode::SUCCESS));
    }
    // It ended before it served; its own message is on stderr already.
    let code = child
        .wait()?
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(Side::Starter(ExitCode::from(code)))
}
