//! How a write stands in the redo log: a line that says how long it is and what it sums up to, then its lines.
//!
//! A record is brought to the disk before the next one is begun, so that only the last can be torn: it ends early,
//! or the disk has zeros where its bytes should be. Anything else that does not add up was whole once, and has been
//! damaged since.

/// Begins each record; JSON has it nowhere else.
const MARK: u8 = 0x1e;
/// `mark number length crc-of-lines crc-of-this`, in hexadecimal, and the end of the line.
pub(super) const HEADER: usize = 1 + 16 + 1 + 8 + 1 + 8 + 1 + 8 + 1;
/// So many zeros in a row are no text of ours.
const HOLE: [u8; 8] = [0; 8];

/// What a log holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Content<'a> {
    /// The lines of each record, in order.
    pub(super) records: Vec<&'a [u8]>,
    /// Where they end; what follows is torn.
    pub(super) end: usize,
    /// The number of the last one.
    pub(super) last: u64,
}

/// Where a log is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged {
    pub(super) at: usize,
}

/// A record, or `None` if its lines are longer than can be said.
pub(super) fn encode(number: u64, lines: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(lines.len()).ok()?;
    let head = format!("{}{number:016x} {length:08x} {:08x}", char::from(MARK), crc32fast::hash(lines));
    let mut record = format!("{head} {:08x}\n", crc32fast::hash(head.as_bytes())).into_bytes();
    record.extend_from_slice(lines);
    Some(record)
}

/// Reads a log whose records follow on number `last`, or begin with any if that is `None`.
pub(super) fn decode(bytes: &[u8], mut last: Option<u64>) -> Result<Content<'_>, Damaged> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let Some((number, lines)) = record(&bytes[at..]) else {
            if is_torn(&bytes[at..]) {
                break;
            }
            return Err(Damaged { at });
        };
        if last.is_some_and(|last| number != last + 1) {
            return Err(Damaged { at });
        }
        last = Some(number);
        records.push(lines);
        at += HEADER + lines.len();
    }
    Ok(Content { records, end: at, last: last.unwrap_or_default() })
}

/// The record that begins here, with its number.
fn record(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, length, crc) = header(bytes)?;
    let lines = bytes.get(HEADER..HEADER.checked_add(length)?)?;
    (crc32fast::hash(lines) == crc).then_some((number, lines))
}

fn header(bytes: &[u8]) -> Option<(u64, usize, u32)> {
    let head = bytes.get(..HEADER)?;
    let hex = |from: usize, to: usize| {
        let digits = std::str::from_utf8(&head[from..to]).ok()?;
        // in one way only, so that no two texts are the same header
        let is_hex = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
    };
    let crc = |from: usize| hex(from, from + 8).and_then(|crc| u32::try_from(crc).ok());
    let length = usize::try_from(hex(18, 26)?).ok()?;
    let is_sound = crc(36)? == crc32fast::hash(&head[..35]) && head[35] == b' ' && head[HEADER - 1] == b'\n';
    is_sound.then_some((hex(1, 17)?, length, crc(27)?))
}

/// Whether what does not begin with a record may be one that was being written when everything stopped.
fn is_torn(rest: &[u8]) -> bool {
    let is_short = match header(rest) {
        Some((_, length, _)) => rest.len() - HEADER < length,
        None => rest.len() < HEADER,
    };
    let has_hole = rest.ends_with(&[0]) || rest.windows(HOLE.len()).any(|bytes| bytes == HOLE);
    let mut marks = rest.iter().enumerate().skip(1).filter(|(_, byte)| **byte == MARK);
    (is_short || has_hole) && !marks.any(|(at, _)| record(&rest[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines as they are: text without control characters, and an end of the line.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        "[ -~äß🐟\n]{0,200}\n".prop_map(String::into_bytes)
    }

    fn log(payloads: &[Vec<u8>]) -> Vec<u8> {
        let numbered = payloads.iter().zip(5..);
        numbered.flat_map(|(lines, number)| encode(number, lines).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(payloads in prop::collection::vec(payload(), 0..8)) {
            let bytes = log(&payloads);
            let content = decode(&bytes, Some(4)).unwrap();
            prop_assert_eq!(content.records, payloads.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(content.end, bytes.len());
        }

        #[test]
        fn any_truncation_leaves_what_came_before(
            payloads in prop::collection::vec(payload(), 1..8),
            cut in any::<prop::sample::Index>(),
            holes in any::<bool>(),
        ) {
            let bytes = log(&payloads);
            let cut = cut.index(bytes.len() + 1);
            let mut torn = bytes[..cut].to_vec();
            let ends: Vec<_> = payloads.iter().scan(0, |end, lines| {
                *end += HEADER + lines.len();
                Some(*end)
            }).collect();
            if holes && let Some(end) = ends.iter().find(|end| **end > cut + HOLE.len()) {
                // the length was written, the bytes were not
                torn.resize(*end, 0);
            }
            let content = decode(&torn, Some(4)).unwrap();
            prop_assert_eq!(content.records.len(), ends.iter().filter(|end| **end <= cut).count());
        }

        #[test]
        fn any_flipped_bit_is_noticed(
            payloads in prop::collection::vec(payload(), 1..8),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut bytes = log(&payloads);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let damaged = decode(&bytes, Some(4)).expect_err("it was not as it was written");
            prop_assert!(damaged.at <= at);
        }

        #[test]
        fn a_record_that_is_missing_is_noticed(payloads in prop::collection::vec(payload(), 3..8), lost in 1..2_usize) {
            let bytes: Vec<u8> = payloads.iter().zip(5..).enumerate()
                .filter(|(at, _)| *at != lost)
                .flat_map(|(_, (lines, number))| encode(number, lines).unwrap()).collect();
            prop_assert!(decode(&bytes, Some(4)).is_err());
        }

        #[test]
        fn any_bytes_are_an_input(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            drop(decode(&bytes, None));
        }
    }
}
