//! `PATCH /admin/v1/providers/{provider}/routing-rules/{rule}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RoutingRuleBody, RoutingRuleView, RoutingRules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a routing rule of a provider.
#[utoipa::path(
    patch, path = "/providers/{provider}/routing-rules/{rule}", tag = "routing-rules", request_body = RoutingRuleBody,
    responses((status = 200, description = "As it is now.", body = RoutingRuleView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, rule)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<RoutingRuleView>, Problem> {
    update::<RoutingRules>(&state, &admin, Some(&provider), &rule, fields).await
}
