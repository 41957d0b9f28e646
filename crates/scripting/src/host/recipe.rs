//! How to make an engine again as it was.

use super::event::Work;

/// What has been done to an engine that lasts: the file was read, factories were called, modules were started.
#[derive(Default)]
pub(super) struct Recipe(Vec<Work>);

impl Recipe {
    /// Notes work that lasts.
    pub(super) fn note(&mut self, work: Work) {
        if let Work::Init { instance, .. } = work {
            self.0.retain(|known| !matches!(known, Work::Init { instance: other, .. } if *other == instance));
        }
        self.0.push(work);
    }

    /// All of it, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &Work> {
        self.0.iter()
    }
}
