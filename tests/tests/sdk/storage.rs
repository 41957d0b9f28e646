//! The traits of a storage backend, over the storage of the package.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use penstock_storage::blob::{self, BlobStore, Prefix};
use penstock_storage::db::query::{Action, Cardinality, Filter, Operator, Outcome, Selected};
use penstock_storage::db::{
    Answer, Database, DbError, Hit, Migrated, Migration, Migrations, Query, Row, VectorSearch, code,
};
use penstock_storage::kv::{self, Keep, KvStore, Remaining, Ttl};
use penstock_storage::{ErrorKind, Result, StorageError};
use serde_json::{Value, json};

use crate::node::Node;

/// The name of the backend.
const BACKEND: &str = "module-sdk";

/// One storage in a process.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    node: Arc<Node>,
    number: u64,
}

impl Storage {
    /// A new one, with nothing in it, and with room for so many bytes of keys and values.
    pub(crate) async fn open(node: &Arc<Node>, kv_bytes: Option<u64>) -> Result<Self> {
        let number = node.number();
        let opened = node.call(number, "open", json!([kv_bytes])).await;
        opened.map_err(|failed| refusal("open", &failed))?;
        Ok(Self { node: Arc::clone(node), number })
    }

    /// Takes it down, or brings it back: before anything that is asked later.
    pub(crate) fn set_down(&self, is_down: bool) {
        let operation = if is_down { "down" } else { "back" };
        drop(self.node.ask(self.number, operation, &json!([])));
    }

    async fn call(&self, operation: &'static str, arguments: Value) -> Result<Value> {
        let done = self.node.call(self.number, operation, arguments).await;
        done.map_err(|failed| refusal(operation, &failed))
    }

    async fn query(&self, operation: &str, arguments: Value) -> Result<Value, DbError> {
        let done = self.node.call(self.number, operation, arguments).await;
        done.map_err(|failed| db_error(&failed))
    }

    async fn is_well(&self) -> bool {
        self.node.call(self.number, "health", json!([])).await.is_ok_and(|health| health["ok"] == true)
    }
}

fn refusal(operation: &'static str, failed: &Value) -> StorageError {
    let kind = match failed["kind"].as_str() {
        Some("conflict") => ErrorKind::Conflict,
        Some("full") => ErrorKind::Full,
        Some("unavailable") => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    };
    StorageError::new(kind, BACKEND, operation, failed["message"].as_str().unwrap_or_default())
}

fn db_error(failed: &Value) -> DbError {
    let text = |name: &str| failed[name].as_str();
    let mut error = DbError::new(text("code").unwrap_or(code::OTHER), text("message").unwrap_or_default());
    error.details = text("details").map(str::to_owned);
    error.hint = text("hint").map(str::to_owned);
    error
}

/// It answered with something that is none.
fn odd(answer: &Value) -> DbError {
    DbError::new(code::OTHER, format!("an answer that is none: {answer}"))
}

/// As modules give it. None of a lifetime at all is 0 to them, which has no end, and so has a very long one.
fn seconds(ttl: Ttl) -> Value {
    match ttl {
        Ttl::Forever => Value::Null,
        Ttl::For(lifetime) => json!(lifetime.as_secs_f64().clamp(0.001, 999_999_999_999.0)),
        Ttl::Expired => json!(-1),
    }
}

#[async_trait]
impl KvStore for Storage {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn get(&self, key: &kv::Key) -> Result<Option<String>> {
        let found = self.call("kv.get", json!([key.as_str()])).await?;
        Ok(found.as_str().map(str::to_owned))
    }

    async fn set(&self, key: &kv::Key, value: &str, ttl: Ttl, keep: Keep) -> Result<()> {
        let arguments = json!([key.as_str(), value, seconds(ttl), keep == Keep::Volatile]);
        self.call("kv.set", arguments).await.map(drop)
    }

    async fn set_nx(&self, key: &kv::Key, value: &str, ttl: Ttl) -> Result<bool> {
        Ok(self.call("kv.setNx", json!([key.as_str(), value, seconds(ttl)])).await? == true)
    }

    async fn del(&self, key: &kv::Key) -> Result<()> {
        self.call("kv.del", json!([key.as_str()])).await.map(drop)
    }

    async fn ttl(&self, key: &kv::Key) -> Result<Remaining> {
        Ok(match self.call("kv.ttl", json!([key.as_str()])).await?.as_i64() {
            Some(-1) => Remaining::Forever,
            Some(seconds) if seconds >= 0 => Remaining::Seconds(seconds.unsigned_abs()),
            _ => Remaining::Missing,
        })
    }

    async fn incr(&self, key: &kv::Key, by: i64, ttl: Ttl) -> Result<i64> {
        let sum = self.call("kv.incr", json!([key.as_str(), by, seconds(ttl)])).await?;
        let sum = sum.as_str().and_then(|sum| sum.parse().ok());
        sum.ok_or_else(|| StorageError::invalid("kv.incr", "an answer that is no number"))
    }

    async fn cas(&self, key: &kv::Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        Ok(self.call("kv.cas", json!([key.as_str(), expected, value, seconds(ttl)])).await? == true)
    }

    async fn health(&self) -> Result<()> {
        self.is_well().await.then_some(()).ok_or_else(|| {
            StorageError::new(ErrorKind::Unavailable, BACKEND, "kv.health", "the storage is down")
        })
    }
}

#[async_trait]
impl BlobStore for Storage {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn put(&self, key: &blob::Key, content: Bytes) -> Result<()> {
        self.call("blob.put", json!([key.as_str(), BASE64.encode(content)])).await.map(drop)
    }

    async fn get(&self, key: &blob::Key) -> Result<Option<Bytes>> {
        let found = self.call("blob.get", json!([key.as_str()])).await?;
        Ok(found.as_str().map(|text| BASE64.decode(text).unwrap().into()))
    }

    async fn delete(&self, key: &blob::Key) -> Result<()> {
        self.call("blob.delete", json!([key.as_str()])).await.map(drop)
    }

    async fn list(&self, prefix: &Prefix) -> Result<Vec<String>> {
        let found = self.call("blob.list", json!([prefix.as_str()])).await?;
        Ok(serde_json::from_value(found).unwrap())
    }

    async fn health(&self) -> Result<()> {
        KvStore::health(self).await
    }
}

#[async_trait]
impl Database for Storage {
    fn backend(&self) -> &'static str {
        BACKEND
    }

    async fn run(&self, query: &Query) -> Result<Answer, DbError> {
        let outcome = self.query("db.run", json!([wire(query)])).await?;
        let answer = if outcome["error"].is_null() {
            let rows = match &outcome["data"] {
                Value::Null => Vec::new(),
                Value::Array(rows) => rows.iter().map(row).collect::<Result<_, _>>()?,
                one => vec![row(one)?],
            };
            Ok(Answer { rows, count: outcome["count"].as_u64() })
        } else {
            Err(db_error(&outcome["error"]))
        };
        // what the chain resolves to is compared whole: its data, its status and the words for it
        let expected = match &answer {
            Ok(answer) => Outcome::of_answer(query, answer.clone()),
            Err(error) => Outcome::of_error(error.clone()),
        };
        let is_same = outcome["data"] == expected.data
            && outcome["count"] == json!(expected.count)
            && outcome["status"] == expected.status
            && outcome["statusText"] == expected.status_text;
        if is_same { answer } else { Err(odd(&outcome)) }
    }

    async fn vector_search(&self, search: &VectorSearch) -> Result<Vec<Hit>, DbError> {
        let VectorSearch { query, column, embedding, limit, min_score, exact: _ } = search;
        let embedding: Vec<String> = embedding.iter().copied().map(number).collect();
        let arguments = json!([wire(query), column, embedding, limit, min_score.map(number)]);
        let found = self.query("db.search", arguments).await?;
        let hit = |hit: &Value| match hit["score"].as_f64() {
            Some(score) => Ok(Hit { score, data: row(&hit["data"])? }),
            None => Err(odd(hit)),
        };
        found.as_array().ok_or_else(|| odd(&found))?.iter().map(hit).collect()
    }

    async fn raw(&self, sql: &str, parameters: &[Value]) -> Result<Vec<Row>, DbError> {
        let found = self.query("db.raw", json!([sql, parameters])).await?;
        found.as_array().ok_or_else(|| odd(&found))?.iter().map(row).collect()
    }

    async fn migrate(&self, migrations: &Migrations) -> Result<Migrated, DbError> {
        let file = |step: &Migration| json!({"name": format!("{}.sql", step.name()), "sql": step.sql()});
        let files: Vec<Value> = migrations.steps().iter().map(file).collect();
        let done = self.query("db.migrate", json!([migrations.module(), files])).await?;
        let names = |field: &str| serde_json::from_value(done[field].clone()).map_err(|_| odd(&done));
        Ok(Migrated { applied: names("applied")?, newer: names("newer")? })
    }

    async fn health(&self) -> Result<(), DbError> {
        self.is_well().await.then_some(()).ok_or_else(|| DbError::unavailable("the storage is down"))
    }
}

fn row(value: &Value) -> Result<Row, DbError> {
    value.as_object().cloned().ok_or_else(|| odd(value))
}

/// As JavaScript reads it: JSON has no word for what is not finite.
fn number(number: f64) -> String {
    if number.is_infinite() {
        return format!("{}Infinity", if number < 0.0 { "-" } else { "" });
    }
    number.to_string()
}

/// A query for `conformance/wire-query.ts`.
fn wire(query: &Query) -> Value {
    let action = match &query.action {
        Action::Select => json!({"type": "select"}),
        Action::Insert(rows) => json!({"type": "insert", "rows": rows}),
        Action::Upsert { rows, on_conflict, ignore_duplicates } => json!({
            "type": "upsert", "rows": rows,
            "onConflict": on_conflict.join(","), "ignoreDuplicates": ignore_duplicates,
        }),
        Action::Update(row) => json!({"type": "update", "rows": row}),
        Action::Delete => json!({"type": "delete"}),
    };
    let column = |selected: &Selected| match selected {
        Selected::All => "*".to_owned(),
        Selected::Column { name, alias } => format!("{alias}:{name}"),
    };
    let returning = query.returning.as_ref().map(|all| all.iter().map(column).collect::<Vec<_>>().join(", "));
    let order: Vec<Value> = query
        .order
        .iter()
        .map(|sort| json!({"column": sort.column, "ascending": !sort.descending, "nullsFirst": sort.nulls_first}))
        .collect();
    let cardinality = match query.cardinality {
        Cardinality::Many => "many",
        Cardinality::One => "one",
        Cardinality::OneOrNone => "one or none",
    };
    json!({
        "table": query.table, "action": action, "returning": returning,
        "filters": query.filters.iter().map(condition).collect::<Vec<_>>(), "everyRow": query.every_row,
        "order": order, "offset": query.offset, "limit": query.limit, "cardinality": cardinality,
        "count": query.count, "head": query.head,
    })
}

fn condition(filter: &Filter) -> Value {
    let all = |filters: &[Filter]| filters.iter().map(condition).collect::<Vec<_>>();
    match filter {
        Filter::Compare { column, operator, value } => {
            json!({"column": column, "operator": name(*operator), "value": value})
        }
        Filter::Not(inner) => json!({"not": condition(inner)}),
        Filter::All(filters) => json!({"all": all(filters)}),
        Filter::Any(filters) => json!({"any": all(filters)}),
    }
}

const fn name(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "eq",
        Operator::Neq => "neq",
        Operator::Gt => "gt",
        Operator::Gte => "gte",
        Operator::Lt => "lt",
        Operator::Lte => "lte",
        Operator::Like => "like",
        Operator::Ilike => "ilike",
        Operator::Is => "is",
        Operator::In => "in",
        Operator::Contains => "contains",
    }
}
