//! What was handed in as rows of the store: as text, redacted, large bodies by their name in the blob store.

use penstock_control::{DownstreamRequest, LogBatch, UpstreamRequest};
use penstock_core::{RequestId, Timestamp};
use penstock_storage::StorageAdapter;
use penstock_storage::blob::Key;

use super::{Captured, Downstream, Row, Upstream, redact};

/// A body that is longer than that is no matter for a database.
const IN_ROW: usize = 16 << 10;
/// Before the names of bodies in the blob store.
pub(crate) const FOLDER: &str = "penstock-logs/";
/// What a body in a row starts with that is in the blob store.
const ELSEWHERE: &str = "blob:";
/// What stands at the end of a body that was cut.
const CUT: &str = "… (cut)";

/// The rows of what was handed in.
pub(super) async fn of(rows: Vec<Row>, names: &[String], storage: &StorageAdapter) -> LogBatch {
    let mut batch = LogBatch::default();
    for row in rows {
        match row {
            Row::Downstream(row) => batch.downstream.push(downstream(*row, names, storage).await),
            Row::Upstream(row) => batch.upstream.push(upstream(*row, names, storage).await),
        }
    }
    batch
}

async fn downstream(row: Downstream, names: &[String], storage: &StorageAdapter) -> DownstreamRequest {
    let place = |part| Place { at: row.at, request: row.request_id, part };
    DownstreamRequest {
        request_id: row.request_id,
        at: row.at,
        method: row.method.as_str().to_owned(),
        path: row.path,
        query: row.query,
        status: row.status.into(),
        headers: Some(redact::headers(&row.headers, names)),
        body: body(row.body, place("request".to_owned()), names, storage).await,
        response_body: body(row.response_body, place("response".to_owned()), names, storage).await,
    }
}

async fn upstream(row: Upstream, names: &[String], storage: &StorageAdapter) -> UpstreamRequest {
    let place = |part| Place { at: row.at, request: row.request_id, part: format!("{}-{part}", row.attempt) };
    UpstreamRequest {
        request_id: row.request_id,
        attempt: row.attempt.into(),
        at: row.at,
        provider: Some(row.provider.to_string()),
        credential: row.credential.as_deref().map(str::to_owned),
        url: row.url,
        method: "POST".to_owned(),
        status: row.status.into(),
        latency_ms: i64::try_from(row.latency_ms).unwrap_or(i64::MAX),
        headers: Some(redact::headers(&row.headers, names)),
        body: body(row.body, place("request"), names, storage).await,
        response_body: body(row.response_body, place("response"), names, storage).await,
    }
}

/// Where a body is.
struct Place {
    at: Timestamp,
    request: RequestId,
    part: String,
}

impl Place {
    /// Its name, which starts with its day, so that old ones are found by their names.
    fn name(&self) -> String {
        format!("{FOLDER}{:05}/{}-{}", day(self.at), self.request, self.part)
    }
}

/// Days since 1970.
pub(crate) fn day(at: Timestamp) -> i64 {
    at.0.div_euclid(24 * 60 * 60 * 1_000)
}

async fn body(
    captured: Option<Captured>,
    place: Place,
    names: &[String],
    storage: &StorageAdapter,
) -> Option<String> {
    let captured = captured?;
    let mut text = redact::body(&String::from_utf8_lossy(&captured.bytes), names);
    // PostgreSQL has no text with a zero in it
    text.retain(|character| character != '\0');
    if captured.cut {
        text.push_str(CUT);
    }
    if text.len() <= IN_ROW {
        return Some(text);
    }
    let name = place.name();
    let start = text.floor_char_boundary(IN_ROW);
    let Ok(key) = Key::new(name.as_str()) else { return Some(text[..start].to_owned() + CUT) };
    match storage.blob().put(&key, text.clone().into()).await {
        Ok(()) => Some(format!("{ELSEWHERE}{name}")),
        // the start of it is better than nothing
        Err(_) => Some(text[..start].to_owned() + CUT),
    }
}
