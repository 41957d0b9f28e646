//! `DELETE /admin/v1/rule-sets/{rule_set}/rules/{rule}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::Rules;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a rule of a set.
#[utoipa::path(
    delete, path = "/rule-sets/{rule_set}/rules/{rule}", tag = "rules", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((rule_set, rule)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<Rules>(&state, &admin, Some(&rule_set), &rule, &removal).await
}
