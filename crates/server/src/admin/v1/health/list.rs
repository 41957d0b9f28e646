//! `GET /admin/v1/health`

use axum::Json;
use axum::extract::State;
use penstock_control::{CredentialStatus, Records};
use penstock_core::HealthState;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::providers::Providers;
use crate::admin::v1::resource::{Page, Window, name_of, page_by};
use crate::admin::v1::schema::words;

/// How a credential is, in all or for one model.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct HealthRow {
    credential_id: i64,
    credential: Option<String>,
    provider_id: Option<i64>,
    provider: Option<String>,
    /// The provider's name of the model; absent: all of them.
    model: Option<String>,
    #[schema(schema_with = words::<HealthState>)]
    state: HealthState,
    /// Until when it is left alone.
    until: Option<i64>,
    reason: Option<String>,
    /// The node that says so.
    reported_by: String,
    /// What the provider said.
    last_error: Option<String>,
    updated_at: i64,
}

impl HealthRow {
    fn of(status: CredentialStatus, records: &Records) -> Self {
        let credential = records.credentials.get(status.credential_id);
        let provider = credential.map(|credential| credential.provider_id);
        Self {
            credential_id: status.credential_id.0,
            credential: credential.map(|credential| credential.name.clone()),
            provider_id: provider.map(|id| id.0),
            provider: provider.map(|id| name_of::<Providers>(id, records)),
            model: Some(status.model).filter(|model| !model.is_empty()),
            state: status.state,
            until: status.until.map(|at| at.0),
            reason: status.reason,
            reported_by: status.reported_by,
            last_error: status.last_error,
            updated_at: status.updated_at.0,
        }
    }

    fn key(&self) -> String {
        format!("{:020}\n{}", self.credential_id, self.model.as_deref().unwrap_or_default())
    }
}

/// How credentials are, as all nodes told.
#[utoipa::path(
    get, path = "/health", tag = "health", params(Window),
    responses((status = 200, description = "A page of them.", body = Page<HealthRow>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    QueryString(window): QueryString<Window>,
) -> Result<Json<Page<HealthRow>>, Problem> {
    let store = state.parts.store.as_ref();
    let records = store.load().await?.records;
    let statuses = store.health_reports().await?;
    let rows = statuses.into_iter().map(|status| HealthRow::of(status, &records)).collect();
    page_by(rows, HealthRow::key, &window).map(Json)
}
