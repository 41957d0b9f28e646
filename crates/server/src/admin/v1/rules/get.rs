//! `GET /admin/v1/rule-sets/{rule_set}/rules/{rule}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RuleView, Rules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// A rule of a set.
#[utoipa::path(
    get, path = "/rule-sets/{rule_set}/rules/{rule}", tag = "rules",
    responses((status = 200, description = "It.", body = RuleView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((rule_set, rule)): Path<(String, String)>,
) -> Result<Json<RuleView>, Problem> {
    get::<Rules>(&state, Some(&rule_set), &rule).await
}
