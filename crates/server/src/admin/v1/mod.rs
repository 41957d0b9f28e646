//! Version 1: JSON, one file per operation, errors as problem documents (RFC 9457).

mod auth;
mod body;
mod bundle;
mod keys;
mod problem;
mod usage;
mod users;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, patch, post};

use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::Shared;

/// Every operation at its path. `{user}` and `{key}` are ids or names.
pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/users", get(users::list::handle).post(users::create::handle))
        .route(
            "/users/{user}",
            get(users::get::handle).patch(users::update::handle).delete(users::delete::handle),
        )
        .route("/users/{user}/keys", get(keys::list::handle).post(keys::create::handle))
        .route("/users/{user}/keys/{key}", patch(keys::update::handle).delete(keys::delete::handle))
        .route("/usage", get(usage::list::handle))
        .route("/apply", post(bundle::apply::handle).layer(DefaultBodyLimit::max(bundle::LARGEST)))
        .route("/export", get(bundle::export::handle))
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(map_response(private))
}

/// What is answered here is for the caller alone, and a new key is among it.
async fn private(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}
