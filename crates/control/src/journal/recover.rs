//! What a journal that was left behind still owes.

use std::collections::{HashMap, HashSet};
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
    /// What its segments take on the disk.
    pub(super) bytes: u64,
    /// The segments, and whether something in them could not be read.
    pub(super) segments: Vec<(u64, bool)>,
}

/// Reads all segments of `dir`. Requests that ended last may be in the store already, without a record that says so;
/// it will know them.
pub(super) fn read(dir: &Path) -> io::Result<Recovered> {
    let segments = segment::list(dir)?;
    let mut recovered = Recovered::default();
    let mut open = HashMap::<RequestId, Settlement>::new();
    // an end counts wherever it stands: its begin may be in a record that cannot be read
    let mut ended = HashMap::<RequestId, Option<Settlement>>::new();
    let mut applied = HashSet::<RequestId>::new();
    for id in segments {
        let bytes = std::fs::read(segment::path(dir, id))?;
        let (records, damaged) = record::decode(id, &bytes);
        recovered.bytes += bytes.len() as u64;
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
                Kind::Applied => read_into(record.payload, &mut recovered.damaged, |ids: Vec<RequestId>| {
                    applied.extend(ids);
                }),
            }
        }
        recovered.segments.push((id, recovered.damaged > before));
    }
    open.retain(|id, _| !ended.contains_key(id) && !applied.contains(id));
    ended.retain(|id, _| !applied.contains(id));
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
