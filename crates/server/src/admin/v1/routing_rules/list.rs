//! `GET /admin/v1/providers/{provider}/routing-rules`

use axum::Json;
use axum::extract::{Path, State};

use super::{RoutingRuleView, RoutingRules};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All routing rules of a provider, oldest first.
#[utoipa::path(
    get, path = "/providers/{provider}/routing-rules", tag = "routing-rules", params(Listing<RoutingRules>),
    responses((status = 200, description = "A page of them.", body = Page<RoutingRuleView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    asked: Listing<RoutingRules>,
) -> Result<Json<Page<RoutingRuleView>>, Problem> {
    list::<RoutingRules>(&state, Some(&provider), asked).await
}
