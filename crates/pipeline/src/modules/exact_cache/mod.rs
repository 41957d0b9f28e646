//! Answers a request that has been answered before, in the same words.
//!
//! A key is made of whose request it is, of who would answer it, and of all that is asked: see [`CacheKey`], which
//! cannot be made without any of the three. Only whole answers of providers are kept. Identical requests that are under
//! way together share one call.

mod canonical;
mod config;
mod flights;
mod hooks;
mod key;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use self::hooks::ExactCache;
pub use self::key::{CacheKey, Upstream};
use crate::{Factory, Module, Origin};

/// What pipelines call it.
pub const NAME: &str = "exact-cache";

/// Makes exact caches.
#[derive(Clone, Copy, Debug)]
pub struct ExactCaches;

#[async_trait]
impl Factory for ExactCaches {
    fn name(&self) -> &'static str {
        NAME
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String> {
        Ok(Arc::new(ExactCache::new(config::Config::read(config)?)))
    }
}
