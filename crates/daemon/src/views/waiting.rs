//! Jobs that wait for their tree: their view is in use meanwhile.

use super::view::View;

/// A job that waits for its tree.
pub(super) struct Waiting<'a>(&'a View);

impl<'a> Waiting<'a> {
    pub(super) fn new(view: &'a View) -> Self {
        view.state().waiting += 1;
        Self(view)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}
