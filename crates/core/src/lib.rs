//! The vocabulary every other crate shares: ids, money, usage, time, secrets, dialects.
//!
//! Nothing here performs IO or knows an async runtime, so that codecs and records stay testable
//! as plain data. Anything that needs a socket, a file or a task belongs in a crate above.

pub mod canonical;
mod clock;
mod dialect;
mod host;
mod ids;
mod json;
mod proxy;
mod routing;
mod secret;
mod usage;
mod usd;

pub use clock::{Clock, SystemClock, Timestamp};
pub use dialect::{Dialect, Operation, UnknownName};
pub use host::{is_loopback, is_metadata_service};
pub use ids::{
    CredentialId, KeyId, OrgId, ProviderId, RequestId, RequestIdError, RouteId, RuleSetId, TeamId, UserId,
};
pub use json::{Json, JsonText, Number, unescaped};
pub use proxy::{ProxyLogin, ProxyScheme, ProxyUrl, ProxyUrlError};
pub use routing::{CredentialStrategy, HealthState, RouteStrategy};
pub use secret::Secret;
pub use usage::{Ended, Usage, UsageSource};
pub use usd::{Usd, UsdError};
