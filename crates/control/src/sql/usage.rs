//! Settlements to rows and back.

use std::collections::HashSet;

use penstock_core::{KeyId, OrgId, TeamId, Timestamp, Usage, UserId};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::usages::{ActiveModel, Column, Entity, Model};
use crate::{ControlError, Settled, Settlement, UsagePage, UsageQuery};

/// Rows of one statement: 26 columns each, and SQLite binds 32,766 values at the most.
const ROWS: usize = 500;

/// Inserts what is new; the caller's transaction holds the write lock from before the look, so that
/// what is new cannot change in between.
pub(super) async fn settle(
    connection: &impl ConnectionTrait,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, ControlError> {
    let mut answers = Vec::with_capacity(settlements.len());
    for chunk in settlements.chunks(ROWS) {
        let mut known = known(connection, chunk).await?;
        let mut rows = Vec::with_capacity(chunk.len());
        for settlement in chunk {
            let row = row(settlement);
            let new = known.insert(settlement.request_id.to_string());
            answers.push(if new { Settled::Applied } else { Settled::Duplicate });
            rows.extend(new.then_some(row));
        }
        if !rows.is_empty() {
            Entity::insert_many(rows).exec_without_returning(connection).await?;
        }
    }
    Ok(answers)
}

async fn known(
    connection: &impl ConnectionTrait,
    settlements: &[Settlement],
) -> Result<HashSet<String>, ControlError> {
    let ids = settlements.iter().map(|settlement| settlement.request_id.to_string());
    let rows: Vec<String> = Entity::find()
        .select_only()
        .column(Column::RequestId)
        .filter(Column::RequestId.is_in(ids))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// A page in the order of request ids.
pub(super) async fn page(
    connection: &impl ConnectionTrait,
    query: &UsageQuery,
) -> Result<UsagePage, ControlError> {
    let limit = query.limit.max(1);
    let mut select = Entity::find().order_by_asc(Column::RequestId).limit(limit + 1);
    if let Some(since) = query.since {
        select = select.filter(Column::At.gte(since.0));
    }
    if let Some(until) = query.until {
        select = select.filter(Column::At.lt(until.0));
    }
    if let Some(user) = query.user {
        select = select.filter(Column::UserId.eq(user.0));
    }
    if let Some(key) = query.key {
        select = select.filter(Column::KeyId.eq(key.0));
    }
    if let Some(model) = &query.model {
        select = select.filter(Column::Model.eq(model.as_str()));
    }
    if let Some(provider) = &query.provider {
        select = select.filter(Column::Provider.eq(provider.as_str()));
    }
    if let Some(after) = query.after {
        select = select.filter(Column::RequestId.gt(after.to_string()));
    }
    let rows = select.all(connection).await?;
    let mut rows = rows.into_iter().map(settlement).collect::<Result<Vec<_>, _>>()?;
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more).map(|row| row.request_id);
    Ok(UsagePage { rows, next })
}

fn row(settlement: &Settlement) -> ActiveModel {
    let text = |value: &Option<std::sync::Arc<str>>| value.as_deref().map(str::to_owned);
    let Usage { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning } = settlement.usage;
    ActiveModel {
        request_id: Set(settlement.request_id.to_string()),
        at: Set(settlement.at.0),
        route: Set(settlement.route.to_string()),
        provider: Set(settlement.provider.to_string()),
        credential: Set(text(&settlement.credential)),
        org_id: Set(settlement.org_id.map(|id| id.0)),
        team_id: Set(settlement.team_id.map(|id| id.0)),
        user_id: Set(settlement.user_id.map(|id| id.0)),
        key_id: Set(settlement.key_id.map(|id| id.0)),
        tenant: Set(text(&settlement.tenant)),
        operation: Set(settlement.operation.as_str().to_owned()),
        dialect: Set(settlement.dialect.as_str().to_owned()),
        model: Set(settlement.model.to_string()),
        input: Set(stored(input)),
        output: Set(stored(output)),
        cache_read: Set(stored(cache_read)),
        cache_write_5m: Set(stored(cache_write_5m)),
        cache_write_1h: Set(stored(cache_write_1h)),
        reasoning: Set(stored(reasoning)),
        raw_usage: Set(settlement.raw_usage.as_deref().map(str::to_owned)),
        cost: Set(settlement.cost.map(|cost| cost.to_string())),
        price_version: Set(text(&settlement.price_version)),
        latency_ms: Set(stored(settlement.latency_ms)),
        ttft_ms: Set(settlement.ttft_ms.map(stored)),
        source: Set(settlement.source.as_str().to_owned()),
        ended: Set(settlement.ended.as_str().to_owned()),
    }
}

fn settlement(row: Model) -> Result<Settlement, ControlError> {
    Ok(Settlement {
        request_id: read("a request id", &row.request_id)?,
        at: Timestamp(row.at),
        route: row.route.into(),
        provider: row.provider.into(),
        credential: row.credential.map(Into::into),
        org_id: row.org_id.map(OrgId),
        team_id: row.team_id.map(TeamId),
        user_id: row.user_id.map(UserId),
        key_id: row.key_id.map(KeyId),
        tenant: row.tenant.map(Into::into),
        operation: read("an operation", &row.operation)?,
        dialect: read("a dialect", &row.dialect)?,
        model: row.model.into(),
        usage: Usage {
            input: loaded(row.input),
            output: loaded(row.output),
            cache_read: loaded(row.cache_read),
            cache_write_5m: loaded(row.cache_write_5m),
            cache_write_1h: loaded(row.cache_write_1h),
            reasoning: loaded(row.reasoning),
        },
        raw_usage: row.raw_usage.map(Into::into),
        cost: row.cost.map(|cost| read("an amount", &cost)).transpose()?,
        price_version: row.price_version.map(Into::into),
        latency_ms: loaded(row.latency_ms),
        ttft_ms: row.ttft_ms.map(loaded),
        source: read("a usage source", &row.source)?,
        ended: read("an ending", &row.ended)?,
    })
}

fn read<T: std::str::FromStr>(what: &'static str, value: &str) -> Result<T, ControlError> {
    value.parse().map_err(|_| ControlError::Corrupt { what, value: value.to_owned() })
}

/// Counts past `i64::MAX` do not occur; a provider that claims one is capped, not wrapped.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn loaded(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
