//! `GET /admin/v1/export`

use axum::Json;
use axum::extract::State;
use penstock_control::bundle::{Bundle, Secrets};
use serde::Deserialize;

use super::actor;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Asked {
    /// `false`: references stand in the place of secrets.
    #[serde(default = "with_secrets")]
    secrets: bool,
}

fn with_secrets() -> bool {
    true
}

/// Everything that operators edit.
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(asked): QueryString<Asked>,
) -> Result<Json<Bundle>, Problem> {
    let store = state.parts.store.as_ref();
    let loaded = store.load().await?;
    if !asked.secrets {
        return Ok(Json(export(&loaded.records, Secrets::References)?));
    }
    let bundle = export(&loaded.records, Secrets::Open(store.keyring()))?;
    // who takes secrets out leaves a trace
    let entry = actor().entry("bundle.export", format!("with secrets, version {}", loaded.version));
    store.note(&entry, state.parts.gateway.now(), 200).await?;
    Ok(Json(bundle))
}

fn export(records: &penstock_control::Records, secrets: Secrets<'_>) -> Result<Bundle, Problem> {
    Bundle::export(records, secrets).map_err(|error| penstock_control::ControlError::from(error).into())
}
