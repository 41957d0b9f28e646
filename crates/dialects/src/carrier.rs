//! Signatures and encrypted reasoning on their way through a dialect that is not theirs.
//!
//! A client gets them as a text it does not understand and gives them back with the conversation:
//! `penstock:`, the origin, `:`, and what the origin had said. Only the origin gets that back.

use memchr::memmem;
use penstock_core::canonical::Origin;

const PREFIX: &str = "penstock:";

/// What goes to the client for something of `origin`.
pub(crate) fn seal(origin: &Origin, content: &str) -> String {
    format!("{PREFIX}{origin}:{content}")
}

/// The origin and what it had said, if `text` is a carrier.
pub(crate) fn open(text: &str) -> Option<(Origin, &str)> {
    let (origin, content) = text.strip_prefix(PREFIX)?.split_once(':')?;
    Some((origin.parse().ok()?, content))
}

/// Whether a request may hold a carrier, so that it cannot go to a provider as it is.
pub fn may_hold_carrier(body: &[u8]) -> bool {
    memmem::find(body, b"\"penstock:").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened() {
        let origin: Origin = "anthropic_messages/anthropic".parse().unwrap();
        for content in ["EqQB+/==", "", "{\"data\":\"a:b\"}"] {
            let sealed = seal(&origin, content);
            assert_eq!(open(&sealed), Some((origin.clone(), content)));
            assert!(may_hold_carrier(format!("{{\"signature\":{sealed:?}}}").as_bytes()));
        }
        for foreign in ["EqQB", "penstock:", "penstock:nobody:x", "penstock:openai_chat"] {
            assert_eq!(open(foreign), None, "{foreign}");
        }
    }
}
