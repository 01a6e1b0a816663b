//! The compiler's standard streams.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::{Errno, ioctl_fionbio};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::{Failure, Source};

/// Most that a result can carry of the compiler's words: with its other fields it must fit a frame
/// of 1 MiB.
pub(super) const MAX_SAID: usize = 900 << 10;

/// Fewer changes between us and the compiler than with the usual 64 KiB. A user may have 64 MiB in
/// pipes before the kernel makes new ones tiny.
const INPUT_PIPE: usize = 256 << 10;

/// A pipe's compiler end and ours.
pub(super) fn input() -> std::io::Result<(OwnedFd, pipe::Sender)> {
    let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
    // Smaller is only slower.
    let _ = fcntl_setpipe_size(&ours, INPUT_PIPE);
    Ok((theirs, pipe::Sender::from_owned_fd(ours)?))
}

pub(super) fn output() -> std::io::Result<(OwnedFd, pipe::Receiver)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((theirs, pipe::Receiver::from_owned_fd(ours)?))
}

/// The same, where the compiler's end is a terminal that hands on every byte as it is. Nobody can type at it.
pub(super) fn terminal() -> std::io::Result<(OwnedFd, pipe::Receiver)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    unlockpt(&ours)?;
    let theirs = ioctl_tiocgptpeer(&ours, flags)?;
    let mut manner = tcgetattr(&theirs)?;
    manner.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &manner)?;
    ioctl_fionbio(&ours, true)?;
    Ok((theirs, pipe::Receiver::from_owned_fd_unchecked(ours)?))
}

/// Whether this host has terminals to give.
pub(crate) fn has_terminals() -> bool {
    terminal().is_ok()
}

/// Passes the source on until its end, and counts its bytes. A compiler that reads no further,
/// because of an error say, does not stop the source from being taken.
pub(super) async fn feed(
    source: &mut mpsc::Receiver<Source>,
    stdin: pipe::Sender,
    gap: Duration,
) -> Result<u64, Failure> {
    let mut stdin = Some(stdin);
    let mut count = 0;
    loop {
        match timeout(gap, source.recv()).await {
            Err(_) => return Err(Failure::SourceStalled),
            Ok(None) => return Err(Failure::ClientGone),
            Ok(Some(Source::End)) => return Ok(count),
            Ok(Some(Source::Text(text))) => {
                count += text.len() as u64;
                if let Some(pipe) = &mut stdin
                    && pipe.write_all(&text).await.is_err()
                {
                    stdin = None;
                }
            }
        }
    }
}

/// Ends when the client has gone, or says something after the end of its source, which is as bad.
pub(super) async fn hung_up(source: &mut mpsc::Receiver<Source>) {
    drop(source.recv().await);
}

/// What the compiler said.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Reads both streams to their ends. `None`: it was more than a result can carry.
pub(super) async fn listen(
    mut stdout: pipe::Receiver,
    mut stderr: pipe::Receiver,
    most: usize,
) -> std::io::Result<Option<Said>> {
    let mut said = Said::default();
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        // Cancelled reads lose nothing: they have not read.
        tokio::select! {
            read = stdout.read_buf(&mut said.stdout), if out_open => out_open = read? > 0,
            read = stderr.read_buf(&mut said.stderr), if err_open => err_open = end_or(read)? > 0,
        }
        if said.stdout.len() + said.stderr.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(said))
}

/// A terminal whose other end is closed by all says so by an error.
fn end_or(read: std::io::Result<usize>) -> std::io::Result<usize> {
    match read {
        Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(0),
        read => read,
    }
}
