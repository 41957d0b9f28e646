//! Settlements to rows and back.

use std::collections::HashSet;
use std::sync::OnceLock;

use penstock_core::{KeyId, OrgId, RequestId, TeamId, Timestamp, Usage, UserId};
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement, Value,
};

use super::entity::usages::{Column, Entity, Model};
use crate::{ControlError, Settled, Settlement, UsagePage, UsageQuery};

/// Ids of one look-up; databases bind only so many values.
const ID_LOOKUPS: usize = 500;
/// Rows of one statement: any batch is made of a few of these sizes.
const SIZES: [usize; 4] = [256, 32, 4, 1];

/// The insert of as many rows, built once: its text is most of the work, and a text that stays the same
/// is prepared by the driver only once.
struct Insert {
    rows: usize,
    sql: String,
}

impl Insert {
    fn of(backend: DbBackend, rows: usize) -> Self {
        let mut insert = Query::insert();
        insert.into_table(Entity).columns(COLUMNS);
        for _ in 0..rows {
            insert.values_panic(COLUMNS.map(|_| Expr::val(0)));
        }
        Self { rows, sql: backend.build(&insert).sql }
    }

    async fn run(&self, connection: &impl ConnectionTrait, settlements: &[&Settlement]) -> Result<(), DbErr> {
        let mut values = Vec::with_capacity(self.rows * COLUMNS.len());
        for settlement in settlements {
            values.extend(row(settlement));
        }
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), &self.sql, values);
        connection.execute_raw(statement).await.map(drop)
    }
}

/// Inserts what is new, in the caller's transaction.
pub(super) async fn settle(
    connection: &impl ConnectionTrait,
    settlements: &[Settlement],
) -> Result<Vec<Settled>, ControlError> {
    let mut answers = Vec::with_capacity(settlements.len());
    // looked at before anything is written: which of several rows were there cannot be told afterwards
    let mut known = known(connection, settlements).await?;
    let mut new = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let first = known.insert(settlement.request_id);
        answers.push(if first { Settled::Applied } else { Settled::Duplicate });
        new.extend(first.then_some(settlement));
    }
    insert(connection, &new).await?;
    Ok(answers)
}

async fn insert(connection: &impl ConnectionTrait, mut left: &[&Settlement]) -> Result<(), DbErr> {
    static INSERTS: [OnceLock<[Insert; SIZES.len()]>; 3] = [const { OnceLock::new() }; 3];
    let backend = connection.get_database_backend();
    let inserts = match backend {
        DbBackend::MySql => &INSERTS[0],
        DbBackend::Postgres => &INSERTS[1],
        _ => &INSERTS[2],
    };
    for insert in inserts.get_or_init(|| SIZES.map(|rows| Insert::of(backend, rows))) {
        while let Some((rows, rest)) = left.split_at_checked(insert.rows) {
            insert.run(connection, rows).await?;
            left = rest;
        }
    }
    Ok(())
}

/// Which of them are there already. A batch is nearly always newer than everything stored, which one
/// look at the newest row tells.
async fn known(
    connection: &impl ConnectionTrait,
    settlements: &[Settlement],
) -> Result<HashSet<RequestId>, ControlError> {
    let newest: Option<String> = Entity::find()
        .select_only()
        .column(Column::RequestId)
        .order_by_desc(Column::RequestId)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    let Some(newest) = newest else { return Ok(HashSet::new()) };
    let newest: RequestId = read("a request id", &newest)?;
    let older = settlements.iter().map(|settlement| settlement.request_id).filter(|id| *id <= newest);
    let ids: Vec<_> = older.map(|id| id.to_string()).collect();
    let mut known = HashSet::new();
    for ids in ids.chunks(ID_LOOKUPS) {
        let rows: Vec<String> = Entity::find()
            .select_only()
            .column(Column::RequestId)
            .filter(Column::RequestId.is_in(ids))
            .into_tuple()
            .all(connection)
            .await?;
        for row in rows {
            known.insert(read("a request id", &row)?);
        }
    }
    Ok(known)
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

/// The columns, in the order of [`row`].
const COLUMNS: [Column; 26] = [
    Column::RequestId,
    Column::At,
    Column::Route,
    Column::Provider,
    Column::Credential,
    Column::OrgId,
    Column::TeamId,
    Column::UserId,
    Column::KeyId,
    Column::Tenant,
    Column::Operation,
    Column::Dialect,
    Column::Model,
    Column::Input,
    Column::Output,
    Column::CacheRead,
    Column::CacheWrite5m,
    Column::CacheWrite1h,
    Column::Reasoning,
    Column::RawUsage,
    Column::Cost,
    Column::PriceVersion,
    Column::LatencyMs,
    Column::TtftMs,
    Column::Source,
    Column::Ended,
];

fn row(settlement: &Settlement) -> [Value; COLUMNS.len()] {
    let text = |value: &Option<std::sync::Arc<str>>| value.as_deref().map(short).into();
    let Usage { input, output, cache_read, cache_write_5m, cache_write_1h, reasoning } = settlement.usage;
    [
        settlement.request_id.to_string().into(),
        settlement.at.0.into(),
        short(&settlement.route).into(),
        short(&settlement.provider).into(),
        text(&settlement.credential),
        settlement.org_id.map(|id| id.0).into(),
        settlement.team_id.map(|id| id.0).into(),
        settlement.user_id.map(|id| id.0).into(),
        settlement.key_id.map(|id| id.0).into(),
        text(&settlement.tenant),
        settlement.operation.as_str().into(),
        settlement.dialect.as_str().into(),
        short(&settlement.model).into(),
        stored(input).into(),
        stored(output).into(),
        stored(cache_read).into(),
        stored(cache_write_5m).into(),
        stored(cache_write_1h).into(),
        stored(reasoning).into(),
        settlement.raw_usage.as_deref().into(),
        settlement.cost.map(|cost| cost.to_string()).into(),
        text(&settlement.price_version),
        stored(settlement.latency_ms).into(),
        settlement.ttft_ms.map(stored).into(),
        settlement.source.as_str().into(),
        settlement.ended.as_str().into(),
    ]
}

/// As much of a name as its column holds: a client may name a model as it likes, and a row that no database
/// takes would keep all that follow it from being settled.
fn short(name: &str) -> &str {
    name.char_indices().nth(NAME_CHARACTERS).map_or(name, |(end, _)| &name[..end])
}

/// What a `VARCHAR` has unless told otherwise.
const NAME_CHARACTERS: usize = 255;

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
