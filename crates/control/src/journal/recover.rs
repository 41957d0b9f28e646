//! What a journal that was left behind still owes.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use penstock_core::RequestId;

use super::record::{self, Kind};
use super::segment;
use crate::Settlement;

/// The content of the segments that an earlier process left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// What is owed: ended requests, and begun ones as interrupted.
    pub settlements: Vec<Settlement>,
    /// How many of them had begun and not ended.
    pub interrupted: usize,
    /// Records that could not be read.
    pub damaged: usize,
    /// The segments, and whether something in them could not be read.
    pub(super) segments: Vec<(u64, bool)>,
}

/// Reads all segments of `dir`. Ended requests may be in the store already; it will know them.
pub(super) fn read(dir: &Path) -> io::Result<Recovered> {
    let segments = segment::list(dir)?;
    let mut recovered = Recovered::default();
    let mut open = HashMap::<RequestId, Settlement>::new();
    // an end counts wherever it stands: its begin may be in a record that cannot be read
    let mut ended = HashMap::<RequestId, Option<Settlement>>::new();
    for id in segments {
        let bytes = std::fs::read(segment::path(dir, id))?;
        let (records, damaged) = record::decode(id, &bytes);
        let before = recovered.damaged;
        recovered.damaged += damaged;
        for record in records {
            match record.kind {
                Kind::Begin => read_into(record.payload, &mut recovered.damaged, |settlement: Settlement| {
                    open.insert(settlement.request_id, settlement);
                }),
                Kind::End => read_into(record.payload, &mut recovered.damaged, |settlement: Settlement| {
                    ended.insert(settlement.request_id, Some(settlement));
                }),
                Kind::Void => read_into(record.payload, &mut recovered.damaged, |id: RequestId| {
                    ended.insert(id, None);
                }),
            }
        }
        recovered.segments.push((id, recovered.damaged > before));
    }
    open.retain(|id, _| !ended.contains_key(id));
    recovered.interrupted = open.len();
    recovered.settlements = open.into_values().chain(ended.into_values().flatten()).collect();
    recovered.settlements.sort_by_key(|settlement| settlement.request_id);
    Ok(recovered)
}

fn read_into<'de, T: serde::Deserialize<'de>>(payload: &'de [u8], damaged: &mut usize, take: impl FnOnce(T)) {
    match serde_json::from_slice(payload) {
        Ok(value) => take(value),
        Err(_) => *damaged += 1,
    }
}
