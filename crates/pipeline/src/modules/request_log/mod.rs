//! Writes a row for each request into a table, and its content into a file if it is told to.
//!
//! It is for whoever wants to look at requests with SQL in a database of their own. It is no account of what was spent:
//! rows that cannot be written are lost, and the request goes on. What must not be lost is the usage of the control
//! store, with which this has nothing to do.

mod config;
mod hooks;
mod row;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use self::hooks::RequestLog;
use crate::{Factory, Module, Origin};

/// What pipelines call it.
pub const NAME: &str = "request-log";

/// Makes request logs.
#[derive(Clone, Copy, Debug)]
pub struct RequestLogs;

#[async_trait]
impl Factory for RequestLogs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String> {
        Ok(Arc::new(RequestLog::new(config::Config::read(config)?)?))
    }
}
