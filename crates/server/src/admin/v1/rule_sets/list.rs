//! `GET /admin/v1/rule-sets`

use axum::Json;
use axum::extract::State;

use super::{RuleSetView, RuleSets};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All rule sets, oldest first.
#[utoipa::path(
    get, path = "/rule-sets", tag = "rule-sets", params(Listing<RuleSets>),
    responses((status = 200, description = "A page of them.", body = Page<RuleSetView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    asked: Listing<RuleSets>,
) -> Result<Json<Page<RuleSetView>>, Problem> {
    list::<RuleSets>(&state, None, asked).await
}
