//! `POST /admin/v1/providers/{provider}/rule-sets`

use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::{AttachmentBody, AttachmentView, Attachments};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::body::Fields;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::create;

/// Makes an attachment of a rule set to a provider.
#[utoipa::path(
    post, path = "/providers/{provider}/rule-sets", tag = "attachments", request_body = AttachmentBody,
    responses((status = 201, description = "It is made.", body = AttachmentView))
)]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    fields: Fields,
) -> Result<(StatusCode, Json<AttachmentView>), Problem> {
    create::<Attachments>(&state, &admin, Some(&provider), fields).await
}
