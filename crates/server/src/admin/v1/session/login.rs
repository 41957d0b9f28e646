//! `POST /admin/v1/login`

use std::net::IpAddr;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;
use http::request::Parts;
use penstock_control::accounts::Actor;
use penstock_control::login::{LoggedIn, SESSION, log_in};
use penstock_core::Secret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Shared;
use crate::admin::v1::auth::{address, cookie, origin};
use crate::admin::v1::body::JsonBody;
use crate::admin::v1::problem::Problem;
use crate::admin::v1::publish::publish;
use crate::admin::v1::resource::Written;

/// As much of a name as the audit trail keeps: somebody may have typed a password there.
const SHOWN: usize = 64;

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Login {
    /// The user's name.
    name: String,
    /// The password.
    #[schema(value_type = String, format = Password)]
    password: Written,
}

/// Who is logged in, and until when.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct Session {
    user_id: i64,
    user: String,
    /// Unix milliseconds.
    expires_at: i64,
}

/// Where a login comes from.
pub(in super::super) struct Source(Option<IpAddr>);

impl FromRequestParts<Shared> for Source {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Problem> {
        // another site must not log a browser in as somebody of its choice
        origin::refuse_others(&parts.headers)?;
        Ok(Self(address(state, parts)))
    }
}

/// Opens a session, for browsers: the answer sets its cookie.
#[utoipa::path(
    post, path = "/login", tag = "session", request_body = Login,
    responses((status = 200, description = "The session; its cookie comes with it.", body = Session))
)]
pub(in super::super) async fn handle(
    Source(address): Source,
    State(state): State<Shared>,
    JsonBody(login): JsonBody<Login>,
) -> Result<Response, Problem> {
    let Written::Given(password) = login.password else {
        return Err(Problem::field("password", "expected a text"));
    };
    let shown: String = login.name.chars().take(SHOWN).collect();
    let actor = Actor { source_ip: address.map(|address| address.to_string()), ..Actor::named(&shown) };
    let now = state.parts.gateway.now();
    if let Err(refused) = state.throttle.attempt(&login.name, address, now) {
        let problem = Problem::too_many(refused.seconds);
        if refused.first {
            note(&state, &actor, &problem.detail, problem.status).await?;
        }
        return Err(problem);
    }
    match admit(&state, &login.name, password).await {
        Ok(logged_in) => {
            state.throttle.succeeded(&login.name, address);
            let actor = Actor { id: Some(logged_in.user.id), ..actor };
            note(&state, &actor, "logged in", StatusCode::OK).await?;
            Ok(welcome(&state, &logged_in))
        }
        Err(problem) => {
            note(&state, &actor, &problem.detail, problem.status).await?;
            Err(problem)
        }
    }
}

async fn admit(state: &Shared, name: &str, password: Secret<String>) -> Result<LoggedIn, Problem> {
    // a hash takes 19 MiB: as many at the same time as there are places
    let _place = state.logins.acquire().await.map_err(|_| Problem::too_many(1))?;
    let store = state.parts.store.as_ref();
    let logged_in = log_in(store, name, password, state.parts.gateway.now()).await?;
    // the session is looked up among the published records
    publish(state).await;
    Ok(logged_in)
}

async fn note(state: &Shared, actor: &Actor, what: &str, status: StatusCode) -> Result<(), Problem> {
    let entry = actor.did("session.login", format!("user {}", actor.name), None, Some(what.into()));
    Ok(state.parts.store.note(&entry, state.parts.gateway.now(), status.as_u16()).await?)
}

fn welcome(state: &Shared, logged_in: &LoggedIn) -> Response {
    let LoggedIn { user, token, expires_at } = logged_in;
    // the one place where the token is taken out: into the cookie
    let cookie = cookie::set(token.expose(), SESSION, state.parts.insecure_cookies);
    let session = Session { user_id: user.id.0, user: user.name.clone(), expires_at: expires_at.0 };
    ([(SET_COOKIE, cookie)], Json(session)).into_response()
}
