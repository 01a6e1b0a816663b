//! What a compiler or another host said, cut to a line for people.

/// The first line with something in it; `None`: nothing was said.
pub(crate) fn first_line(said: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(said);
    let line = text.lines().find(|line| !line.trim().is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn a_line_is_the_first_that_says_something() {
        let of = |said: &str| first_line(said.as_bytes());
        assert_eq!(
            of(" \n\n\x1b[1ma.c:1: bad\nmore\n"),
            Some("[1ma.c:1: bad".to_owned())
        );
        assert_eq!(of("\n \n"), None);
        assert_eq!(of(&"x".repeat(400)).map(|line| line.len()), Some(300));
    }
}
