//! The members of a tier, by the strategy of their route.

use penstock_core::{RouteStrategy, Usage, Usd};

use super::credentials::Turns;
use super::{Circumstances, Usable};
use crate::routing::Route;

/// Tokens of an answer, to compare prices by: how long it will be nobody knows.
const ANSWER: u64 = 1_000;

pub(super) fn order(
    route: &Route,
    members: &mut [Usable<'_>],
    turns: &mut Turns,
    circumstances: &mut Circumstances<'_>,
) {
    if members.len() < 2 {
        return;
    }
    match route.strategy {
        RouteStrategy::Failover => {}
        RouteStrategy::RoundRobin => members.rotate_left(turns.take(&route.turn) % members.len()),
        RouteStrategy::Weighted => {
            circumstances.chance.draw_by_weight(members, |usable| usable.member.weight);
        }
        RouteStrategy::LeastLatency => by_latency(members, circumstances),
        RouteStrategy::Cheapest => by_price(members, circumstances),
    }
}

/// One whose figure is old goes first, once, so that it gets a new one.
fn by_latency(members: &mut [Usable<'_>], circumstances: &Circumstances<'_>) {
    let latency =
        |usable: &Usable<'_>| usable.member.latency.as_ref().map_or(u64::MAX, |found| found.micros());
    members.sort_by_key(latency);
    let now = circumstances.now;
    let due = |usable: &Usable<'_>| usable.member.latency.as_ref().is_some_and(|found| found.is_due(now));
    if let Some(place) = members.iter().position(due) {
        members[..=place].rotate_right(1);
    }
}

/// What has no price stands at the end.
fn by_price(members: &mut [Usable<'_>], circumstances: &Circumstances<'_>) {
    let usage = Usage { input: circumstances.tokens, output: ANSWER, ..Usage::default() };
    let cost = |usable: &Usable<'_>| -> (bool, Usd) {
        let member = usable.member;
        let price = member.provider.price(&member.model, circumstances.catalogue);
        price.map_or((true, Usd::ZERO), |price| (false, price.cost(&usage)))
    };
    members.sort_by_cached_key(cost);
}
