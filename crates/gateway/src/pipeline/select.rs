//! Which pipeline a request takes: that of its key, else the one it asks for, else the gateway's.

use std::sync::Arc;

use http::HeaderMap;
use penstock_pipeline::Pipeline;

use super::live::LivePipelines;
use crate::{Caller, GatewayError};

/// The headers that ask for modules.
const HEADERS: [&str; 2] = ["x-penstock-pipe", "x-prxy-pipe"];

/// The pipeline of a request by `caller`.
pub(crate) async fn select(
    live: &LivePipelines,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Arc<Pipeline>, GatewayError> {
    if let Caller::User(principal) = caller
        && let Some(own) = principal.pipeline()
    {
        return live.of_key(own).await.map_err(|error| {
            tracing::error!(key_id = %principal.key_id, %error, "a key's pipeline cannot run");
            GatewayError::Overloaded(
                "the pipeline of this key cannot run: its operator has to mend it".to_owned(),
            )
        });
    }
    match asked_for(headers)? {
        None => Ok(live.current()),
        Some((header, _)) if !live.allows_header() => Err(GatewayError::Forbidden(format!(
            "the header {header} is not allowed here: leave it out, or let the operator set `pipe_header` to true"
        ))),
        Some((header, text)) => live.chosen(header, text).map(Arc::new),
    }
}

fn asked_for(headers: &HeaderMap) -> Result<Option<(&'static str, &str)>, GatewayError> {
    let found = HEADERS.iter().find_map(|name| Some((*name, headers.get(*name)?)));
    let Some((name, value)) = found else { return Ok(None) };
    let unreadable =
        |_| GatewayError::invalid(format!("the header {name}: expected names of modules, found no text"));
    value.to_str().map(|text| Some((name, text))).map_err(unreadable)
}
