//! What settlements add up to: rollups, and the cost of quotas.

use std::sync::Arc;

use futures_util::future::try_join_all;
use penstock_control::{
    Change, ChangeSet, ControlStore, Granularity, Quota, RollupQuery, Scope, Settlement, UsageRollup, Window,
};
use penstock_core::{Timestamp, Usd, UserId};

use super::{Harness, MADE, settlement, with_ada};
use crate::case::{cases, equal};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    rollups_sum_what_was_settled;
    absent_parts_of_a_rollup_are_one_value;
    rollups_of_nodes_that_settle_together_lose_nothing;
    a_quota_is_charged_what_its_scope_spends;
    a_quota_starts_anew_with_its_window;
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

async fn rollups(store: &dyn ControlStore, granularity: Granularity) -> Result<Vec<UsageRollup>, Failure> {
    let query = RollupQuery { granularity, since: None, until: None, user: None };
    Ok(store.rollups(&query).await?)
}

async fn rollups_sum_what_was_settled(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let unpriced = Settlement { cost: None, ..settlement(DAY + 5) };
    let rows = [settlement(1), settlement(HOUR - 1), settlement(HOUR), settlement(DAY + 4), unpriced];
    store.settle(&rows).await?;
    // again, together with one that is new
    let late = settlement(2);
    store.settle(&[rows[0].clone(), late]).await?;
    let sums = |rollups: Vec<UsageRollup>| -> Vec<_> {
        let sum = |one: UsageRollup| {
            (one.bucket.0, one.requests, one.usage.input, one.cost.to_string(), one.unpriced)
        };
        rollups.into_iter().map(sum).collect()
    };
    let cost =
        |times: usize| std::iter::repeat_n(settlement(1).cost, times).flatten().sum::<Usd>().to_string();
    let hours = sums(rollups(&*store, Granularity::Hour).await?);
    let expected = vec![(0, 3, 30, cost(3), 0), (HOUR, 1, 10, cost(1), 0), (DAY, 2, 20, cost(1), 1)];
    equal("the hours", hours, expected)?;
    let days = sums(rollups(&*store, Granularity::Day).await?);
    equal("the days", days, vec![(0, 4, 40, cost(4), 0), (DAY, 2, 20, cost(1), 1)])?;
    let query = RollupQuery {
        granularity: Granularity::Hour,
        since: Some(Timestamp(HOUR)),
        until: Some(Timestamp(DAY)),
        user: None,
    };
    equal("those between", store.rollups(&query).await?.len(), 1)
}

async fn absent_parts_of_a_rollup_are_one_value(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let of_a_user = Settlement { user_id: Some(UserId(7)), ..settlement(3) };
    for row in [settlement(1), settlement(2), of_a_user] {
        store.settle(&[row]).await?;
    }
    let found = rollups(&*store, Granularity::Day).await?;
    let found: Vec<_> = found.iter().map(|rollup| (rollup.user_id, rollup.requests)).collect();
    equal("the rollups", found, [(0, 2), (7, 1)])?;
    let query =
        RollupQuery { granularity: Granularity::Day, since: None, until: None, user: Some(UserId(7)) };
    equal("those of the user", store.rollups(&query).await?.len(), 1)
}

async fn rollups_of_nodes_that_settle_together_lose_nothing(harness: Arc<dyn Harness>) -> Outcome {
    const BATCHES: i64 = 60;
    let nodes = [harness.store(), harness.node().await?];
    let batches = (0..BATCHES).map(|number| {
        let node = Arc::clone(&nodes[usize::from(number % 2 == 0)]);
        async move { node.settle(&[settlement(number), settlement(number)]).await }
    });
    try_join_all(batches).await?;
    let days = rollups(&*nodes[0], Granularity::Day).await?;
    let found: Vec<_> = days.iter().map(|one| (one.requests, one.cost.to_string())).collect();
    let cost: Usd = (0..2 * BATCHES).filter_map(|_| settlement(1).cost).sum();
    equal("the day", found, [(120, cost.to_string())])
}

/// Ada with quotas of these windows, each of a scope; their ids.
async fn with_quotas(store: &dyn ControlStore, scopes: &[(Scope, Window)]) -> Result<Vec<i64>, Failure> {
    let quota = |(id, (scope, window)): (i64, &(Scope, Window))| Quota {
        id,
        scope: *scope,
        window: *window,
        limit: "5".parse().unwrap_or_default(),
        created_at: MADE,
        updated_at: MADE,
    };
    let quotas: Vec<_> = (-100..).zip(scopes).map(quota).collect();
    let changes = quotas.iter().cloned().map(|quota| Change::Put(quota.into())).collect();
    let made = store.commit(&ChangeSet { changes, ..ChangeSet::default() }).await?;
    Ok(quotas.iter().filter_map(|quota| made.id(quota.id)).collect())
}

async fn spent(store: &dyn ControlStore) -> Result<Vec<(i64, i64, String)>, Failure> {
    let costs = store.quota_costs().await?.into_iter();
    Ok(costs.map(|cost| (cost.quota_id, cost.window_start.0, cost.cost_used.to_string())).collect())
}

async fn a_quota_is_charged_what_its_scope_spends(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let scopes = [(Scope::User(key.user_id), Window::Total), (Scope::Key(key.id), Window::Total)];
    let quotas = with_quotas(&*store, &scopes).await?;
    let of_the_user = Settlement { user_id: Some(key.user_id), ..settlement(1) };
    let of_the_key = Settlement { user_id: Some(key.user_id), key_id: Some(key.id), ..settlement(2) };
    let free = Settlement { cost: None, ..of_the_key.clone() };
    let rows =
        [of_the_user, of_the_key, settlement(3), Settlement { request_id: settlement(4).request_id, ..free }];
    store.settle(&rows).await?;
    harness.node().await?.settle(&rows).await?;
    let expected = [(quotas[0], 0, "0.000009".to_owned()), (quotas[1], 0, "0.0000045".to_owned())];
    equal("what is spent", spent(&*store).await?, expected)
}

async fn a_quota_starts_anew_with_its_window(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let key = with_ada(&*store).await?;
    let quotas = with_quotas(&*store, &[(Scope::User(key.user_id), Window::Day)]).await?;
    let at = |at| Settlement { user_id: Some(key.user_id), ..settlement(at) };
    store.settle(&[at(5), at(6)]).await?;
    equal("the first day", spent(&*store).await?, [(quotas[0], 0, "0.000009".to_owned())])?;
    store.settle(&[at(DAY + 1)]).await?;
    equal("the second day", spent(&*store).await?, [(quotas[0], DAY, "0.0000045".to_owned())])?;
    // one that was long in the journal of a node belongs to a day that is over
    store.settle(&[at(7), at(DAY + 2)]).await?;
    equal("still the second day", spent(&*store).await?, [(quotas[0], DAY, "0.000009".to_owned())])
}
