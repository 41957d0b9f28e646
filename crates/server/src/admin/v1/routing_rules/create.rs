//! `POST /admin/v1/providers/{provider}/routing-rules`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{RoutingRuleBody, RoutingRuleView, RoutingRules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a routing rule of a provider.
#[utoipa::path(
    post, path = "/providers/{provider}/routing-rules", tag = "routing-rules", request_body = RoutingRuleBody,
    responses((status = 201, description = "It is made.", body = RoutingRuleView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<RoutingRuleView>), Problem> {
    create::<RoutingRules>(&state, &admin, Some(&provider), fields).await
}
