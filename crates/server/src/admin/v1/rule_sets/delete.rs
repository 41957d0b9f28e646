//! `DELETE /admin/v1/rule-sets/{rule_set}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::RuleSets;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a rule set with its rules and attachments.
#[utoipa::path(
    delete, path = "/rule-sets/{rule_set}", tag = "rule-sets", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(rule_set): Path<String>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<RuleSets>(&state, &admin, None, &rule_set, &removal).await
}
