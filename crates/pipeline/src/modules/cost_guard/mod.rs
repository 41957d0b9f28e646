//! Keeps what users spend within caps: of one request, a day, a month.
//!
//! What a request may cost at the worst is reserved before its provider is asked, in one atomic step for each counter,
//! and corrected afterwards to what it did cost. So a cap holds however many requests are under way, on however many
//! gateways. Whatever goes wrong in between leaves a counter too high and never too low: a process that dies between
//! the two leaves the reservation as spent.
//!
//! Money is exact decimals here, in memory and in the store. Nothing here knows a price: [`Upstreams`] does.
//!
//! [`Upstreams`]: crate::Upstreams

mod config;
mod counter;
mod counters;
mod hooks;
mod period;
mod refusal;
mod reservation;
mod tally;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use self::hooks::CostGuard;
use crate::{Factory, Module, Origin};

/// What pipelines call it.
pub const NAME: &str = "cost-guard";

/// Makes cost guards.
#[derive(Clone, Copy, Debug)]
pub struct CostGuards;

#[async_trait]
impl Factory for CostGuards {
    fn name(&self) -> &'static str {
        NAME
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String> {
        Ok(Arc::new(CostGuard::new(config::Config::read(config)?)))
    }
}
