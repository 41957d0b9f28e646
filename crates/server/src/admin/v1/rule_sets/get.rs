//! `GET /admin/v1/rule-sets/{rule_set}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RuleSetView, RuleSets};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A rule set.
#[utoipa::path(
    get, path = "/rule-sets/{rule_set}", tag = "rule-sets",
    responses((status = 200, description = "It.", body = RuleSetView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(rule_set): Path<String>,
) -> Result<Json<RuleSetView>, Problem> {
    get::<RuleSets>(&state, None, &rule_set).await
}
