//! Signatures and encrypted reasoning on their way through a dialect that is not theirs.
//!
//! A client gets them as a text it does not understand and gives them back with the conversation:
//! `penstock:`, the origin, `:`, and what the origin had said. Only the origin gets that back.

use penstock_core::Json;
use penstock_core::canonical::{Opaque, Origin, Thinking};

use crate::object::spelling;

/// What each begins with.
pub(crate) const PREFIX: &str = "penstock:";
/// The note that a dialect makes of the field in which a thought came, where it has several.
const FIELD: &str = "~field";

/// What goes to the client for something of `origin`.
fn seal(origin: &Origin, content: &str) -> String {
    format!("{PREFIX}{origin}:{content}")
}

/// The origin and what it had said, if `text` is a carrier.
fn open(text: &str) -> Option<(Origin, &str)> {
    let (origin, content) = text.strip_prefix(PREFIX)?.split_once(':')?;
    Some((origin.parse().ok()?, content))
}

/// The carrier of a thought's origin and signature; the thought itself travels beside it. Where there is no
/// signature it has a `~`, and behind it the field that the thought came in, if it is not the usual one: only
/// there its origin takes it back.
pub(crate) fn seal_signature(thought: &Thinking) -> String {
    let field = spelling(&thought.extras.extensions, thought.origin.dialect, FIELD);
    match &thought.signature {
        Some(signature) => seal(&thought.origin, signature),
        None => seal(&thought.origin, &format!("~{}", field.unwrap_or_default())),
    }
}

/// Puts the origin and the signature back that the carrier in place of a signature holds; `false` if there
/// is none.
pub(crate) fn open_signature(thought: &mut Thinking) -> bool {
    let Some(sealed) = thought.signature.take() else { return false };
    let Some((origin, content)) = open(&sealed) else {
        thought.signature = Some(sealed);
        return false;
    };
    match content.strip_prefix('~') {
        Some("") => {}
        Some(field) => thought.extras.extensions.set(origin.dialect, FIELD, Json::of(field)),
        None => thought.signature = Some(content.to_owned()),
    }
    thought.origin = origin;
    true
}

/// The carrier of a block that only its origin can read; `None` for one that has no origin.
pub(crate) fn seal_block(block: &Opaque) -> Option<String> {
    Some(seal(block.origin.as_ref()?, block.value.text()))
}

/// The block that a carrier holds.
pub(crate) fn open_block(sealed: &str) -> Option<Opaque> {
    let (origin, value) = open(sealed)?;
    Some(Opaque { dialect: origin.dialect, value: Json::parse(value)?, origin: Some(origin) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Scanner;

    #[test]
    fn what_is_sealed_is_opened() {
        let origin: Origin = "anthropic_messages/anthropic".parse().unwrap();
        for content in ["EqQB+/==", "", "{\"data\":\"a:b\"}"] {
            let sealed = seal(&origin, content);
            assert_eq!(open(&sealed), Some((origin.clone(), content)));
            let body = format!("{{\"signature\":{sealed:?}}}");
            assert!(Scanner::scan(&[], body.as_bytes()).unwrap().may_hold_carrier);
        }
        for foreign in ["EqQB", "penstock:", "penstock:nobody:x", "penstock:openai_chat"] {
            assert_eq!(open(foreign), None, "{foreign}");
        }
    }
}
