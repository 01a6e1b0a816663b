//! An invitation as somebody gives it: on the command line, or on stdin, where no other user sees it.

use std::convert::Infallible;
use std::fmt;
use std::io::Read as _;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use membership::Invite;

/// No invitation is as long.
const LONGEST: u64 = 64 * 1024;

/// Read only when it is used: what cannot be read is then told without being shown.
#[derive(Clone)]
pub(crate) struct Line(String);

impl fmt::Debug for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Line(…)")
    }
}

impl FromStr for Line {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl Line {
    pub(in crate::cli) fn read(&self) -> Result<Invite> {
        self.read_from(std::io::stdin().lock())
    }

    fn read_from(&self, stdin: impl std::io::Read) -> Result<Invite> {
        if self.0 != "-" {
            return self.0.parse().context("this invitation cannot be used");
        }
        let mut text = String::new();
        let read = stdin.take(LONGEST).read_to_string(&mut text);
        read.context("stdin cannot be read")?;
        let invite = text.parse();
        invite.context("the invitation on stdin cannot be used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_invitation_is_not_shown() {
        let secret = "floe1:notaninvitation";
        let line: Line = secret.parse().unwrap();
        let error = line.read().unwrap_err();
        let told = format!("{error:#} {line:?}");
        assert!(
            told.contains("cannot be used") && !told.contains(secret),
            "{told}"
        );
        let stdin: Line = "-".parse().unwrap();
        let told = format!("{:#}", stdin.read_from(secret.as_bytes()).unwrap_err());
        assert!(
            told.contains("on stdin") && !told.contains(secret),
            "{told}"
        );
    }
}
