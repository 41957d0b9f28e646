//! `GET /admin/v1/export`

use axum::Json;
use axum::extract::State;
use penstock_control::bundle::{Bundle, Secrets};

use super::Exporting;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::schema::Anything;

/// Everything that operators edit, as a bundle.
#[utoipa::path(
    get, path = "/export", tag = "bundles", params(Exporting),
    responses((status = 200, description = "A bundle.", body = inline(Anything)))
)]
pub(in super::super) async fn handle(
    Admin { actor }: Admin,
    State(state): State<Shared>,
    QueryString(asked): QueryString<Exporting>,
) -> Result<Json<Bundle>, Problem> {
    let store = state.parts.store.as_ref();
    let loaded = store.load().await?;
    if !asked.secrets {
        return Ok(Json(export(&loaded.records, Secrets::References)?));
    }
    let bundle = export(&loaded.records, Secrets::Open(store.keyring()))?;
    // who takes secrets out leaves a trace
    let entry = actor.did("bundle.export", format!("with secrets, version {}", loaded.version), None, None);
    store.note(&entry, state.parts.gateway.now(), 200).await?;
    Ok(Json(bundle))
}

fn export(records: &penstock_control::Records, secrets: Secrets<'_>) -> Result<Bundle, Problem> {
    Bundle::export(records, secrets).map_err(|error| penstock_control::ControlError::from(error).into())
}
