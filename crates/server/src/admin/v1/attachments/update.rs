//! `PATCH /admin/v1/providers/{provider}/rule-sets/{rule_set}`

use axum::Json;
use axum::extract::{Path, State};

use super::{AttachmentBody, AttachmentView, Attachments};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::update;

/// Changes an attachment of a rule set to a provider.
#[utoipa::path(
    patch, path = "/providers/{provider}/rule-sets/{rule_set}", tag = "attachments", request_body = AttachmentBody,
    responses((status = 200, description = "As it is now.", body = AttachmentView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path((provider, rule_set)): Path<(String, String)>,
    fields: Fields,
) -> Result<Json<AttachmentView>, Problem> {
    update::<Attachments>(&state, &admin, Some(&provider), &rule_set, fields).await
}
