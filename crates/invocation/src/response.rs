//! Response files: `@file` words are replaced by the words in the file, as gcc and clang do
//! (GNU libiberty's rules: blanks separate, quotes group, a backslash takes the next character
//! literally everywhere, also between quotes).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::plan::Files;

/// More than this many files are taken for files that name each other.
pub const MOST_EXPANSIONS: usize = 2000;

/// Words that one command line may have once expanded; a bound for what a file can make us hold.
const MOST_WORDS: usize = 1 << 20;

/// The command line is not usable; the compiler would refuse it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("more than {MOST_EXPANSIONS} response files; does one name itself?")]
    TooMany,
    #[error("the response files hold more than {MOST_WORDS} words")]
    TooLong,
}

/// Replaces every `@file` word whose file can be read; the others are kept. Relative names start
/// at `directory`, whichever file they stand in.
pub fn expand_response_files(
    arguments: &[OsString],
    directory: &Path,
    files: &dyn Files,
) -> Result<Vec<OsString>, ResponseError> {
    let mut expansions = 0;
    let mut done = Vec::with_capacity(arguments.len());
    // A stack of words still to look at, the next one on top.
    let mut open: Vec<OsString> = arguments.iter().rev().cloned().collect();
    while let Some(word) = open.pop() {
        let content = word
            .as_bytes()
            .strip_prefix(b"@")
            .filter(|name| !name.is_empty())
            .and_then(|name| files.response_file(&directory.join(OsStr::from_bytes(name))))
            // A NUL ends what the compiler reads; nobody means that.
            .filter(|content| !content.contains(&0));
        let Some(content) = content else {
            done.push(word);
            continue;
        };
        expansions += 1;
        if expansions > MOST_EXPANSIONS {
            return Err(ResponseError::TooMany);
        }
        open.extend(split(&content).into_iter().rev());
        if open.len() + done.len() > MOST_WORDS {
            return Err(ResponseError::TooLong);
        }
    }
    Ok(done)
}

/// The words of a response file.
fn split(content: &[u8]) -> Vec<OsString> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'\\', _) => word.get_or_insert_default().extend(bytes.next()),
            (_, Some(open)) if byte == open => quote = None,
            (_, Some(_)) => word.get_or_insert_default().push(byte),
            (b'"' | b'\'', None) => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c, None) => {
                words.extend(word.take().map(OsString::from_vec));
            }
            (_, None) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word.map(OsString::from_vec));
    words
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::*;

    struct Fixed(HashMap<PathBuf, &'static str>);

    impl Files for Fixed {
        fn response_file(&self, path: &Path) -> Option<Vec<u8>> {
            self.0.get(path).map(|text| text.as_bytes().to_vec())
        }
        fn is_readable_file(&self, path: &Path) -> bool {
            self.0.contains_key(path)
        }
        fn is_not_regular(&self, _: &Path) -> bool {
            false
        }
        fn is_special(&self, _: &Path) -> bool {
            false
        }
        fn is_same(&self, _: &Path, _: &Path) -> bool {
            false
        }
    }

    fn expand(
        arguments: &[&str],
        files: &[(&str, &'static str)],
    ) -> Result<Vec<String>, ResponseError> {
        let files = Fixed(
            files
                .iter()
                .map(|(path, text)| (PathBuf::from(path), *text))
                .collect(),
        );
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let words = expand_response_files(&arguments, Path::new("/d"), &files)?;
        Ok(words
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect())
    }

    #[test]
    fn words_are_split_as_the_gnu_tools_do() {
        let text = "-DA=\"b c\" 'x y'\\ z\n-I\tq\\\"r \"\" 'a\\'b' \"c\\\\d\"";
        let got = expand(&["@f"], &[("/d/f", text)]).unwrap();
        assert_eq!(got, ["-DA=b c", "x y z", "-I", "q\"r", "", "a'b", "c\\d"]);
    }

    #[test]
    fn files_nest_and_unreadable_ones_are_kept() {
        let files = [
            ("/d/f", "-a @sub/g -b"),
            ("/d/sub/g", "@none -c"),
            ("/blank", " \n "),
        ];
        assert_eq!(
            expand(&["x", "@f", "@", "@/blank", "@zip"], &files).unwrap(),
            ["x", "-a", "@none", "-c", "-b", "@", "@zip"]
        );
    }

    #[test]
    fn a_file_that_names_itself_ends() {
        assert_eq!(
            expand(&["@f"], &[("/d/f", "@f")]),
            Err(ResponseError::TooMany)
        );
    }
}
