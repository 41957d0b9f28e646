//! From names to addresses that may be reached: what is checked is what is connected to.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::allowed::{Allowed, refused};

/// Resolves as the system does, and leaves out what may not be reached.
#[derive(Debug)]
pub(super) struct Resolver(Arc<Allowed>);

impl Resolver {
    pub(super) fn new(allowed: Arc<Allowed>) -> Self {
        Self(allowed)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let reachable: Vec<_> =
                found.iter().copied().filter(|found| allowed.may_reach(found.ip())).collect();
            match (reachable.is_empty(), found.first()) {
                (true, Some(first)) => Err(refused(first.ip()).into()),
                _ => Ok(Box::new(reachable.into_iter()) as Addrs),
            }
        })
    }
}
