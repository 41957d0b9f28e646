//! Retention, and what nodes tell each other: health, vocabularies, logins, leases.

use std::collections::BTreeMap;

use penstock_core::Timestamp;

use super::contract::ControlError;
use super::mirror::{counter, one, version_of};
use super::query::{Pruned, Retention};
use super::{ATTEMPTS, Store};
use crate::Settlement;
use crate::backend::{Filter, Guard, Select, Write, Written};
use crate::ledger::{CredentialStatus, DownstreamRequest, Lease, Session, UpstreamRequest, Vocab};
use crate::table::{Cell, Entity, Table, name};

/// The counter that moves with every lease.
pub(super) const LEASES: &str = "leases";
/// The counter that moves with every report of health.
pub(super) const HEALTH: &str = "health";

impl Store {
    pub(super) async fn prune_some(&self, retention: &Retention) -> Result<Pruned, ControlError> {
        let limit = retention.limit.max(1);
        let usages = self.remove(Settlement::table(), "at", retention.usage_before, limit).await?;
        let down = self.remove(DownstreamRequest::table(), "at", retention.logs_before, limit).await?;
        let up = self.remove(UpstreamRequest::table(), "at", retention.logs_before, limit).await?;
        let sessions = self.remove(Session::table(), "expires_at", retention.sessions_before, limit).await?;
        let bodies = self.strip_bodies(retention.bodies_before, limit).await?;
        let more = [usages, down, up, sessions, bodies].contains(&limit);
        Ok(Pruned { usages, logs: down + up, bodies, sessions, more })
    }

    /// Removes some of the rows from before that time: never one huge delete.
    async fn remove(
        &self,
        table: &'static Table,
        column: &'static str,
        before: Option<Timestamp>,
        limit: u64,
    ) -> Result<u64, ControlError> {
        let Some(before) = before else { return Ok(0) };
        let old = Select::all(table).only(Filter::Below(column, before.0.into())).limit(limit);
        let rows = one(self.backend.as_ref(), old).await?;
        let first = table.column(table.key[0]);
        let keys: Vec<Cell> = rows.iter().map(|row| row[first].clone()).collect();
        if !keys.is_empty() {
            let old = vec![Filter::In(table.key[0], keys), Filter::Below(column, before.0.into())];
            self.backend.write(None, vec![Write::Delete(table, old)]).await?;
        }
        Ok(rows.len() as u64)
    }

    async fn strip_bodies(&self, before: Option<Timestamp>, limit: u64) -> Result<u64, ControlError> {
        let Some(before) = before else { return Ok(0) };
        let old = |table| Select::all(table).only(Filter::Below("at", before.0.into()));
        let with_body = Filter::AtLeast("body", "".into());
        let select = old(DownstreamRequest::table()).only(with_body.clone()).limit(limit);
        let downstream = self.select::<DownstreamRequest>(select).await?.into_iter();
        let mut writes: Vec<_> = downstream
            .map(|row| DownstreamRequest { body: None, response_body: None, ..row })
            .map(|row| Write::Update(DownstreamRequest::table(), row.row()))
            .collect();
        let select = old(UpstreamRequest::table()).only(with_body).limit(limit - writes.len() as u64);
        let upstream = self.select::<UpstreamRequest>(select).await?.into_iter();
        let upstream = upstream.map(|row| UpstreamRequest { body: None, response_body: None, ..row });
        writes.extend(upstream.map(|row| Write::Update(UpstreamRequest::table(), row.row())));
        let stripped = writes.len() as u64;
        self.backend.write(None, writes).await?;
        Ok(stripped)
    }

    /// A report that is older than what is there changes nothing; one of a credential that has been deleted
    /// meanwhile is left out.
    pub(super) async fn keep_statuses(&self, statuses: &[CredentialStatus]) -> Result<(), ControlError> {
        let statuses = nameable(statuses);
        for _ in 0..ATTEMPTS {
            let read = [version_of(HEALTH), Select::all(CredentialStatus::table())];
            let mut answers = self.backend.read(&read).await?.into_iter();
            let mut next = || answers.next().unwrap_or_default();
            let (health, there) = (counter(&next())?, next());
            let there = there.into_iter().map(CredentialStatus::read).collect::<Result<Vec<_>, _>>()?;
            let loaded = self.mirror.lock().await.catch_up(self.backend.as_ref()).await?.clone();
            let is_news = |status: &&CredentialStatus| {
                let same = |other: &&CredentialStatus| {
                    (other.credential_id, &other.model) == (status.credential_id, &status.model)
                };
                let older = there.iter().find(same).is_none_or(|there| there.updated_at <= status.updated_at);
                older && loaded.records.credentials.get(status.credential_id).is_some()
            };
            let news: Vec<_> = statuses.iter().filter(is_news).map(Entity::row).collect();
            if news.is_empty() {
                return Ok(());
            }
            let guard = Guard { name: HEALTH, expected: i64::try_from(health).unwrap_or(i64::MAX) };
            let writes = vec![Write::Put(CredentialStatus::table(), news)];
            if self.backend.write(Some(guard), writes).await? == Written::Done {
                return Ok(());
            }
        }
        Err(ControlError::Unavailable(format!("{ATTEMPTS} times in a row another node was faster")))
    }

    pub(super) async fn find_vocab(&self, name: &str) -> Result<Option<Vec<u8>>, ControlError> {
        let select = Select::all(Vocab::table()).only(Filter::equals("name", name));
        Ok(self.select::<Vocab>(select).await?.pop().map(|vocab| vocab.bytes))
    }

    pub(super) async fn keep_vocab(&self, name: &str, bytes: &[u8]) -> Result<(), ControlError> {
        let vocab = Vocab { name: name.to_owned(), bytes: bytes.to_owned() };
        self.backend.write(None, vec![Write::Put(Vocab::table(), vec![vocab.row()])]).await.map(drop)
    }

    pub(super) async fn vocab_names(&self) -> Result<Vec<String>, ControlError> {
        Ok(self.all::<Vocab>().await?.into_iter().map(|vocab| vocab.name).collect())
    }

    pub(super) async fn keep_session(&self, session: &Session) -> Result<(), ControlError> {
        self.backend.write(None, vec![Write::Put(Session::table(), vec![session.row()])]).await.map(drop)
    }

    pub(super) async fn find_session(&self, digest: &str) -> Result<Option<Session>, ControlError> {
        let select = Select::all(Session::table()).only(Filter::equals("digest", digest));
        Ok(self.select::<Session>(select).await?.pop())
    }

    pub(super) async fn remove_session(&self, digest: &str) -> Result<(), ControlError> {
        let ended = vec![Filter::equals("digest", digest)];
        self.backend.write(None, vec![Write::Delete(Session::table(), ended)]).await.map(drop)
    }

    pub(super) async fn take_lease(&self, lease: &Lease, now: Timestamp) -> Result<bool, ControlError> {
        for _ in 0..ATTEMPTS {
            let held = Select::all(Lease::table()).only(Filter::equals("name", lease.name.as_str()));
            let mut answers = self.backend.read(&[version_of(LEASES), held]).await?.into_iter();
            let mut next = || answers.next().unwrap_or_default();
            let (leases, held) = (counter(&next())?, next());
            let held = held.into_iter().next().map(Lease::read).transpose()?;
            if held.is_some_and(|held| held.owner != lease.owner && held.until > now) {
                return Ok(false);
            }
            let guard = Guard { name: LEASES, expected: i64::try_from(leases).unwrap_or(i64::MAX) };
            let writes = vec![Write::Put(Lease::table(), vec![lease.row()])];
            if self.backend.write(Some(guard), writes).await? == Written::Done {
                return Ok(true);
            }
        }
        Err(ControlError::Unavailable(format!("{ATTEMPTS} times in a row another node was faster")))
    }
}

/// Reports as they can be kept: a client may name a model as it likes, and a database takes only so much of it. Of
/// several that are of the same name then, the newest.
fn nameable(statuses: &[CredentialStatus]) -> Vec<CredentialStatus> {
    let mut kept = BTreeMap::new();
    for status in statuses {
        let status = CredentialStatus { model: name(&status.model), ..status.clone() };
        let key = (status.credential_id, status.model.clone());
        let older = |there: &CredentialStatus| there.updated_at > status.updated_at;
        if !kept.get(&key).is_some_and(older) {
            kept.insert(key, status);
        }
    }
    kept.into_values().collect()
}
