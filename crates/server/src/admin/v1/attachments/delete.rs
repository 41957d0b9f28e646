//! `DELETE /admin/v1/providers/{provider}/rule-sets/{rule_set}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Attachments;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes an attachment of a rule set to a provider.
#[utoipa::path(
    delete, path = "/providers/{provider}/rule-sets/{rule_set}", tag = "attachments", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, rule_set)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Attachments>(&state, &admin, Some(&provider), &rule_set, &removal).await
}
