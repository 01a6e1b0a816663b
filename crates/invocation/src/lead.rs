//! Sources that are preprocessed already: what must stand before their text when it is read from
//! standard input, so that names and directory come out as if the file had been read.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The text to send for a preprocessed source.
///
/// gcc takes the source's name from a first line marker and the directory from a second one whose
/// name ends in `//`. A file made without `-g` lacks the second, one made with `-P` both.
pub fn preprocessed_text(source: &OsStr, directory: &Path, text: &[u8]) -> Vec<u8> {
    let marker = |name: &[u8]| {
        let mut line = b"# 1 \"".to_vec();
        for &byte in name {
            if matches!(byte, b'"' | b'\\') {
                line.push(b'\\');
            }
            line.push(byte);
        }
        line.extend(b"\"\n");
        line
    };
    let mut here = directory.as_os_str().as_bytes().to_vec();
    here.extend(b"//");
    let first_line = text
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(text.len(), |end| end + 1);
    let (first, rest) = text.split_at(first_line);
    let mut lead = Vec::with_capacity(text.len() + 2 * here.len() + 2 * source.len() + 64);
    if !is_marker(first) {
        let name = marker(source.as_bytes());
        lead.extend([&name[..], &marker(&here), &name, text].concat());
    } else if is_marker(rest)
        && rest
            .split(|&byte| byte == b'\n')
            .next()
            .is_some_and(|line| line.ends_with(b"//\""))
    {
        lead.extend_from_slice(text);
    } else {
        lead.extend([first, &marker(&here), first, rest].concat());
    }
    lead
}

/// Whether a line begins as `# 1 "name"` does.
fn is_marker(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"# ") else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest[digits..].starts_with(b" \"")
}
