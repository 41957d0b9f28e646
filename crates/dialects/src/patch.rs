//! Changes made in the bytes of a body, leaving every other byte where it was.

use std::ops::Range;

use bytes::Bytes;

/// Replaces the bytes at `span` (which may be empty) by `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// What is replaced.
    pub span: Range<usize>,
    /// What stands there afterwards.
    pub with: Bytes,
}

/// The pieces of the patched body, in order. The pieces are slices of `body`: nothing is copied.
///
/// Patches must not overlap; they may come in any order.
pub fn apply(body: &Bytes, mut patches: Vec<Patch>) -> Vec<Bytes> {
    patches.sort_by_key(|patch| patch.span.start);
    let mut pieces = Vec::with_capacity(2 * patches.len() + 1);
    let mut done = 0;
    for Patch { span, with } in patches {
        pieces.push(body.slice(done..span.start));
        pieces.push(with);
        done = span.end;
    }
    pieces.push(body.slice(done..));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// `text` as a JSON string, for a patch.
pub fn json_string(text: &str) -> Bytes {
    // a string always has a JSON form
    serde_json::to_vec(text).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spans_change() {
        let body = Bytes::from_static(b"abcdef");
        let patch = |span: Range<usize>, with: &'static str| Patch {
            span,
            with: Bytes::from_static(with.as_bytes()),
        };
        let patched = |patches| apply(&body, patches).concat();
        assert_eq!(patched(vec![]), b"abcdef");
        assert_eq!(patched(vec![patch(4..6, "!"), patch(0..1, "xyz")]), b"xyzbcd!");
        assert_eq!(patched(vec![patch(3..3, "-")]), b"abc-def");
    }
}
