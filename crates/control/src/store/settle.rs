//! Settlements: the usage row and, only where that is new, what it adds to rollups and quotas, in one write.
//!
//! Money is added here, in exact decimals. Two nodes that add to the same row at the same time do not lose
//! either: the ledger's counter lets one of them write, and the other looks again.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use penstock_core::{RequestId, Timestamp, Usd};

use super::contract::{ControlError, Settled};
use super::mirror::{counter, one, version_of};
use super::{ATTEMPTS, Store};
use crate::backend::{Filter, Guard, Select, Write, Written};
use crate::ledger::{QuotaCost, UsageRollup, window_start};
use crate::table::{Cell, Entity, Row};
use crate::{Quota, Records, Scope, Settlement};

/// The counter that moves with every settlement.
pub(super) const LEDGER: &str = "ledger";

impl Store {
    pub(super) async fn settle_all(&self, settlements: &[Settlement]) -> Result<Vec<Settled>, ControlError> {
        if settlements.is_empty() {
            return Ok(Vec::new());
        }
        let _turn = self.settling.lock().await;
        for _ in 0..ATTEMPTS {
            if let Some(settled) = self.settle_once(settlements).await? {
                return Ok(settled);
            }
        }
        Err(ControlError::Unavailable(format!("{ATTEMPTS} times in a row another node was faster")))
    }

    /// `None` if another node was faster.
    async fn settle_once(&self, settlements: &[Settlement]) -> Result<Option<Vec<Settled>>, ControlError> {
        let backend = self.backend.as_ref();
        let newest = Select::all(Settlement::table()).descending().limit(1);
        let mut rows = backend.read(&[version_of(LEDGER), newest]).await?.into_iter();
        let mut next = || rows.next().unwrap_or_default();
        let (ledger, newest) = (counter(&next())?, next());
        let mut known = self.known(settlements, newest.into_iter().next()).await?;
        let mut new = Vec::with_capacity(settlements.len());
        let mut answers = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            let first = known.insert(settlement.request_id);
            answers.push(if first { Settled::Applied } else { Settled::Duplicate });
            new.extend(first.then_some(settlement));
        }
        if !new.is_empty() {
            let records = self.mirror.lock().await.catch_up(backend).await?.records.clone();
            let rows = new.iter().map(|settlement| settlement.row()).collect();
            let mut writes = vec![Write::Insert(Settlement::table(), rows)];
            writes.push(Write::Put(UsageRollup::table(), self.added_rollups(&new).await?));
            writes.push(Write::Put(QuotaCost::table(), self.added_costs(&records, &new).await?));
            let guard = Guard { name: LEDGER, expected: i64::try_from(ledger).unwrap_or(i64::MAX) };
            if backend.write(Some(guard), writes).await? == Written::Moved {
                return Ok(None);
            }
        }
        Ok(Some(answers))
    }

    /// Which of them are there already. A batch is nearly always newer than everything stored, which one look
    /// at the newest row tells.
    async fn known(
        &self,
        settlements: &[Settlement],
        newest: Option<Row>,
    ) -> Result<HashSet<RequestId>, ControlError> {
        let Some(newest) = newest.map(Settlement::read).transpose()? else { return Ok(HashSet::new()) };
        let ids = settlements.iter().map(|settlement| settlement.request_id);
        let older: Vec<Cell> =
            ids.filter(|id| *id <= newest.request_id).map(|id| Cell::Text(id.to_string())).collect();
        if older.is_empty() {
            return Ok(HashSet::new());
        }
        let there = Select::all(Settlement::table()).only(Filter::In("request_id", older));
        let rows = one(self.backend.as_ref(), there).await?;
        rows.into_iter().map(|row| Ok(Settlement::read(row)?.request_id)).collect()
    }

    /// The rollups that these settlements belong to, with what they add.
    async fn added_rollups(&self, new: &[&Settlement]) -> Result<Vec<Row>, ControlError> {
        let table = UsageRollup::table();
        let mut sums = BTreeMap::<Row, UsageRollup>::new();
        let mut add = |rollup: UsageRollup| {
            let key = table.key_of(&rollup.row());
            match sums.entry(key) {
                std::collections::btree_map::Entry::Occupied(mut there) => there.get_mut().add(&rollup),
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(rollup)),
            }
        };
        for hour in UsageRollup::by_hour(new) {
            add(hour.of_day());
            add(hour);
        }
        // a little more than these rows, by what is in any of their keys
        let mut near = Select::all(table);
        for (at, column) in table.key.iter().enumerate() {
            let values: BTreeSet<_> = sums.keys().map(|key| key[at].clone()).collect();
            near = near.only(Filter::In(column, values.into_iter().collect()));
        }
        for row in one(self.backend.as_ref(), near).await? {
            if let Some(sum) = sums.get_mut(&table.key_of(&row)) {
                sum.add(&UsageRollup::read(row)?);
            }
        }
        Ok(sums.into_values().map(|rollup| rollup.row()).collect())
    }

    /// What is spent of the quotas that hold for these settlements, with what they add.
    async fn added_costs(&self, records: &Records, new: &[&Settlement]) -> Result<Vec<Row>, ControlError> {
        if records.quotas.is_empty() {
            return Ok(Vec::new());
        }
        let quotas = quotas_by_scope(records);
        let mut spent = BTreeMap::<(i64, Timestamp), Usd>::new();
        for settlement in new {
            let Some(cost) = settlement.cost else { continue };
            for quota in scopes(settlement).filter_map(|scope| quotas.get(&scope)).flatten() {
                *spent.entry((quota.id, window_start(quota.window, settlement.at))).or_default() += cost;
            }
        }
        let ids: BTreeSet<_> = spent.keys().map(|(quota, _)| Cell::Integer(*quota)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let there = Select::all(QuotaCost::table()).only(Filter::In("quota_id", ids.into_iter().collect()));
        let mut costs = BTreeMap::<i64, QuotaCost>::new();
        for row in one(self.backend.as_ref(), there).await? {
            let cost = QuotaCost::read(row)?;
            costs.insert(cost.quota_id, cost);
        }
        for ((quota_id, window_start), amount) in spent {
            let fresh = QuotaCost { quota_id, window_start, cost_used: Usd::ZERO };
            let cost = costs.entry(quota_id).or_insert_with(|| fresh.clone());
            if cost.window_start < window_start {
                *cost = fresh;
            }
            // what belongs to a window that is over is in the usage rows, and in no quota any more
            if cost.window_start == window_start {
                cost.cost_used += amount;
            }
        }
        Ok(costs.values().map(Entity::row).collect())
    }
}

fn quotas_by_scope(records: &Records) -> BTreeMap<Scope, Vec<&Quota>> {
    let mut quotas = BTreeMap::<Scope, Vec<&Quota>>::new();
    for quota in records.quotas.iter() {
        quotas.entry(quota.scope).or_default().push(quota);
    }
    quotas
}

fn scopes(settlement: &Settlement) -> impl Iterator<Item = Scope> {
    let scopes = [
        settlement.key_id.map(Scope::Key),
        settlement.user_id.map(Scope::User),
        settlement.team_id.map(Scope::Team),
        settlement.org_id.map(Scope::Org),
    ];
    scopes.into_iter().flatten()
}
