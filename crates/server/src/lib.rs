//! The HTTP surface: inference, models, operations, admin.
//!
//! Handlers name what is asked, bound what comes in, and hand over to the gateway; they decide
//! nothing about models or money. This is the only crate that knows the web framework.

mod admin;
mod cors;
mod inference;
mod listen;
mod logged;
mod models;
mod ops;
mod pipeline;
mod remote;
mod repolled;
mod response;
mod stall;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use penstock_control::journal::Journal;
use penstock_control::{ControlStore, KeyDigest, LiveSnapshot};
use penstock_gateway::Gateway;
use penstock_providers::ProviderTable;
use tokio::sync::Semaphore;

use admin::v1::Throttle;
pub use admin::v1::openapi;
pub use cors::CorsOrigins;
pub use listen::{ListenOptions, serve};
pub use remote::TrustedProxies;
use response::RequestMeters;

/// Bounds on what clients may send.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a body at the most.
    pub max_body: u64,
    /// How long a body may take before its rate counts.
    pub body_grace: Duration,
    /// Bytes a second that a slower body must reach on average.
    pub body_rate: u64,
    /// Requests at the same time at the most.
    pub max_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 100 << 20,
            body_grace: Duration::from_secs(30),
            body_rate: 16 << 10,
            max_in_flight: 10_000,
        }
    }
}

/// What a server is made of.
#[derive(Debug)]
pub struct Parts {
    /// Answers requests.
    pub gateway: Gateway,
    /// The records, for the admin API.
    pub store: Arc<dyn ControlStore>,
    /// The published records.
    pub live: Arc<LiveSnapshot>,
    /// For its figures.
    pub journal: Arc<Journal>,
    /// Digest of the admin key, if there is one.
    pub admin_key: Option<KeyDigest>,
    /// Whether cookies of the admin API may go over plain HTTP.
    pub insecure_cookies: bool,
    /// Proxies whose word on where a request comes from is taken.
    pub trusted_proxies: TrustedProxies,
    /// The web pages that may call models, where any may.
    pub cors: Option<CorsOrigins>,
    /// What is known of providers, to check what is saved against.
    pub table: Arc<ProviderTable>,
    /// Bounds.
    pub limits: Limits,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// The version of the binary.
    pub version: &'static str,
}

pub(crate) struct State {
    pub(crate) parts: Parts,
    pub(crate) meters: RequestMeters,
    pub(crate) in_flight: AtomicUsize,
    /// Requests of the admin API that are under way, which take no place among the others.
    pub(crate) admin_in_flight: AtomicUsize,
    pub(crate) stopping: AtomicBool,
    pub(crate) throttle: Throttle,
    /// Places for logins at the same time, each of which takes memory and a thread.
    pub(crate) logins: Semaphore,
}

/// How many passwords are checked at the same time.
const LOGINS: usize = 2;

pub(crate) type Shared = Arc<State>;

/// The server, ready to listen.
#[derive(Clone)]
pub struct Server {
    pub(crate) state: Shared,
    pub(crate) router: Router,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// A server of these parts.
    pub fn new(parts: Parts) -> Self {
        let state = Arc::new(State {
            parts,
            meters: RequestMeters::default(),
            in_flight: AtomicUsize::new(0),
            admin_in_flight: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            throttle: Throttle::default(),
            logins: Semaphore::new(LOGINS),
        });
        let models = inference::router().merge(models::router()).merge(pipeline::router());
        let models = match &state.parts.cors {
            // the fallback first: what it answers is for browsers too, and it is what they ask for leave
            Some(origins) => {
                models.method_not_allowed_fallback(inference::method_not_allowed).layer(origins.layer())
            }
            None => models,
        };
        let router = Router::new()
            .merge(models)
            .merge(ops::router())
            .nest("/admin/v1", admin::v1::router(&state))
            .fallback(inference::not_found)
            .method_not_allowed_fallback(inference::method_not_allowed)
            .with_state(Arc::clone(&state));
        Self { state, router }
    }
}
