//! `GET /admin/v1/rule-sets/{rule_set}/rules`

use axum::Json;
use axum::extract::{Path, State};

use super::{RuleView, Rules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All rules of a set, oldest first.
#[utoipa::path(
    get, path = "/rule-sets/{rule_set}/rules", tag = "rules", params(Listing<Rules>),
    responses((status = 200, description = "A page of them.", body = Page<RuleView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(rule_set): Path<String>,
    asked: Listing<Rules>,
) -> Result<Json<Page<RuleView>>, Problem> {
    list::<Rules>(&state, Some(&rule_set), asked).await
}
