//! Only the admin key opens the admin API, in open mode as well.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::header::AUTHORIZATION;
use http::request::Parts;
use penstock_control::KeyDigest;

use super::problem::Problem;
use crate::Shared;

/// Proof that the caller showed the admin key.
pub(super) struct Admin;

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let Some(expected) = state.parts.admin_key else {
            let detail = "the admin API is off: start Penstock with PENSTOCK_ADMIN_KEY set to turn it on";
            return Err(Problem::new(StatusCode::FORBIDDEN, "admin_off", detail));
        };
        let shown = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match shown {
            // digests are compared in constant time
            Some((_, key)) if KeyDigest::of(key.trim()) == expected => Ok(Self),
            Some(_) => Err(unauthorized("this is not the admin key")),
            None => Err(unauthorized("expected the admin key as `Authorization: Bearer …`")),
        }
    }
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
}
