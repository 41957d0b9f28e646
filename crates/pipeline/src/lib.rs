//! Modules: named units around the provider call.
//!
//! A [`Module`] has up to four hooks. A [`Pipeline`] is modules in the order in which they run; a [`Run`] is one
//! request's way through it. Which modules there are is a [`Registry`]'s to say: the built-ins in [`modules`], those
//! that a program adds in Rust, and those that a [`Loader`] reads from files.
//!
//! What a module does wrong stays its own: a hook that fails or takes too long is undone, noted and passed over, or
//! refuses the request, as the module declares. Nothing here knows a wire format, a provider or a script engine: what
//! has to be decoded comes in through [`RequestSource`] and [`ResponseSource`], prices and names through [`Upstreams`].

mod answer;
mod build;
mod context;
mod entry;
mod error;
pub mod grammar;
mod kept;
mod metadata;
mod module;
pub mod modules;
mod registry;
mod replay;
mod request;
mod response;
mod run;
mod trace;

// what a module in another workspace is written with, in the versions that this is
pub use async_trait::async_trait;
pub use serde_json;

pub use answer::{Answer, Refusal, error_response};
pub use build::{Broken, BuildError, Discovered, ModuleSources, Modules};
pub use context::{ApiKeyInfo, Call, RequestContext, ResponseContext, Tenant, Upstreams};
pub use entry::{Entry, Pipeline};
pub use error::{HookError, Place};
pub use grammar::{PipelineSpec, SpecEntry};
pub use kept::Kept;
pub use metadata::Metadata;
pub use module::{Flow, Hook, Hooks, Module, OnFailure, Parts};
pub use registry::{Factory, Loader, NameClash, Origin, Registry};
pub use replay::replay;
pub use request::{OutputBound, Request, RequestSource};
pub use response::{Failed, Owed, Response, ResponseSource};
pub use run::{Finished, Run};
pub use trace::{Step, Trace};
