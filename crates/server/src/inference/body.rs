//! Takes a body in, within bounds of size and time.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use penstock_gateway::GatewayError;
use tokio::time::{Instant, timeout_at};

use crate::Limits;

/// What is reserved at once for a body that announces its length.
const RESERVE: u64 = 4 << 20;
/// How long, and how much, a refused client may go on sending.
const DISCARD_TIME: Duration = Duration::from_secs(3);
const DISCARD_BYTES: usize = 256 << 20;

/// Reads the whole body. With an error comes what was not read.
pub(super) async fn read(
    mut body: Body,
    headers: &HeaderMap,
    limits: Limits,
) -> Result<Bytes, (GatewayError, Body)> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let too_large = GatewayError::BodyTooLarge { limit: limits.max_body };
    if announced.is_some_and(|length| length > limits.max_body) {
        return Err((too_large, body));
    }
    let start = Instant::now();
    let mut whole = BytesMut::new();
    loop {
        let earned = Duration::from_secs(whole.len() as u64 / limits.body_rate.max(1));
        let frame = match timeout_at(start + limits.body_grace + earned, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(whole.freeze()),
            Ok(Some(Err(error))) => {
                let message = format!("the body could not be read to its end: {error}");
                return Err((GatewayError::invalid(message), Body::empty()));
            }
            Err(_) => {
                let error =
                    GatewayError::BodyTimeout { received: whole.len() as u64, after: start.elapsed() };
                // whoever sends this slowly is not waited for
                return Err((error, Body::empty()));
            }
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.is_empty() && announced == Some(data.len() as u64) {
            // the usual case: the body came in one piece and is not copied
            return Ok(data);
        }
        if (whole.len() + data.len()) as u64 > limits.max_body {
            return Err((too_large, body));
        }
        if whole.is_empty() {
            whole.reserve(usize::try_from(announced.unwrap_or(0).min(RESERVE)).unwrap_or(0));
        }
        whole.extend_from_slice(&data);
    }
}

/// Takes what a refused client still sends, for a moment.
pub(crate) async fn discard(mut body: Body) {
    let until = Instant::now() + DISCARD_TIME;
    let mut discarded = 0;
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        discarded += frame.data_ref().map_or(0, Bytes::len);
        if discarded > DISCARD_BYTES {
            break;
        }
    }
}
