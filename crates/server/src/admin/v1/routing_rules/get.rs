//! `GET /admin/v1/providers/{provider}/routing-rules/{rule}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RoutingRuleView, RoutingRules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A routing rule of a provider.
#[utoipa::path(
    get, path = "/providers/{provider}/routing-rules/{rule}", tag = "routing-rules",
    responses((status = 200, description = "It.", body = RoutingRuleView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((provider, rule)): Path<(String, String)>,
) -> Result<Json<RoutingRuleView>, Problem> {
    get::<RoutingRules>(&state, Some(&provider), &rule).await
}
