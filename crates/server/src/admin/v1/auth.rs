//! Who may use the admin API: whoever shows the admin key, or a key of a user who is an administrator.
//! Open mode opens nothing here.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use penstock_control::{KeyDigest, KeyLookup};

use super::problem::Problem;
use crate::Shared;

/// Proof that the caller may use the admin API.
pub(super) struct Admin;

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.split_once(' '));
        let shown = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, key)) = shown else {
            return Err(unauthorized("expected the admin key as `Authorization: Bearer …`"));
        };
        // digests are compared in constant time
        let digest = KeyDigest::of(key.trim());
        let lookup = state.parts.live.current().key(&digest, state.parts.gateway.now());
        let is_admin = matches!(lookup, KeyLookup::Valid(principal) if principal.is_admin);
        if is_admin || state.parts.admin_key == Some(digest) {
            return Ok(Self);
        }
        Err(unauthorized(match state.parts.admin_key {
            Some(_) => "this is neither the admin key nor a key of an administrator",
            None => "this is no key of an administrator, and there is no admin key: set PENSTOCK_ADMIN_KEY",
        }))
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}
