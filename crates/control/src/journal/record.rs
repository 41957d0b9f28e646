//! The form of one record in a segment.
//!
//! A record starts at a multiple of [`BLOCK`] bytes: magic, payload length, CRC-32, kind, the last bytes of
//! the segment's id, then the payload, then zeros up to the next block. The checksum covers the segment's
//! id, the record's offset, its kind and its payload, so that bytes which merely look like a record (in a
//! payload, or left over from another segment) do not pass for one. A reader that meets anything else moves
//! on by one block: a damaged record costs itself and nothing behind it. By the id in its header one that is
//! left over is told from one that is damaged.

use crate::settlement::Journaled;

/// Alignment of records.
pub(super) const BLOCK: usize = 64;
const HEADER: usize = 16;
/// Room for a settlement, as most records are.
const USUAL: usize = 1024;
const MAGIC: [u8; 4] = *b"PREC";

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request is about to reach a provider; the payload is what it owes if nothing else is heard.
    Begin = 1,
    /// It has ended; the payload is what it owes.
    End = 2,
    /// It has ended and owes nothing; the payload is its id.
    Void = 3,
    /// The store has what these owe; the payload is a list of ids.
    Applied = 4,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Begin, Self::End, Self::Void, Self::Applied].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// Bytes that a record with this payload takes up.
fn size(payload: usize) -> usize {
    (HEADER + payload).next_multiple_of(BLOCK)
}

/// A record that has its payload and not yet its place. The header's room stands in front of the payload,
/// so that nothing is copied once the place is known.
#[derive(Debug)]
pub(super) struct Draft {
    bytes: Vec<u8>,
    length: usize,
}

impl Draft {
    /// A record with `record` as its payload.
    pub(super) fn new(record: &(impl Journaled + ?Sized)) -> Self {
        let mut bytes = Vec::with_capacity(USUAL);
        bytes.resize(HEADER, 0);
        record.write(&mut bytes);
        let length = bytes.len() - HEADER;
        bytes.resize(size(length), 0);
        Self { bytes, length }
    }

    /// Bytes that it takes up.
    pub(super) fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The record for its place in `segment`, at `offset`.
    pub(super) fn place(&mut self, segment: u64, offset: u64, kind: Kind) -> &[u8] {
        let length = u32::try_from(self.length).unwrap_or(u32::MAX);
        let crc = checksum(segment, offset, kind, &self.bytes[HEADER..HEADER + self.length]);
        self.bytes[..4].copy_from_slice(&MAGIC);
        self.bytes[4..8].copy_from_slice(&length.to_le_bytes());
        self.bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        self.bytes[12] = kind as u8;
        self.bytes[13..HEADER].copy_from_slice(&mark(segment));
        &self.bytes
    }
}

/// A record as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read<'a> {
    pub(super) kind: Kind,
    pub(super) payload: &'a [u8],
}

/// Every sound record of a segment's bytes, and how many damaged ones were passed over.
pub(super) fn decode(segment: u64, bytes: &[u8]) -> (Vec<Read<'_>>, usize) {
    let (mut records, mut damaged, mut offset) = (Vec::new(), 0, 0);
    while offset + HEADER <= bytes.len() {
        if let Some(record) = decode_at(segment, bytes, offset) {
            offset += size(record.payload.len());
            records.push(record);
        } else {
            let header = &bytes[offset..offset + HEADER];
            damaged += usize::from(header.starts_with(&MAGIC) && header.ends_with(&mark(segment)));
            offset += BLOCK;
        }
    }
    (records, damaged)
}

fn decode_at(segment: u64, bytes: &[u8], offset: usize) -> Option<Read<'_>> {
    let header = &bytes[offset..offset + HEADER];
    let word = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    let kind = Kind::from_byte(header[12]).filter(|_| header.starts_with(&MAGIC))?;
    let start = offset + HEADER;
    let payload = bytes.get(start..start.checked_add(word(4)? as usize)?)?;
    let sound = word(8)? == checksum(segment, offset as u64, kind, payload);
    sound.then_some(Read { kind, payload })
}

/// What of a segment's id is in the headers of its records.
fn mark(segment: u64) -> [u8; 3] {
    let [first, second, third, ..] = segment.to_le_bytes();
    [first, second, third]
}

fn checksum(segment: u64, offset: u64, kind: Kind, payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&segment.to_le_bytes());
    crc.update(&offset.to_le_bytes());
    crc.update(&[kind as u8]);
    crc.update(payload);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Draft {
        fn raw(payload: &[u8]) -> Self {
            let mut bytes = [&[0; HEADER], payload].concat();
            bytes.resize(size(payload.len()), 0);
            Self { bytes, length: payload.len() }
        }
    }

    fn segment(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            let mut draft = Draft::raw(payload);
            bytes.extend_from_slice(draft.place(7, bytes.len() as u64, Kind::End));
        }
        bytes
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8)) {
            let mut bytes = segment(&payloads);
            bytes.resize(bytes.len() + 4 * BLOCK, 0);
            let (records, damaged) = decode(7, &bytes);
            let read: Vec<_> = records.iter().map(|record| record.payload.to_vec()).collect();
            prop_assert_eq!((read, damaged), (payloads, 0));
        }

        #[test]
        fn a_flipped_byte_costs_at_most_its_own_record(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let mut bytes = segment(&payloads);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let (records, _) = decode(7, &bytes);
            prop_assert!(records.len() + 1 >= payloads.len());
            prop_assert!(records.iter().all(|record| payloads.iter().any(|payload| payload == record.payload)));
        }

        #[test]
        fn any_truncation_leaves_what_came_before(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let bytes = segment(&payloads);
            let cut = cut.index(bytes.len() + 1);
            let whole = payloads.iter().scan(0, |end, payload| {
                let start = *end;
                *end += size(payload.len());
                Some(start + HEADER + payload.len())
            }).filter(|end| *end <= cut).count();
            prop_assert_eq!(decode(7, &bytes[..cut]).0.len(), whole);
        }
    }

    #[test]
    fn a_record_of_another_segment_or_place_does_not_count() {
        let bytes = segment(&[b"x".to_vec()]);
        assert_eq!(decode(8, &bytes), (vec![], 0), "it is left over");
        let moved = [vec![0; BLOCK], bytes].concat();
        assert_eq!(decode(7, &moved), (vec![], 1));
    }
}
