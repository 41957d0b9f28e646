//! `POST /admin/v1/logout`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use penstock_control::login::log_out;

use crate::Shared;
use crate::admin::v1::auth::{Admin, cookie};
use crate::admin::v1::problem::Problem;

/// Ends the session that the request came with.
#[utoipa::path(post, path = "/logout", tag = "session", responses((status = 204, description = "It has ended.")))]
pub(in super::super) async fn handle(
    admin: Admin,
    State(state): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let store = state.parts.store.as_ref();
    if let Some(token) = cookie::token(&headers) {
        let live = state.parts.live.current().clone();
        log_out(store, live.records(), token).await?;
        let entry = admin.actor.did("session.logout", format!("user {}", admin.actor.name), None, None);
        store.note(&entry, state.parts.gateway.now(), StatusCode::NO_CONTENT.as_u16()).await?;
    }
    let cleared = cookie::clear(state.parts.insecure_cookies);
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, cleared)]).into_response())
}
