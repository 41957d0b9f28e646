//! PostgreSQL, with pgvector where it is there.
//!
//! Every parameter travels as a text that the statement casts to the type that the server inferred for its
//! place: so a value is written as the column has it, and no client-side table of types is needed.

mod binary;

use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow, Postgres};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Connection as _, Either, Executor as _, Row as _,
    SqlSafeStr as _, Statement as _, Transaction, TypeInfo as _,
};

use crate::db::sql::{
    Column, Dialect, Driver, Field, Mode, Ranking, Rows, Session, SqlDb, Statement, Table, Take,
};
use crate::db::value::{Cell, Kind};
use crate::db::{DbError, code, raw};

const CONNECTIONS: u32 = 8;
/// How long a call waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The driver.
#[derive(Debug)]
pub struct PostgresDriver {
    pool: PgPool,
    vectors: bool,
}

impl PostgresDriver {
    /// Connects to `dsn`, such as `postgres://user:password@host/database`. Vectors are pgvector's where the
    /// extension is there, or can be made.
    pub async fn connect(dsn: &str) -> Result<SqlDb, DbError> {
        let options = options(dsn)?;
        let mut first = PgConnection::connect_with(&options).await.map_err(|error| failure(&error))?;
        let vectors = has_vectors(&mut first).await;
        Self::open(options, vectors).await
    }

    /// The same, as if there were no pgvector.
    pub async fn connect_without_vectors(dsn: &str) -> Result<SqlDb, DbError> {
        Self::open(options(dsn)?, false).await
    }

    async fn open(options: PgConnectOptions, vectors: bool) -> Result<SqlDb, DbError> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if vectors {
                        // the connection learns the type now: to ask in the midst of a statement would end it
                        sqlx::query("SELECT NULL::vector").persistent(true).execute(connection).await?;
                    }
                    Ok(())
                })
            })
            .connect_with(options)
            .await
            .map_err(|error| failure(&error))?;
        Ok(SqlDb::new(Self { pool, vectors }))
    }
}

fn options(dsn: &str) -> Result<PgConnectOptions, DbError> {
    let options = PgConnectOptions::from_str(dsn)
        .map_err(|error| DbError::invalid(format!("the storage DSN is none of PostgreSQL: {error}")))?;
    Ok(options.options([("timezone", "UTC"), ("datestyle", "ISO"), ("standard_conforming_strings", "on")]))
}

async fn has_vectors(connection: &mut PgConnection) -> bool {
    // it fails where the login may not, or where there is none to be had
    let _ = sqlx::query("CREATE EXTENSION IF NOT EXISTS vector").execute(&mut *connection).await;
    let found =
        sqlx::query("SELECT 1 FROM pg_type WHERE typname = 'vector'").fetch_optional(connection).await;
    matches!(found, Ok(Some(_)))
}

#[async_trait]
impl Driver for PostgresDriver {
    fn backend(&self) -> &'static str {
        "postgres"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Postgres { vectors: self.vectors }
    }

    async fn begin(&self, mode: Mode) -> Result<Box<dyn Session>, DbError> {
        Ok(Box::new(match mode {
            Mode::Write => Held::Whole(self.pool.begin().await.map_err(|error| failure(&error))?),
            Mode::Read | Mode::Loose => {
                Held::Loose(self.pool.acquire().await.map_err(|error| failure(&error))?)
            }
        }))
    }

    async fn table(&self, name: &str) -> Result<Option<Table>, DbError> {
        let mut session = self.begin(Mode::Read).await?;
        // a name that was not quoted when the table was made is in lower case
        let parameters = vec![Cell::Text(name.to_owned())];
        let sql = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), \
                   coalesce(l.collname::text, ''), coalesce(col_description(c.oid, a.attnum), '') \
                   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                   LEFT JOIN pg_collation l ON l.oid = a.attcollation \
                   WHERE c.oid = coalesce(to_regclass(quote_ident($1)), to_regclass(quote_ident(lower($1)))) \
                   AND c.relnamespace = current_schema()::regnamespace \
                   AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
        let found = session.run(Statement { sql: sql.to_owned(), parameters }).await?;
        let mut table = Table::default();
        for row in found.rows {
            let [
                Cell::Text(relation),
                Cell::Text(name),
                Cell::Text(declared),
                Cell::Text(collation),
                Cell::Text(comment),
            ] = row.as_slice()
            else {
                continue;
            };
            table.name.clone_from(relation);
            let kind = if comment.starts_with("vector(") { Kind::of(comment) } else { Kind::of(declared) };
            if declared.starts_with("vector(") {
                table.vectors.push(name.clone());
            }
            table.columns.push(Column { name: name.clone(), kind, collated: collation != "C" });
        }
        if table.columns.is_empty() {
            return Ok(None);
        }
        let sql = "SELECT i.indexrelid::int8, i.indisprimary, a.attname::text FROM pg_index i \
                   CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place) \
                   JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum \
                   WHERE i.indrelid = to_regclass(quote_ident($1)) AND i.indisunique AND i.indpred IS NULL \
                   ORDER BY 1, k.place";
        let parameters = vec![Cell::Text(table.name.clone())];
        let found = session.run(Statement { sql: sql.to_owned(), parameters }).await?;
        let mut keys = Vec::new();
        for row in found.rows {
            let [index, primary, Cell::Text(column)] = row.as_slice() else { continue };
            if *primary == Cell::Bool(true) {
                table.primary.push(column.clone());
            }
            keys.push((index.clone(), column.clone()));
        }
        table.add_unique(keys);
        Ok(Some(table))
    }

    fn ranking(&self, table: &Table, vector: &Column) -> Ranking {
        if self.vectors && table.vectors.contains(&vector.name) { Ranking::Distance } else { Ranking::None }
    }

    async fn foreign_schemas(&self) -> Result<Vec<String>, DbError> {
        let mut session = self.begin(Mode::Read).await?;
        let sql = "SELECT nspname::text FROM pg_namespace WHERE nspname <> current_schema()";
        let found = session.run(Statement::plain(sql)).await?;
        let name = |row: Vec<Cell>| match row.into_iter().next() {
            Some(Cell::Text(name)) => Some(name),
            _ => None,
        };
        Ok(found.rows.into_iter().filter_map(name).collect())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

enum Held {
    Loose(sqlx::pool::PoolConnection<Postgres>),
    Whole(Transaction<'static, Postgres>),
}

impl Held {
    async fn stream(
        &mut self,
        statement: Statement,
        mut take: impl FnMut(&PgRow) -> Result<(), DbError> + Send,
    ) -> Result<(), DbError> {
        let connection = match self {
            Self::Loose(connection) => &mut **connection,
            Self::Whole(transaction) => &mut **transaction,
        };
        let sql = if statement.parameters.is_empty() {
            statement.sql
        } else {
            cast(connection, &statement.sql).await?
        };
        let mut arguments = PgArguments::default();
        for cell in statement.parameters {
            let added = arguments.add(text(cell));
            added.map_err(|error| DbError::new(code::OTHER, error.to_string()))?;
        }
        // schemas change under a running process: what was prepared before may name other columns
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments).persistent(false);
        let mut stream = query.fetch(connection);
        while let Some(row) = stream.try_next().await.map_err(|error| failure(&error))? {
            take(&row)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Session for Held {
    async fn run(&mut self, statement: Statement) -> Result<Rows, DbError> {
        let mut rows = Rows::default();
        let take = |row: &PgRow| {
            if rows.fields.is_empty() {
                rows.fields = row.columns().iter().map(field).collect();
            }
            rows.rows.push(cells(row)?);
            Ok(())
        };
        self.stream(statement, take).await?;
        Ok(rows)
    }

    async fn run_each(&mut self, statement: Statement, take: &mut Take<'_>) -> Result<(), DbError> {
        let hand_over = |row: &PgRow| {
            take(cells(row)?);
            Ok(())
        };
        self.stream(statement, hand_over).await
    }

    async fn commit(self: Box<Self>) -> Result<(), DbError> {
        match *self {
            Self::Loose(_) => Ok(()),
            Self::Whole(transaction) => transaction.commit().await.map_err(|error| failure(&error)),
        }
    }
}

/// The statement with every `$n` cast from a text to the type that the server infers for it.
#[expect(clippy::format_push_string, reason = "a short text for each parameter")]
async fn cast(connection: &mut PgConnection, sql: &str) -> Result<String, DbError> {
    let prepared = connection.prepare(AssertSqlSafe(sql.to_owned()).into_sql_str()).await;
    let prepared = prepared.map_err(|error| failure(&error))?;
    let types: Vec<String> = match prepared.parameters() {
        Some(Either::Left(types)) => types.iter().map(|one| one.name().to_owned()).collect(),
        _ => Vec::new(),
    };
    let mut whole = String::with_capacity(sql.len() + 32 * types.len());
    for token in raw::tokens(sql, Dialect::Postgres { vectors: true })? {
        match token {
            raw::Token::Dollar(number) => {
                let of = number.checked_sub(1).and_then(|at| types.get(at)).map_or("TEXT", String::as_str);
                whole.push_str(&match of {
                    "TEXT" | "UNKNOWN" => format!("${number}::text"),
                    of => format!("${number}::text::{of}"),
                });
            }
            other => other.write(&mut whole),
        }
    }
    Ok(whole)
}

/// As PostgreSQL reads it.
#[expect(clippy::format_collect, reason = "bytes as hexadecimal digits, plainly said")]
fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Bool(value) => Some(value.to_string()),
        Cell::Integer(value) => Some(value.to_string()),
        Cell::Real(value) => Some(value.to_string()),
        Cell::Text(text) => Some(text),
        Cell::Bytes(bytes) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Some(format!("\\x{hex}"))
        }
    }
}

fn field(column: &sqlx::postgres::PgColumn) -> Field {
    let name = column.type_info().name().to_owned();
    Field { name: column.name().to_owned(), kind: Kind::of(&name), origin: None }
}

fn cells(row: &PgRow) -> Result<Vec<Cell>, DbError> {
    let cell = |at: usize| {
        let value = row.try_get_raw(at).map_err(|error| failure(&error))?;
        binary::read(&value, row.column(at).name())
    };
    (0..row.len()).map(cell).collect()
}

fn failure(error: &sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
                DbError::new(code::OTHER, error.to_string())
            }
            other => DbError::unavailable(other.to_string()),
        };
    };
    // its codes are those that the others are told in
    let failed = DbError::new(database.code().as_deref().unwrap_or(code::OTHER), database.message());
    match database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().and_then(|error| error.hint()) {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}
