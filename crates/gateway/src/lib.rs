//! One request's way through the gateway.
//!
//! 1. `server::inference` names dialect and operation, caps the body, makes the request id
//! 2. [`authenticate`] — key → caller, from the snapshot
//! 3. [`admit`] — permission for the requested model, requests in flight
//! 4. [`exchange`] — the raw bytes and what a structural scan says of them
//! 5. [`pipeline`] — modules before the call: they may edit the request, or answer it
//! 6. [`resolve`] — alias → route or `provider/model`; [`choose`] — members and credentials → ordered candidates
//! 7. [`reserve`] — the journal's begin record; quotas are to be reserved here
//! 8. [`plan`] — for a candidate: passthrough or translate
//! 9. [`prepare`] — URL, auth, patched or [`translate`]d body
//! 10. [`attempt`] — send, time out, retry, fail over; never after the first client byte; [`health`] hears of it
//! 11. [`stream`] — upstream bytes past an observer, event by event, and through a translation
//! 12. [`respond`] — the answer's head, errors in the client's dialect
//! 13. [`settle`] — usage and cost, in a guard, so that a client who hangs up is settled too; modules after the call
//!
//! One executor serves streaming and non-streaming. Nothing here reads a database: requests see the
//! published snapshot and the [`LiveRouting`] made of it, and what they owe goes to the journal.

pub mod admit;
pub mod attempt;
pub mod authenticate;
pub mod choose;
pub mod exchange;
pub mod health;
pub mod logs;
pub mod meters;
pub mod pipeline;
pub mod plan;
pub mod prepare;
pub mod reserve;
pub mod resolve;
pub mod respond;
pub mod retention;
pub mod settle;
pub mod stream;
pub mod traces;
pub mod translate;

mod channels;
mod client;
mod error;
mod execute;
mod models;
mod routing;
mod timeouts;

pub use authenticate::{Caller, OwnKey, PresentedKey, Remote};
pub use channels::{channel_rules, rules_of};
pub use client::tls;
pub use error::{Class, GatewayError};
pub use exchange::Request;
pub use execute::{Gateway, GatewayOptions, OnClientGone, Parts};
pub use models::{ListedModel, ListedModels};
pub use pipeline::{Fingerprint, LivePipelines, LoadError, PipelineOptions, SpecSource};
pub use respond::{Body, BodyError};
pub use routing::{
    AliasSpec, Credential, CredentialSpec, LiveRouting, Member, MemberSpec, ModelSpec, Open, Provider,
    ProviderSpec, Route, RouteSpec, Routing, RoutingError, RoutingSpec, Via, check_alias, check_base_url,
    check_provider_name,
};
pub use timeouts::{TimeoutOverrides, Timeouts};
pub use translate::OnLoss;
