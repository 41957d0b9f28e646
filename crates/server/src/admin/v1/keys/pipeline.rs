//! A key's own pipeline has to be one that can run.

use serde_json::Value;

use crate::Shared;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;

/// Refuses what could not run.
pub(super) async fn check(state: &Shared, fields: &Fields) -> Result<(), Problem> {
    let Some(Value::String(text)) = fields.0.get("pipeline") else {
        return Ok(());
    };
    let checked = state.parts.gateway.pipelines().check(text).await;
    checked.map_err(|error| Problem::invalid(error.to_string()).naming(Some("pipeline".to_owned())))
}
