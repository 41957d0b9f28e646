//! `PATCH /admin/v1/rule-sets/{rule_set}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RuleSetBody, RuleSetView, RuleSets};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a rule set.
#[utoipa::path(
    patch, path = "/rule-sets/{rule_set}", tag = "rule-sets", request_body = RuleSetBody,
    responses((status = 200, description = "As it is now.", body = RuleSetView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(rule_set): Path<String>,
    fields: Fields,
) -> Result<Json<RuleSetView>, Problem> {
    update::<RuleSets>(&state, &admin, None, &rule_set, fields).await
}
