//! What can be looked through: usage, rollups, logs, the audit trail.

use std::collections::BTreeMap;

use penstock_core::{RequestId, Timestamp};

use super::Store;
use super::contract::ControlError;
use super::mirror::one;
use super::query::{AuditPage, AuditQuery, LogBatch, LogPage, LogQuery, RollupQuery, UsagePage, UsageQuery};
use crate::Settlement;
use crate::backend::{Filter, Select, Write};
use crate::ledger::{AuditLog, DownstreamRequest, UpstreamRequest, UsageRollup};
use crate::table::{Cell, Entity};

impl Store {
    /// All rows of a small table.
    pub(super) async fn all<T: Entity>(&self) -> Result<Vec<T>, ControlError> {
        self.select(Select::all(T::table())).await
    }

    pub(super) async fn select<T: Entity>(&self, select: Select) -> Result<Vec<T>, ControlError> {
        one(self.backend.as_ref(), select).await?.into_iter().map(T::read).collect()
    }

    /// So many rows, and whether there are more.
    async fn page<T: Entity>(&self, select: Select, limit: u64) -> Result<(Vec<T>, bool), ControlError> {
        let limit = limit.max(1);
        let mut rows = self.select(select.limit(limit + 1)).await?;
        let more = rows.len() as u64 > limit;
        rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok((rows, more))
    }

    pub(super) async fn usage_page(&self, query: &UsageQuery) -> Result<UsagePage, ControlError> {
        let mut select = between(Select::all(Settlement::table()), "at", query.since, query.until);
        if let Some(user) = query.user {
            select = select.only(Filter::equals("user_id", user.0));
        }
        if let Some(key) = query.key {
            select = select.only(Filter::equals("key_id", key.0));
        }
        if let Some(model) = &query.model {
            select = select.only(Filter::equals("model", model.as_str()));
        }
        if let Some(provider) = &query.provider {
            select = select.only(Filter::equals("provider", provider.as_str()));
        }
        let (rows, more) = self.page::<Settlement>(after(select, query.after), query.limit).await?;
        let next = rows.last().filter(|_| more).map(|row| row.request_id);
        Ok(UsagePage { rows, next })
    }

    pub(super) async fn rollup_rows(&self, query: &RollupQuery) -> Result<Vec<UsageRollup>, ControlError> {
        let select =
            Select::all(UsageRollup::table()).only(Filter::equals("granularity", query.granularity.as_str()));
        let mut select = between(select, "bucket", query.since, query.until);
        if let Some(user) = query.user {
            select = select.only(Filter::equals("user_id", user.0));
        }
        self.select(select).await
    }

    pub(super) async fn keep_logs(&self, logs: &LogBatch) -> Result<(), ControlError> {
        let downstream = logs.downstream.iter().map(Entity::row).collect();
        let upstream = logs.upstream.iter().map(Entity::row).collect();
        let writes = vec![
            Write::Put(DownstreamRequest::table(), downstream),
            Write::Put(UpstreamRequest::table(), upstream),
        ];
        self.backend.write(None, writes).await.map(drop)
    }

    pub(super) async fn log_page(&self, query: &LogQuery) -> Result<LogPage, ControlError> {
        let mut select = between(Select::all(DownstreamRequest::table()), "at", query.since, query.until);
        if let Some(id) = query.request_id {
            select = select.only(Filter::equals("request_id", id.to_string().as_str()));
        }
        let (rows, more) = self.page::<DownstreamRequest>(after(select, query.after), query.limit).await?;
        let next = rows.last().filter(|_| more).map(|row| row.request_id);
        let ids: Vec<_> = rows.iter().map(|row| Cell::Text(row.request_id.to_string())).collect();
        let mut upstream = BTreeMap::<RequestId, Vec<UpstreamRequest>>::new();
        if !ids.is_empty() {
            let select = Select::all(UpstreamRequest::table()).only(Filter::In("request_id", ids));
            for row in self.select::<UpstreamRequest>(select).await? {
                upstream.entry(row.request_id).or_default().push(row);
            }
        }
        let with_upstream = |row: DownstreamRequest| {
            let upstream = upstream.remove(&row.request_id).unwrap_or_default();
            (row, upstream)
        };
        Ok(LogPage { rows: rows.into_iter().map(with_upstream).collect(), next })
    }

    /// Ids sort by time, so that the first row of each table is its oldest.
    pub(super) async fn oldest_log_at(&self) -> Result<Option<Timestamp>, ControlError> {
        let first = |table| Select::all(table).limit(1);
        let downstream = self.select::<DownstreamRequest>(first(DownstreamRequest::table())).await?;
        let upstream = self.select::<UpstreamRequest>(first(UpstreamRequest::table())).await?;
        let downstream = downstream.into_iter().map(|row| row.at);
        Ok(downstream.chain(upstream.into_iter().map(|row| row.at)).min())
    }

    pub(super) async fn audit_page(&self, query: &AuditQuery) -> Result<AuditPage, ControlError> {
        let mut select = between(Select::all(AuditLog::table()), "at", query.since, query.until).descending();
        if let Some(actor) = query.actor {
            select = select.only(Filter::equals("actor_id", actor.0));
        }
        if let Some(before) = query.before {
            select = select.only(Filter::Below("id", before.into()));
        }
        let (rows, more) = self.page::<AuditLog>(select, query.limit).await?;
        let next = rows.last().filter(|_| more).map(|row| row.id);
        Ok(AuditPage { rows, next })
    }
}

fn between(
    select: Select,
    column: &'static str,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
) -> Select {
    let select = match since {
        Some(since) => select.only(Filter::AtLeast(column, since.0.into())),
        None => select,
    };
    match until {
        Some(until) => select.only(Filter::Below(column, until.0.into())),
        None => select,
    }
}

fn after(select: Select, id: Option<RequestId>) -> Select {
    match id {
        Some(id) => select.only(Filter::Above("request_id", Cell::Text(id.to_string()))),
        None => select,
    }
}
