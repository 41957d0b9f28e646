//! Who may use the admin API: whoever shows the admin key, a key of a user who is an administrator, or the
//! cookie of such a user's session. Open mode opens nothing here.

pub(super) mod cookie;
pub(super) mod origin;
pub(super) mod throttle;

use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::header::AUTHORIZATION;
use http::request::Parts;
use penstock_control::accounts::Actor;
use penstock_control::{KeyDigest, KeyLookup, login};

use super::problem::Problem;
use crate::{Shared, State, listen};

/// Proof that the caller may use the admin API, and who it is.
pub(super) struct Admin {
    /// As the audit trail names it.
    pub(super) actor: Actor,
}

impl FromRequestParts<Shared> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        let source_ip = address(state, parts).map(|address| address.to_string());
        let actor = match parts.headers.get(AUTHORIZATION) {
            Some(shown) => by_key(state, shown.to_str().unwrap_or_default())?,
            None => by_session(state, parts).await?,
        };
        Ok(Self { actor: Actor { source_ip, ..actor } })
    }
}

/// Where the request comes from.
pub(super) fn address(state: &State, parts: &Parts) -> Option<IpAddr> {
    state.parts.trusted_proxies.remote(listen::peer(), &parts.headers).address()
}

fn by_key(state: &State, shown: &str) -> Result<Actor, Problem> {
    let key = shown.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let Some((_, key)) = key else {
        return Err(Problem::unauthorized("expected the admin key as `Authorization: Bearer …`"));
    };
    // digests are compared in constant time
    let digest = KeyDigest::of(key.trim());
    if state.parts.admin_key == Some(digest) {
        return Ok(Actor::named("admin key"));
    }
    match state.parts.live.current().presented(key.trim(), state.parts.gateway.now()) {
        KeyLookup::Valid(principal) if principal.is_admin => {
            let name = principal.user_name().to_owned();
            Ok(Actor { id: Some(principal.user_id), name, source_ip: None })
        }
        KeyLookup::Valid(_) => {
            Err(Problem::forbidden("forbidden", "this key is one of a user who is not an administrator"))
        }
        KeyLookup::Refused(reason) => Err(Problem::unauthorized(format!("this key does not work: {reason}"))),
        KeyLookup::Unknown => Err(Problem::unauthorized(match state.parts.admin_key {
            Some(_) => "this is neither the admin key nor a key of an administrator",
            None => "this is no key of an administrator, and there is no admin key: set PENSTOCK_ADMIN_KEY",
        })),
    }
}

async fn by_session(state: &State, parts: &Parts) -> Result<Actor, Problem> {
    let Some(token) = cookie::token(&parts.headers) else {
        return Err(Problem::unauthorized(
            "expected an administrator's key as `Authorization: Bearer …`, or the cookie of a login",
        ));
    };
    if !parts.method.is_safe() {
        origin::require_own(&parts.headers)?;
    }
    // of the published records, so that who was disabled or is no administrator any more is out at once
    let live = state.parts.live.current().clone();
    let store = state.parts.store.as_ref();
    let user = login::session(store, live.records(), token, state.parts.gateway.now()).await?;
    let user = user.ok_or_else(|| Problem::unauthorized("this session has ended: log in again"))?;
    Ok(Actor { id: Some(user.id), name: user.name.clone(), source_ip: None })
}
