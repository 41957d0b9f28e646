//! `DELETE /admin/v1/providers/{provider}/routing-rules/{rule}`

use axum::extract::{Path, State};
use http::StatusCode;

use super::RoutingRules;
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::QueryString;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Removal, delete};

/// Deletes a routing rule of a provider.
#[utoipa::path(
    delete, path = "/providers/{provider}/routing-rules/{rule}", tag = "routing-rules", params(Removal),
    responses((status = 204, description = "It is gone."))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, rule)): Path<(String, String)>,
    QueryString(removal): QueryString<Removal>,
) -> Result<StatusCode, Problem> {
    delete::<RoutingRules>(&state, &admin, Some(&provider), &rule, &removal).await
}
