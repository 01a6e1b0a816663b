//! The control port: plain lines over TCP, with icecream's commands and texts.
//! Each session is a task of its own; the longest answer, `internals`, delays nobody else.

mod account;
pub(crate) mod report;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use transport::accept_tcp;

pub(crate) use self::account::Whose;
use crate::core::Input;
use crate::seats::Seats;

/// A session that says nothing for this long is closed, as icecream does.
const IDLE: Duration = Duration::from_secs(36);
/// For a daemon to describe itself, and for a peer to take an answer.
const ANSWER: Duration = Duration::from_secs(10);
const MAX_SESSIONS: usize = 64;
const MAX_LINE: usize = 4096;
const DONE: &str = "200 done\n";
const NOT_YOURS: &str =
    "403 in a cluster of members this is for root and the scheduler's account\n";
const BYE: &[u8] = b"200 Good Bye!\n";

/// What the owner of the state answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Greeting,
    ListHosts,
    ListJobs,
    ListBlocks,
    Remove(Vec<String>),
    Block(Vec<String>),
    Unblock(Vec<String>),
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Core(Command),
    Internals(Vec<String>),
    Fixed(String),
    Quit,
}

/// Accepts sessions for ever.
pub(crate) async fn keep(listener: TcpListener, whose: Whose, inputs: mpsc::Sender<Input>) {
    let seats = Seats::new(MAX_SESSIONS);
    loop {
        let (stream, address) = accept_tcp(&listener).await;
        let seat = match seats.take(address.ip()) {
            Ok(seat) => seat,
            Err(full) => {
                tracing::warn!("control session of {address} refused: {full}");
                continue;
            }
        };
        let inputs = inputs.clone();
        tokio::spawn(async move {
            Session {
                stream,
                whose,
                inputs,
                unread: Vec::new(),
            }
            .run()
            .await;
            drop(seat);
        });
    }
}

struct Session {
    stream: TcpStream,
    whose: Whose,
    inputs: mpsc::Sender<Input>,
    unread: Vec<u8>,
}

/// The session is over.
struct Over;

impl Session {
    async fn run(mut self) {
        let _over = self.talk().await;
    }

    async fn talk(&mut self) -> Result<(), Over> {
        let greeting = self.command(Command::Greeting).await?;
        self.write(greeting.as_bytes()).await?;
        loop {
            let Ok(line) = timeout(IDLE, self.line()).await else {
                return self.write(BYE).await;
            };
            let line = line?;
            match parse(&line) {
                Line::Core(Command::Remove(_) | Command::Block(_) | Command::Unblock(_))
                | Line::Internals(_)
                    if !self.may(&line) =>
                {
                    self.write(NOT_YOURS.as_bytes()).await?;
                }
                Line::Core(command) => {
                    let mut text = self.command(command).await?;
                    text.push_str(DONE);
                    self.write(text.as_bytes()).await?;
                }
                Line::Internals(names) => {
                    self.internals(names).await?;
                    self.write(DONE.as_bytes()).await?;
                }
                Line::Fixed(mut text) => {
                    text.push_str(DONE);
                    self.write(text.as_bytes()).await?;
                }
                Line::Quit => return self.write(BYE).await,
            }
        }
    }

    /// Whether this session may do what not everybody may; the log has who tried.
    fn may(&self, line: &str) -> bool {
        let (Ok(theirs), Ok(ours)) = (self.stream.peer_addr(), self.stream.local_addr()) else {
            return false;
        };
        let may = self.whose.may(theirs, ours);
        let how = if may { "does" } else { "was refused" };
        tracing::info!(
            "control session {theirs} {how}: {}",
            report::printable(line).trim()
        );
        may
    }

    async fn command(&self, command: Command) -> Result<String, Over> {
        let (answer, text) = oneshot::channel();
        self.inputs
            .send(Input::Command { command, answer })
            .await
            .map_err(|_| Over)?;
        text.await.map_err(|_| Over)
    }

    async fn internals(&mut self, names: Vec<String>) -> Result<(), Over> {
        let (answer, asked) = oneshot::channel();
        self.inputs
            .send(Input::Internals { names, answer })
            .await
            .map_err(|_| Over)?;
        let deadline = tokio::time::Instant::now() + ANSWER;
        for internals in asked.await.map_err(|_| Over)? {
            let text = match tokio::time::timeout_at(deadline, internals.text).await {
                Ok(Ok(text)) => report::printable(&text),
                _ => format!("{} not reporting\n", internals.name),
            };
            self.write(text.as_bytes()).await?;
        }
        Ok(())
    }

    /// The next line that is not empty. Any control character ends a line.
    async fn line(&mut self) -> Result<String, Over> {
        loop {
            if let Some(end) = self.unread.iter().position(u8::is_ascii_control) {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                if end > 0 {
                    return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
                }
                continue;
            }
            let mut piece = [0; 1024];
            match self.stream.read(&mut piece).await {
                Ok(count) if count > 0 && self.unread.len() + count <= MAX_LINE => {
                    self.unread.extend_from_slice(&piece[..count]);
                }
                _ => return Err(Over),
            }
        }
    }

    async fn write(&mut self, text: &[u8]) -> Result<(), Over> {
        match timeout(ANSWER, self.stream.write_all(text)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }
}

/// Reads a line: the command's case does not matter, that of its arguments does.
fn parse(line: &str) -> Line {
    let mut words = line
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .map(str::to_owned);
    let command = words.next().unwrap_or_default().to_ascii_lowercase();
    let names: Vec<String> = words.collect();
    match (command.as_str(), names.is_empty()) {
        ("listcs", _) => Line::Core(Command::ListHosts),
        ("listjobs", _) => Line::Core(Command::ListJobs),
        ("listblocks", _) => Line::Core(Command::ListBlocks),
        ("removecs" | "blockcs", true) => Line::Fixed("401 Sure. But which hosts?\n".to_owned()),
        ("unblockcs", true) => Line::Fixed("401 Sure. But which host?\n".to_owned()),
        ("removecs", false) => Line::Core(Command::Remove(names)),
        ("blockcs", false) => Line::Core(Command::Block(names)),
        ("unblockcs", false) => Line::Core(Command::Unblock(names)),
        ("internals", _) => Line::Internals(names),
        ("help", _) => Line::Fixed(report::HELP.to_owned()),
        ("quit" | "exit", _) => Line::Quit,
        _ => Line::Fixed(format!("Invalid command '{line}'\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_icecream_reads_them() {
        assert_eq!(parse("LISTCS"), Line::Core(Command::ListHosts));
        let names = vec!["Host1".to_owned(), "b".to_owned()];
        assert_eq!(
            parse("  BlockCs Host1\tb "),
            Line::Core(Command::Block(names))
        );
        assert_eq!(
            parse("blockcs"),
            Line::Fixed("401 Sure. But which hosts?\n".to_owned())
        );
        assert_eq!(parse("exit"), Line::Quit);
        assert_eq!(
            parse("list cs"),
            Line::Fixed("Invalid command 'list cs'\n".to_owned())
        );
    }
}
