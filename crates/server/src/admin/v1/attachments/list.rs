//! `GET /admin/v1/providers/{provider}/rule-sets`

use axum::Json;
use axum::extract::{Path, State};

use super::{AttachmentView, Attachments};
use crate::Shared;
use crate::admin::v1::auth::Admin;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::resource::{Listing, Page, list};

/// All attachments of rule sets to a provider, oldest first.
#[utoipa::path(
    get, path = "/providers/{provider}/rule-sets", tag = "attachments", params(Listing<Attachments>),
    responses((status = 200, description = "A page of them.", body = Page<AttachmentView>))
)]
pub(in super::super) async fn handle(
    _: Admin,
    State(state): State<Shared>,
    Path(provider): Path<String>,
    asked: Listing<Attachments>,
) -> Result<Json<Page<AttachmentView>>, Problem> {
    list::<Attachments>(&state, Some(&provider), asked).await
}
