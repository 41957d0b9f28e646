//! What a provider's answer consumed, in one normalised form.

use serde::{Deserialize, Serialize};

use crate::named_enum;

/// Tokens of one request, each kind counted once.
///
/// `input` excludes what was read from or written to a prompt cache. `output` is everything that
/// is billed as output, and `reasoning` says how much of that was reasoning: dialects differ in
/// whether they report it inside or beside the output, and this form does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input tokens at the full price.
    pub input: u64,
    /// Output tokens, reasoning included.
    pub output: u64,
    /// Input tokens read from a cache.
    pub cache_read: u64,
    /// Input tokens written to a cache that lives five minutes (or to one of unstated life).
    pub cache_write_5m: u64,
    /// Input tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// How much of `output` was reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// Both together. Figures of a provider are taken as they come, and must not overflow.
    #[must_use]
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }

    /// Everything that went in, cached or not: what decides long-context price tiers.
    pub const fn total_input(&self) -> u64 {
        // figures of a provider are taken as they come, and must not overflow
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
    }
}

named_enum! {
    /// Where the figures of a usage row come from, best first.
    UsageSource("usage source") {
        /// The provider said so.
        Upstream = "upstream",
        /// Counted here with the model's tokenizer.
        Counted = "counted",
        /// Estimated from the size of what was sent and received.
        Estimated = "estimated",
    }
}

named_enum! {
    /// How a request that reached a provider came to its end.
    Ended("ending") {
        /// The answer arrived whole.
        Complete = "complete",
        /// The provider, or this process, stopped in the middle.
        Interrupted = "interrupted",
        /// The client hung up first.
        ClientGone = "client_gone",
    }
}
