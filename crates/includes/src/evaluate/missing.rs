//! A header that is not there ends the compile, so what was read until then is all of it: the error may be known
//! elsewhere, too.

use super::Evaluator;
use crate::expression::Doubt;
use crate::search::{DirectoryId, Found, Origin, Request};

impl Evaluator<'_> {
    /// Ends with [`Doubt::Missing`], and tells the header's name if no compiler takes another one for it.
    pub(super) fn lack(
        &mut self,
        request: Request,
        from: (Option<DirectoryId>, Origin),
    ) -> Result<(), Doubt> {
        for other in self.likenesses(request) {
            let (searches, chain) = (&mut self.memory.searches, self.source.chain);
            let number = searches.search(chain, other, from, self.tree, self.library);
            let found = searches.answer(number, self.tree, self.library).found;
            if found != Found::Nothing {
                return Err(Doubt::Missing);
            }
            self.memory.tell(number, &mut self.reached);
        }
        // Compilers look for it before all others.
        self.reach(self.source.file);
        let name = self.library.names.spelling(request.name);
        self.reached.missing = Some(name.to_vec());
        Err(Doubt::Missing)
    }

    /// What clang tries then: a name in `<…>` as if it stood in quotes, and any name without what stands before its
    /// first and behind its last letter or digit. If that is there it says so and goes on.
    fn likenesses(&mut self, request: Request) -> Vec<Request> {
        if !self.source.compiler.is_clang {
            return Vec::new();
        }
        let name = self.library.names.spelling(request.name);
        let plain = trimmed(name).to_vec();
        let plain = self.library.names.name(&plain);
        let quoted = Request {
            is_angled: false,
            ..request
        };
        let plain = Request {
            name: plain,
            ..request
        };
        let others = [quoted, plain].into_iter();
        others.filter(|other| *other != request).collect()
    }
}

fn trimmed(name: &[u8]) -> &[u8] {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
    match (
        name.iter().position(is_plain),
        name.iter().rposition(is_plain),
    ) {
        (Some(first), Some(last)) => name.get(first..=last).unwrap_or_default(),
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_as_clang_does() {
        for (name, plain) in [
            ("a.h", "a.h"),
            (" ../a.h ", "a.h"),
            ("/x/y", "x/y"),
            ("--", ""),
        ] {
            assert_eq!(trimmed(name.as_bytes()), plain.as_bytes());
        }
    }
}
