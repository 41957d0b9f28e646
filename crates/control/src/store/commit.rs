//! Changes of records: planned against the newest ones, and written if nobody was faster.

use std::collections::BTreeSet;

use penstock_core::{Clock, OrgId, SystemClock, Timestamp};

use super::contract::{Committed, ControlError, ControlStore, Loaded};
use super::mirror::{Mirror, VERSION, one};
use super::plan::{NextIds, plan};
use super::{ATTEMPTS, Store};
use crate::backend::{Filter, Guard, Select, Write, Written};
use crate::ledger::{AuditLog, Changed, Meta};
use crate::table::{Cell, Entity, Row, Table};
use crate::{AuditEntry, Change, ChangeSet, DEFAULT_ORG, Kind, Org};

/// The counter up to which changes are forgotten.
pub(super) const FORGOTTEN: &str = "forgotten";
/// How many versions of changes are kept for nodes that were away.
const KEPT: u64 = 20_000;
/// How often they are looked through.
const FORGET_EVERY: u64 = 1_000;
/// The counters that writers guard themselves with.
const COUNTERS: [&str; 5] =
    [VERSION, FORGOTTEN, super::settle::LEDGER, super::upkeep::LEASES, super::upkeep::HEALTH];
/// Before the name of a table: the next id of it.
const NEXT: &str = "next.";

/// What a new schema holds: its counters.
pub(crate) fn first_rows() -> Vec<Row> {
    COUNTERS.map(|name| Meta { name: name.to_owned(), value: "0".to_owned() }.row()).to_vec()
}

impl Store {
    /// Makes the organisation everyone starts in, unless there ever was a record.
    pub(crate) async fn make_first_records(&self) -> Result<(), ControlError> {
        let version = self.mirror.lock().await.catch_up(self.backend.as_ref()).await?.version;
        if version > 0 {
            return Ok(());
        }
        let now = SystemClock.now();
        let org = Org {
            id: OrgId(-1),
            name: DEFAULT_ORG.to_owned(),
            description: None,
            enabled: true,
            created_at: now,
            updated_at: now,
        };
        match self.commit_changes(&ChangeSet::of(Change::Put(org.into())).based_on(0)).await {
            // another node was faster
            Ok(_) | Err(ControlError::Stale) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn commit_changes(&self, changes: &ChangeSet) -> Result<Committed, ControlError> {
        let mut mirror = self.mirror.lock().await;
        for _ in 0..ATTEMPTS {
            if let Some(committed) = self.commit_once(&mut mirror, changes).await? {
                return Ok(committed);
            }
        }
        Err(ControlError::Unavailable(format!("{ATTEMPTS} times in a row another node was faster")))
    }

    /// `None` if another node was faster.
    async fn commit_once(
        &self,
        mirror: &mut Mirror,
        changes: &ChangeSet,
    ) -> Result<Option<Committed>, ControlError> {
        let loaded = mirror.catch_up(self.backend.as_ref()).await?.clone();
        if changes.based_on.is_some_and(|expected| expected != loaded.version) {
            return Err(ControlError::Stale);
        }
        let now = SystemClock.now();
        let next = next_ids(&one(self.backend.as_ref(), Select::all(Meta::table())).await?)?;
        let plan = plan(&loaded.records, next.clone(), changes, &self.keyring, now)?;
        let version = loaded.version + 1;
        let mut writes = plan.writes();
        let touched = plan.touched.iter().map(|(kind, id)| Changed {
            version: signed(version),
            kind: kind.table().name.to_owned(),
            record_id: *id,
        });
        writes.push(Write::Insert(Changed::table(), touched.map(|changed| changed.row()).collect()));
        let moved = plan.next.iter().filter(|(table, id)| next.get(*table) != Some(id));
        let moved =
            moved.map(|(table, id)| Meta { name: format!("{NEXT}{table}"), value: id.to_string() }.row());
        writes.push(Write::Put(Meta::table(), moved.collect()));
        if let Some(entry) = &changes.audit {
            writes.push(Write::Insert(AuditLog::table(), vec![audit_log(entry, now, 200)?.row()]));
        }
        if version.is_multiple_of(FORGET_EVERY) {
            writes.extend(forget(version.saturating_sub(KEPT)));
        }
        let guard = Guard { name: VERSION, expected: signed(loaded.version) };
        match self.backend.write(Some(guard), writes).await? {
            Written::Moved => Ok(None),
            Written::Done => {
                let touched = plan.touched.iter().map(|(kind, id)| (version, *kind, *id));
                mirror.advance(Loaded { records: plan.records, version }, touched);
                Ok(Some(Committed { version, ids: plan.ids }))
            }
        }
    }

    /// Seals under the current master key what is stored open, or under an older one, all at once; returns how
    /// many secrets that were.
    pub async fn reseal(&self, entry: AuditEntry) -> Result<usize, ControlError> {
        loop {
            let Loaded { records, version } = ControlStore::load(self).await?;
            let stale: Vec<_> =
                records.secrets().filter(|secret| secret.stored.key_id() != self.keyring.current()).collect();
            let holders: BTreeSet<_> = stale.iter().map(|secret| (secret.kind, secret.id)).collect();
            let puts = holders.into_iter().filter_map(|(kind, id)| records.record(kind, id)).map(Change::Put);
            let changes = ChangeSet { changes: puts.collect(), ..ChangeSet::default() };
            match self.commit_changes(&changes.based_on(version).audited(entry.clone())).await {
                Err(ControlError::Stale) => {}
                done => return done.map(|_| stale.len()),
            }
        }
    }

    /// Makes unreadable in the database's files what the secrets were before.
    pub async fn scrub(&self) -> Result<(), ControlError> {
        let holds_secrets = |table: &&Table| table.columns.iter().any(|column| column.sealed);
        let tables: Vec<_> = Kind::ALL.iter().map(|kind| kind.table()).filter(holds_secrets).collect();
        self.backend.scrub(&tables).await
    }

    /// Adds an entry that belongs to no change of records.
    pub(super) async fn note_entry(
        &self,
        entry: &AuditEntry,
        at: Timestamp,
        status: u16,
    ) -> Result<(), ControlError> {
        let row = audit_log(entry, at, status)?.row();
        self.backend.write(None, vec![Write::Insert(AuditLog::table(), vec![row])]).await.map(drop)
    }
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn next_ids(meta: &[Row]) -> Result<NextIds, ControlError> {
    let mut next = NextIds::new();
    for row in meta {
        let Meta { name, value } = Meta::read(row.clone())?;
        let Some(kind) = name.strip_prefix(NEXT).and_then(Kind::of_table) else { continue };
        let id = value
            .parse()
            .map_err(|_| ControlError::Corrupt { what: format!("a counter {name:?}"), value })?;
        next.insert(kind.table().name, id);
    }
    Ok(next)
}

fn forget(until: u64) -> [Write; 2] {
    let old = Filter::Below("version", Cell::Integer(signed(until) + 1));
    let forgotten = Meta { name: FORGOTTEN.to_owned(), value: until.to_string() };
    [Write::Delete(Changed::table(), vec![old]), Write::Put(Meta::table(), vec![forgotten.row()])]
}

/// The row of an entry. Its id sorts by time; what the time leaves open is drawn by lot, since entries of
/// several nodes know nothing of each other.
fn audit_log(entry: &AuditEntry, at: Timestamp, status: u16) -> Result<AuditLog, ControlError> {
    const LOT_BITS: u32 = 20;
    let lot =
        getrandom::u32().map_err(|error| ControlError::Unavailable(format!("no random numbers: {error}")))?;
    let AuditEntry { actor_id, actor_name, action, target, before, after, source_ip } = entry.clone();
    Ok(AuditLog {
        id: (at.0 << LOT_BITS) | i64::from(lot >> (u32::BITS - LOT_BITS)),
        at,
        actor_id,
        actor_name: Some(actor_name),
        action,
        target,
        before,
        after,
        status: i64::from(status),
        source_ip,
    })
}
