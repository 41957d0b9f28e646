//! `GET /admin/v1/providers/{provider}/rule-sets/{rule_set}`

use axum::Json;
use axum::extract::{Path, State};

use super::{AttachmentView, Attachments};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::get;

/// An attachment of a rule set to a provider.
#[utoipa::path(
    get, path = "/providers/{provider}/rule-sets/{rule_set}", tag = "attachments",
    responses((status = 200, description = "It.", body = AttachmentView))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path((provider, rule_set)): Path<(String, String)>,
) -> Result<Json<AttachmentView>, Problem> {
    get::<Attachments>(&state, Some(&provider), &rule_set).await
}
