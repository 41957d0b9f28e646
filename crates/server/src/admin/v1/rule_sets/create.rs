//! `POST /admin/v1/rule-sets`

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::{RuleSetBody, RuleSetView, RuleSets};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a rule set.
#[utoipa::path(
    post, path = "/rule-sets", tag = "rule-sets", request_body = RuleSetBody,
    responses((status = 201, description = "It is made.", body = RuleSetView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    fields: Fields,
) -> Result<(StatusCode, Json<RuleSetView>), Problem> {
    create::<RuleSets>(&state, &admin, None, fields).await
}
