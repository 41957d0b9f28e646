//! `POST /admin/v1/rule-sets/{rule_set}/rules`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{RuleBody, RuleView, Rules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes a rule of a set.
#[utoipa::path(
    post, path = "/rule-sets/{rule_set}/rules", tag = "rules", request_body = RuleBody,
    responses((status = 201, description = "It is made.", body = RuleView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(rule_set): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<RuleView>), Problem> {
    create::<Rules>(&state, &admin, Some(&rule_set), fields).await
}
