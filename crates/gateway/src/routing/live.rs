//! The routing that is in force at the moment.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use super::Routing;
use crate::client::{Clients, Way};

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
        let clients = Clients::new(ways(&routing));
        Self { current: ArcSwap::from_pointee(routing), clients }
    }

    /// Puts another in its place; connections stay.
    pub fn publish(&self, routing: Routing) {
        self.clients.cover(ways(&routing));
        self.current.store(Arc::new(routing));
    }

    /// The one in force; hold it for one request.
    pub fn current(&self) -> Guard<Arc<Routing>> {
        self.current.load()
    }
}

/// Every way that a request may be sent: a route's timeout holds with any provider.
fn ways(routing: &Routing) -> Vec<Way> {
    let providers = || routing.providers().iter();
    let timeouts: BTreeSet<_> = providers()
        .map(|provider| provider.timeouts.connect)
        .chain(routing.routes().filter_map(|route| route.timeouts.connect))
        .collect();
    let mut proxies = vec![None];
    for proxy in providers().map(|provider| &provider.proxy) {
        if !proxies.contains(proxy) {
            proxies.push(proxy.clone());
        }
    }
    let through = |proxy: &Option<_>| {
        let proxy = proxy.clone();
        timeouts.iter().map(move |timeout| Way { connect_timeout: *timeout, proxy: proxy.clone() }).collect()
    };
    proxies.iter().flat_map(|proxy| -> Vec<_> { through(proxy) }).collect()
}
