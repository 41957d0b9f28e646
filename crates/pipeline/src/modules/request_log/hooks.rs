//! Writes, once a request is over.

use async_trait::async_trait;
use bytes::Bytes;
use penstock_core::canonical::{CanonicalRequest, CanonicalResponse};
use penstock_storage::blob::Key;
use penstock_storage::db::{Migrations, TableQuery};
use serde::Serialize;

use super::NAME;
use super::config::Config;
use super::row::{self, Row};
use crate::{Hook, HookError, Hooks, Module, Parts, ResponseContext};

/// Writes a row for each request.
#[derive(Debug)]
pub(super) struct RequestLog {
    config: Config,
    migrations: Migrations,
}

/// What was said, as modules see it.
#[derive(Serialize)]
struct Bodies<'a> {
    request: Option<&'a CanonicalRequest>,
    response: Option<&'a CanonicalResponse>,
}

impl RequestLog {
    pub(super) fn new(config: Config) -> Result<Self, String> {
        Ok(Self { migrations: config.migrations()?, config })
    }

    async fn write_row(&self, context: &ResponseContext) -> Result<(), HookError> {
        let row =
            serde_json::to_value(Row::of(context)).map_err(|error| HookError::new(error.to_string()))?;
        let database = context.storage.database();
        let outcome = TableQuery::on(database, &self.config.table).insert(row).run().await;
        outcome
            .error
            .map_or(Ok(()), |error| Err(HookError::new(format!("table {}: {error}", self.config.table))))
    }

    async fn write_bodies(&self, context: &ResponseContext) -> Result<(), HookError> {
        let (request, response) = (context.request.canonical().ok(), context.response.canonical().ok());
        let bodies = serde_json::to_vec(&Bodies { request, response });
        let bodies = bodies.map_err(|error| HookError::new(error.to_string()))?;
        let key = Key::new(row::file(context))?;
        Ok(context.storage.blob().put(&key, Bytes::from(bodies)).await?)
    }
}

#[async_trait]
impl Module for RequestLog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Post])
    }

    fn reads(&self) -> Parts {
        let bodies = self.config.bodies;
        Parts { request: bodies, stream: false, response: bodies }
    }

    fn edits(&self) -> Parts {
        Parts::NONE
    }

    fn migrations(&self) -> Option<&Migrations> {
        Some(&self.migrations)
    }

    /// An error here is logged by who runs this, and that is all: the request is over.
    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        let bodies = async { if self.config.bodies { self.write_bodies(context).await } else { Ok(()) } };
        // both, whatever becomes of the other
        let (row, bodies) = tokio::join!(self.write_row(context), bodies);
        row.and(bodies)
    }
}
