//! Server-sent events (WHATWG HTML, 9.2): where one ends, and what it says.
//!
//! The splitter never changes a byte. It only decides how much may go on now: whole events, so
//! that a stream which breaks in the middle of one can be ended with a proper error event.
//! Line ends are LF or CRLF; a lone CR, which no provider sends, does not end a line.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memrchr};

/// An event longer than this is passed on in pieces, unobserved.
const HOLD_LIMIT: usize = 16 * 1024 * 1024;

/// Bytes that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What came, in order.
    pub bytes: Bytes,
    /// Whether it starts and ends at event boundaries, so that it can be read.
    pub whole: bool,
}

/// Holds back the unfinished last event of a stream; see the module.
#[derive(Debug, Default)]
pub struct Splitter {
    held: BytesMut,
    /// The last block ended in the middle of an event that was too long to hold.
    inside: bool,
}

impl Splitter {
    /// Takes what arrived and returns what may go on, if anything.
    pub fn push(&mut self, chunk: &Bytes) -> Option<Block> {
        if self.held.is_empty() {
            let end = last_boundary(chunk, 0).unwrap_or(0);
            // the usual case: a chunk of whole events passes without being copied
            self.held.extend_from_slice(&chunk[end..]);
            return self.block(chunk.slice(..end));
        }
        let searched = self.held.len().saturating_sub(2);
        self.held.extend_from_slice(chunk);
        let ready = match last_boundary(&self.held, searched) {
            Some(end) => self.held.split_to(end),
            None if self.held.len() > HOLD_LIMIT => {
                self.inside = true;
                return Some(Block { bytes: self.held.split().freeze(), whole: false });
            }
            None => return None,
        };
        self.block(ready.freeze())
    }

    /// What is left when the stream has ended properly.
    pub fn rest(&mut self) -> Option<Block> {
        let rest = self.held.split().freeze();
        self.block(rest)
    }

    fn block(&mut self, bytes: Bytes) -> Option<Block> {
        if bytes.is_empty() {
            return None;
        }
        let whole = !std::mem::take(&mut self.inside);
        Some(Block { bytes, whole })
    }
}

/// Where the last blank line that begins at or after `from` ends.
fn last_boundary(bytes: &[u8], from: usize) -> Option<usize> {
    let mut end = bytes.len();
    while let Some(at) = memrchr(b'\n', &bytes[from..end]).map(|at| at + from) {
        let line_end = if at > 0 && bytes[at - 1] == b'\r' { at - 1 } else { at };
        if line_end > 0 && bytes[line_end - 1] == b'\n' {
            return Some(at + 1);
        }
        end = at;
    }
    None
}

/// One event of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Where it stands in the block, its blank line included.
    pub span: Range<usize>,
    /// Where its first field begins, after any comments and blank lines before it.
    pub fields_start: usize,
    /// The value of `event:`, if there is one.
    pub name: Option<&'a [u8]>,
    /// The value of `data:`; several lines are joined by a line feed.
    pub data: Cow<'a, [u8]>,
    /// Where the data stands in the block, if it is on a single line.
    pub data_span: Option<Range<usize>>,
}

/// The events of a block, in order. Comments and events without data are not reported, but their
/// bytes belong to the span of what follows them.
pub fn events(block: &[u8]) -> Events<'_> {
    Events { block, at: 0 }
}

/// The data of an event, and where it stands if it is on one line.
type Data<'a> = (Cow<'a, [u8]>, Option<Range<usize>>);

/// See [`events`].
#[derive(Clone, Debug)]
pub struct Events<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Events<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        let start = self.at;
        let mut fields_start = None;
        let mut name = None;
        let mut data: Option<Data<'a>> = None;
        while self.at < self.block.len() {
            let line = self.line();
            let text = &self.block[line.clone()];
            if !text.is_empty() && text[0] != b':' {
                fields_start.get_or_insert(line.start);
            }
            if text.is_empty() {
                if data.is_some() {
                    break;
                }
                name = None;
                fields_start = None;
            } else if let Some(value) = field(text, b"data") {
                let span = line.end - value.len()..line.end;
                data = Some(match data {
                    None => (Cow::Borrowed(value), Some(span)),
                    Some((before, _)) => (Cow::Owned([before.as_ref(), b"\n", value].concat()), None),
                });
            } else if let Some(value) = field(text, b"event") {
                name = Some(value);
            }
        }
        let (data, data_span) = data?;
        let fields_start = fields_start.unwrap_or(start);
        Some(Event { span: start..self.at, fields_start, name, data, data_span })
    }
}

impl Events<'_> {
    /// The next line without its end.
    fn line(&mut self) -> Range<usize> {
        let start = self.at;
        let rest = &self.block[start..];
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        self.at = (start + length + 1).min(self.block.len());
        let end = start + length;
        start..if length > 0 && self.block[end - 1] == b'\r' { end - 1 } else { end }
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &[u8] =
        b": hello\n\nevent: a\ndata: one\n\ndata:two\r\ndata: more\r\n\r\n\n\ndata: [DONE]\n\n";

    #[test]
    fn events_are_read_as_the_standard_says() {
        let found: Vec<_> = events(STREAM).collect();
        let read: Vec<_> = found.iter().map(|event| (event.name, event.data.as_ref())).collect();
        assert_eq!(read, [(Some(&b"a"[..]), &b"one"[..]), (None, b"two\nmore"), (None, b"[DONE]")]);
        assert_eq!(found[0].data_span.clone().map(|span| &STREAM[span]), Some(&b"one"[..]));
        assert_eq!(found[1].data_span, None);
        assert_eq!(found.last().map(|event| event.span.end), Some(STREAM.len()));
    }

    #[test]
    fn an_event_alone_is_not_delayed_and_not_copied() {
        let chunk = Bytes::from_static(b"data: 1\n\n");
        let block = Splitter::default().push(&chunk).unwrap();
        assert_eq!(block.bytes.as_ptr(), chunk.as_ptr());
        assert_eq!(block, Block { bytes: chunk, whole: true });
    }

    #[test]
    fn an_endless_event_passes_in_pieces() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.push(&Bytes::from_static(b"data: ")), None);
        let block = splitter.push(&Bytes::from(vec![b'x'; HOLD_LIMIT])).unwrap();
        assert_eq!((block.whole, block.bytes.len()), (false, HOLD_LIMIT + 6));
        assert!(!splitter.push(&Bytes::from_static(b"x\n\n")).unwrap().whole);
        assert!(splitter.push(&Bytes::from_static(b"data: y\n\n")).unwrap().whole);
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_bytes_and_events(cuts in prop::collection::vec(0..=STREAM.len(), 0..12)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let mut splitter = Splitter::default();
            let mut blocks: Vec<_> = cuts
                .windows(2)
                .filter_map(|cut| splitter.push(&Bytes::copy_from_slice(&STREAM[cut[0]..cut[1]])))
                .collect();
            blocks.extend(splitter.rest());
            prop_assert!(blocks.iter().all(|block| block.whole));
            let bytes: Vec<_> = blocks.iter().flat_map(|block| block.bytes.to_vec()).collect();
            prop_assert_eq!(&bytes[..], STREAM);
            let split: Vec<_> = blocks.iter().flat_map(|block| events(&block.bytes)).map(|event| event.data.into_owned()).collect();
            let whole: Vec<_> = events(STREAM).map(|event| event.data.into_owned()).collect();
            prop_assert_eq!(split, whole);
        }
    }
}
