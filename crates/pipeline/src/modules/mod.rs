//! The modules that come with the gateway, one folder each: `mod`, `config`, `hooks`, `tests`, and `migrations/` where
//! it has tables.

pub mod cost_guard;
pub mod exact_cache;
mod fields;
pub mod request_log;
#[cfg(test)]
pub(crate) mod rig;

use std::sync::Arc;

use crate::{Factory, Registry};

/// All of them.
///
/// # Panics
///
/// Never: each has a name of its own.
pub fn built_in() -> Registry {
    let mut registry = Registry::default();
    let modules: [Arc<dyn Factory>; 3] = [
        Arc::new(cost_guard::CostGuards),
        Arc::new(exact_cache::ExactCaches),
        Arc::new(request_log::RequestLogs),
    ];
    for factory in modules {
        registry.add(factory).expect("each has a name of its own");
    }
    registry
}
