//! The routing that is in force at the moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Routing;
use crate::client::Clients;

/// What requests are routed by, and the connections they go out on. A request uses what was in force when it
/// came in.
#[derive(Debug)]
pub struct LiveRouting {
    current: ArcSwap<Routing>,
    pub(crate) clients: Clients,
}

impl LiveRouting {
    /// Puts a first routing in force.
    pub fn new(routing: Routing) -> Self {
        let clients = Clients::new(connect_timeouts(&routing));
        Self { current: ArcSwap::from_pointee(routing), clients }
    }

    /// Puts another in its place; connections stay.
    pub fn publish(&self, routing: Routing) {
        self.clients.cover(connect_timeouts(&routing));
        self.current.store(Arc::new(routing));
    }

    /// The one in force; hold it for one request.
    pub fn current(&self) -> Guard<Arc<Routing>> {
        self.current.load()
    }
}

fn connect_timeouts(routing: &Routing) -> BTreeSet<std::time::Duration> {
    let providers = routing.providers().iter().map(|provider| provider.timeouts.connect);
    providers.chain(routing.routes().filter_map(|route| route.timeouts.connect)).collect()
}
