//! What requests are routed by: the configuration, with the records of the control store laid over it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_control::seal::Stored;
use penstock_control::{HeldSecret, LiveSnapshot, Opened, Records};
use penstock_gateway::health::Board;
use penstock_gateway::{LiveRouting, Routing, RoutingError};

use crate::config::Config;

/// Makes a routing of each snapshot.
#[derive(Debug)]
pub(super) struct Router {
    config: Arc<Config>,
    pub(super) board: Arc<Board>,
    last: Mutex<Last>,
}

/// What the routing in force was made of.
#[derive(Debug, Default)]
struct Last {
    records: Records,
    opened: Opened,
    said: BTreeSet<String>,
}

impl Router {
    pub(super) fn new(config: Arc<Config>, board: Arc<Board>) -> Self {
        Self { config, board, last: Mutex::default() }
    }

    /// A first routing.
    pub(super) fn start(&self, live: &LiveSnapshot) -> LiveRouting {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        LiveRouting::new(self.make(&mut last, live.current().records()))
    }

    /// Publishes another one, if anything changed that it is made of. One at a time, so that the newest snapshot
    /// is also the last.
    pub(super) fn renew(&self, live: &LiveSnapshot, routing: &LiveRouting) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = live.current();
        let records = snapshot.records();
        if !is_same(&last.records, records) {
            routing.publish(self.make(&mut last, records));
            tracing::info!(
                version = snapshot.version(),
                "providers and routes are those of the newest records"
            );
        }
    }

    fn make(&self, last: &mut Last, records: &Records) -> Routing {
        let (mut opened, keyring) = (Opened::default(), &self.config.keyring);
        let mut open = |held: &HeldSecret| opened.open(held, keyring, &last.opened);
        let (mut spec, problems) = self.config.routing.clone().with_records(records, &mut open);
        let mut problems: Vec<_> = problems.iter().map(told).collect();
        let mut withheld = BTreeSet::new();
        spec.providers.retain(|provider| {
            let refused = self.config.refuse_self(provider).err();
            let is_usable = refused.is_none();
            if let Some(problem) = refused {
                withheld.insert(provider.name.clone());
                problems.push((problem.to_string(), Weight::LeftOut));
            }
            is_usable
        });
        spec.withheld.append(&mut withheld);
        let (routing, left_out) = Routing::build(spec, &self.config.table, &self.board);
        problems.extend(left_out.iter().map(told));
        for (problem, weight) in &problems {
            // once, and not with every change of something else
            if !last.said.contains(problem) {
                match weight {
                    Weight::LeftOut => tracing::error!("left out of the routing: {problem}"),
                    Weight::Odd => tracing::warn!("{problem}"),
                }
            }
        }
        last.said = problems.into_iter().map(|(problem, _)| problem).collect();
        last.opened = opened;
        last.records = records.clone();
        routing
    }
}

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// Something is not used.
    LeftOut,
    /// Everything that can be is.
    Odd,
}

fn told(problem: &RoutingError) -> (String, Weight) {
    let weight = match problem {
        RoutingError::Hidden { .. } | RoutingError::EmptyRoute(_) => Weight::Odd,
        _ => Weight::LeftOut,
    };
    (problem.to_string(), weight)
}

/// Whether the same routing would be made of both.
fn is_same(one: &Records, other: &Records) -> bool {
    one.providers == other.providers
        && one.credentials == other.credentials
        && one.models == other.models
        && one.routes == other.routes
        && one.members == other.members
        && one.aliases == other.aliases
        && proxies(one).eq(proxies(other))
}

/// What the settings say of how providers are reached; the rest of them is nothing to routing.
fn proxies(records: &Records) -> impl Iterator<Item = (&str, Option<&Stored>)> {
    records.settings.iter().map(|settings| (settings.instance_name.as_str(), settings.proxy_url.as_ref()))
}
