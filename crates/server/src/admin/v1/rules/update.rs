//! `PATCH /admin/v1/rule-sets/{rule_set}/rules/{rule}`

use axum::Json;
use axum::extract::{Path, State};

use super::{RuleBody, RuleView, Rules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes a rule of a set.
#[utoipa::path(
    patch, path = "/rule-sets/{rule_set}/rules/{rule}", tag = "rules", request_body = RuleBody,
    responses((status = 200, description = "As it is now.", body = RuleView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((rule_set, rule)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<RuleView>, Problem> {
    update::<Rules>(&state, &admin, Some(&rule_set), &rule, fields).await
}
