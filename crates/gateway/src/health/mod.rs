//! How credentials fare: what is held against each, in all or for one model, and who is told of it.
//!
//! What holds here: a credential against which nothing is held costs a request one atomic read and no lock.
//! Only failures and what follows them take a lock, and that of the one credential alone. Nothing here reads
//! a clock or a store: the time comes in, and what others should know is fetched from the [`Board`].

mod board;
mod breaker;
mod credential;
mod latency;
mod load;
mod report;
#[cfg(test)]
mod tests;

pub use self::board::{Board, Identity};
pub use self::breaker::BreakerSettings;
pub use self::credential::{Condition, CredentialHealth, Permit};
pub(crate) use self::latency::Latency;
pub use self::load::Limits;
