//! Version 1: JSON, one file per operation, errors as problem documents (RFC 9457).

mod auth;
mod body;
mod bundle;
mod check;
mod openapi;
mod problem;
mod publish;
mod resource;
mod schema;
mod scope;
mod session;
mod underway;

mod aliases;
mod attachments;
mod audit;
mod credentials;
mod health;
mod keys;
mod logs;
mod members;
mod models;
mod orgs;
mod permissions;
mod providers;
mod quotas;
mod rate_limits;
mod rollups;
mod routes;
mod routing_rules;
mod rule_sets;
mod rules;
mod settings;
mod teams;
mod usage;
mod users;

use axum::Router;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::auth::throttle::Throttle;
use crate::Shared;

/// Every operation at its path, and the document that describes them.
pub(crate) fn router(state: &Shared) -> Router<Shared> {
    documented()
        .0
        .fallback(problem::no_such_path)
        .method_not_allowed_fallback(problem::no_such_method)
        .layer(map_response(private))
        .layer(from_fn_with_state(Shared::clone(state), underway::count))
}

/// The OpenAPI document of the admin API, as `GET /admin/v1/openapi.json` answers it.
pub fn openapi() -> Value {
    openapi::finish(&documented().1)
}

fn documented() -> (Router<Shared>, OpenApi) {
    let router = OpenApiRouter::<Shared>::default()
        .routes(routes!(openapi::handle))
        .routes(routes!(session::login::handle))
        .routes(routes!(session::logout::handle))
        .routes(routes!(usage::list::handle))
        .routes(routes!(rollups::list::handle))
        .routes(routes!(logs::list::handle))
        .routes(routes!(audit::list::handle))
        .routes(routes!(health::list::handle))
        .routes(routes!(bundle::apply::handle))
        .routes(routes!(bundle::export::handle));
    [providers(router), routing(OpenApiRouter::default()), identity(OpenApiRouter::default())]
        .into_iter()
        .fold(OpenApiRouter::default(), OpenApiRouter::merge)
        .split_for_parts()
}

/// The two paths of a resource: all of them, and one.
macro_rules! resource {
    ($router:expr, $($resource:ident),+) => {
        $router$(
            .routes(routes!($resource::list::handle, $resource::create::handle))
            .routes(routes!($resource::get::handle, $resource::update::handle, $resource::delete::handle))
        )+
    };
}

fn providers(router: OpenApiRouter<Shared>) -> OpenApiRouter<Shared> {
    resource!(router, providers, credentials, models, routing_rules, attachments, rule_sets, rules)
        .routes(routes!(routing_rules::reset::handle))
}

fn routing(router: OpenApiRouter<Shared>) -> OpenApiRouter<Shared> {
    resource!(router, routes, members, aliases, settings)
}

fn identity(router: OpenApiRouter<Shared>) -> OpenApiRouter<Shared> {
    resource!(router, orgs, teams, users, keys, permissions, rate_limits, quotas)
}

/// What is answered here is for the caller alone, and a new key is among it.
async fn private(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// What is made is used, unless told otherwise.
fn yes() -> bool {
    true
}

/// The weight of what nobody weighed.
fn hundred() -> schema::Count {
    schema::Count(100)
}

/// Where users and teams are that nobody put elsewhere.
fn default_org() -> resource::Reference {
    resource::Reference::Name(penstock_control::DEFAULT_ORG.to_owned())
}
