//! Files of JSON below a line that says what they are and what SHA-256 they have. That line tells an
//! edited or damaged file; who may write the file can of course write the line too.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why the file says nothing to us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsealed {
    #[error("it is no file of this kind")]
    Foreign,
    #[error("it was written by a later version of floe")]
    Newer,
    #[error("it was changed or damaged after it was written")]
    Changed,
    #[error("it makes no sense: {0}")]
    Senseless(String),
}

pub(crate) fn seal(kind: &str, content: &impl Serialize) -> Result<Vec<u8>, Unsealed> {
    let senseless = |error: serde_json::Error| Unsealed::Senseless(error.to_string());
    let body = serde_json::to_vec(content).map_err(senseless)?;
    let mut file = format!("{kind} 1 {}\n", sum(&body)).into_bytes();
    file.extend(body);
    Ok(file)
}

pub(crate) fn open<T: DeserializeOwned>(kind: &str, file: &[u8]) -> Result<T, Unsealed> {
    let end = file
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or(Unsealed::Foreign)?;
    let (head, body) = (&file[..end], &file[end + 1..]);
    let head = std::str::from_utf8(head).map_err(|_| Unsealed::Foreign)?;
    let rest = head
        .strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix(' '));
    let (version, stated) = rest
        .and_then(|rest| rest.split_once(' '))
        .ok_or(Unsealed::Foreign)?;
    if version != "1" {
        return Err(Unsealed::Newer);
    }
    if sum(body) != stated {
        return Err(Unsealed::Changed);
    }
    serde_json::from_slice(body).map_err(|error| Unsealed::Senseless(error.to_string()))
}

fn sum(body: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, body).as_ref())
}
