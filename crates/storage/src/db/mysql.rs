//! MySQL and `MariaDB`.

use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sqlx::mysql::{MySql, MySqlArguments, MySqlConnectOptions, MySqlPool, MySqlPoolOptions, MySqlRow};
use sqlx::{
    Arguments as _, AssertSqlSafe, Column as _, Either, Executor as _, Row as _, Transaction, Type,
    TypeInfo as _, ValueRef as _,
};

use super::sql::{Column, Dialect, Driver, Field, Mode, Rows, Session, SqlDb, Statement, Table};
use super::value::{Cell, Kind};
use super::{DbError, code};

const CONNECTIONS: u32 = 8;
/// How long a call waits for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The driver.
#[derive(Debug)]
pub struct MysqlDriver {
    pool: MySqlPool,
    maria: bool,
}

impl MysqlDriver {
    /// Connects to `dsn`, such as `mysql://user:password@host/database`.
    pub async fn connect(dsn: &str) -> Result<SqlDb, DbError> {
        let options = MySqlConnectOptions::from_str(dsn)
            .map_err(|error| DbError::invalid(format!("the storage DSN is none of MySQL: {error}")))?
            .charset("utf8mb4")
            .timezone(Some("+00:00".to_owned()));
        let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
        let pool = pool.after_connect(|connection, _| {
            Box::pin(async move {
                // a 0 that is given for a key is a 0, as elsewhere
                let sql = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_AUTO_VALUE_ON_ZERO')";
                connection.execute(sql).await.map(drop)
            })
        });
        let pool = pool.connect_with(options).await.map_err(|error| failure(&error))?;
        let version: String =
            sqlx::query_scalar("SELECT VERSION()").fetch_one(&pool).await.map_err(|error| failure(&error))?;
        Ok(SqlDb::new(Self { pool, maria: version.contains("MariaDB") }))
    }
}

#[async_trait]
impl Driver for MysqlDriver {
    fn backend(&self) -> &'static str {
        if self.maria { "mariadb" } else { "mysql" }
    }

    fn dialect(&self) -> Dialect {
        Dialect::Mysql { maria: self.maria }
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
        let parameters = vec![Cell::Text(name.to_owned())];
        let sql = "SELECT CAST(column_name AS CHAR), CAST(column_type AS CHAR), \
                   CAST(COALESCE(collation_name, '') AS CHAR), CAST(column_comment AS CHAR), \
                   is_nullable = 'YES', extra LIKE '%auto_increment%' OR extra LIKE '%DEFAULT_GENERATED%' \
                   OR COALESCE(column_default, 'NULL') <> 'NULL' \
                   FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? \
                   ORDER BY ordinal_position";
        let found = session.run(Statement { sql: sql.to_owned(), parameters: parameters.clone() }).await?;
        let mut table = Table { name: name.to_owned(), ..Table::default() };
        for row in found.rows {
            let [
                Cell::Text(name),
                Cell::Text(declared),
                Cell::Text(collation),
                Cell::Text(comment),
                Cell::Integer(is_nullable),
                Cell::Integer(has_default),
            ] = row.as_slice()
            else {
                continue;
            };
            let kind = if comment.starts_with("vector(") { Kind::of(comment) } else { Kind::of(declared) };
            let collated = collation != self.dialect().binary_collation();
            table.columns.push(Column { name: name.clone(), kind, collated });
            if *is_nullable == 0 {
                table.not_null.push(name.clone());
            }
            if *has_default != 0 {
                table.defaults.push(name.clone());
            }
        }
        if table.columns.is_empty() {
            return Ok(None);
        }
        if self.maria {
            // its JSON is a text with a check, and says so nowhere else
            let made = session.run(Statement::plain(format!("SHOW CREATE TABLE `{name}`"))).await?;
            if let Some(Cell::Text(made)) = made.rows.first().and_then(|row| row.get(1)) {
                for column in &mut table.columns {
                    if made.contains(&format!("json_valid(`{}`)", column.name)) {
                        column.kind = Kind::Json;
                    }
                }
            }
        }
        let sql = "SELECT CAST(index_name AS CHAR), CAST(column_name AS CHAR) FROM information_schema.statistics \
                   WHERE table_schema = DATABASE() AND table_name = ? AND non_unique = 0 \
                   ORDER BY index_name, seq_in_index";
        let found = session.run(Statement { sql: sql.to_owned(), parameters }).await?;
        let mut keys = Vec::new();
        for row in found.rows {
            let [Cell::Text(index), Cell::Text(column)] = row.as_slice() else { continue };
            if index == "PRIMARY" {
                table.primary.push(column.clone());
            }
            keys.push((index.clone(), column.clone()));
        }
        table.add_unique(keys);
        Ok(Some(table))
    }

    async fn foreign_schemas(&self) -> Result<Vec<String>, DbError> {
        let mut session = self.begin(Mode::Read).await?;
        let sql = "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata WHERE schema_name <> DATABASE()";
        let found = session.run(Statement::plain(sql)).await?;
        let name = |row: Vec<Cell>| match row.into_iter().next() {
            Some(Cell::Text(name)) => Some(name),
            _ => None,
        };
        // those that this login does not see are there all the same
        let own = ["mysql", "sys", "performance_schema", "information_schema"].map(str::to_owned);
        Ok(found.rows.into_iter().filter_map(name).chain(own).collect())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

enum Held {
    Loose(sqlx::pool::PoolConnection<MySql>),
    Whole(Transaction<'static, MySql>),
}

#[async_trait]
impl Session for Held {
    async fn run(&mut self, statement: Statement) -> Result<Rows, DbError> {
        let connection = match self {
            Self::Loose(connection) => &mut **connection,
            Self::Whole(transaction) => &mut **transaction,
        };
        let mut arguments = MySqlArguments::default();
        for cell in statement.parameters {
            let added = match cell {
                Cell::Null => arguments.add(None::<String>),
                Cell::Bool(value) => arguments.add(value),
                Cell::Integer(value) => arguments.add(value),
                Cell::Real(value) => arguments.add(value),
                Cell::Text(text) => arguments.add(text),
                Cell::Bytes(bytes) => arguments.add(bytes),
            };
            added.map_err(|error| DbError::new(code::OTHER, error.to_string()))?;
        }
        // kept, and so not closed: the next command would wait until the server has acknowledged that, which
        // takes it 40 ms. Columns are read anew each time, in case the schema was changed
        let query = sqlx::query_with(AssertSqlSafe(statement.sql), arguments).persistent(true);
        #[expect(
            deprecated,
            reason = "the only way to the key that was made up beside the rows; it is one statement"
        )]
        let mut stream = query.fetch_many(connection);
        let mut rows = Rows::default();
        while let Some(part) = stream.try_next().await.map_err(|error| failure(&error))? {
            let row = match part {
                Either::Left(done) => {
                    rows.last_id = i64::try_from(done.last_insert_id()).ok().filter(|id| *id > 0);
                    continue;
                }
                Either::Right(row) => row,
            };
            if rows.fields.is_empty() {
                rows.fields = row.columns().iter().map(field).collect();
            }
            rows.rows.push(cells(&row).map_err(|error| failure(&error))?);
        }
        Ok(rows)
    }

    async fn commit(self: Box<Self>) -> Result<(), DbError> {
        match *self {
            Self::Loose(_) => Ok(()),
            Self::Whole(transaction) => transaction.commit().await.map_err(|error| failure(&error)),
        }
    }
}

fn field(column: &sqlx::mysql::MySqlColumn) -> Field {
    let origin = match column.origin() {
        sqlx::ColumnOrigin::Table(origin) => {
            let table = origin.table.rsplit('.').next().unwrap_or_default().to_owned();
            Some((table, origin.name.to_string()))
        }
        _ => None,
    };
    let kind = match Kind::of(column.type_info().name()) {
        Kind::Blob if <String as Type<MySql>>::compatible(column.type_info()) => Kind::Text,
        kind => kind,
    };
    Field { name: column.name().to_owned(), kind, origin }
}

fn cells(row: &MySqlRow) -> Result<Vec<Cell>, sqlx::Error> {
    let cell = |at: usize| {
        let value = row.try_get_raw(at)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let name = value.type_info().name().to_owned();
        let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => Cell::Text(text),
            Err(error) => Cell::Bytes(error.into_bytes()),
        };
        Ok(match name.as_str() {
            "BIGINT UNSIGNED" | "BIT" => {
                let value: u64 = row.try_get_unchecked(at)?;
                i64::try_from(value).map_or_else(|_| Cell::Text(value.to_string()), Cell::Integer)
            }
            name if name.contains("INT") || matches!(name, "BOOLEAN" | "YEAR") => {
                Cell::Integer(row.try_get_unchecked(at)?)
            }
            "FLOAT" => {
                Cell::Real(row.try_get_unchecked::<f32, _>(at)?.to_string().parse().unwrap_or_default())
            }
            "DOUBLE" => Cell::Real(row.try_get_unchecked(at)?),
            "DATETIME" | "TIMESTAMP" | "DATE" => time(row.try_get_unchecked(at)?, name == "DATE"),
            // a text whose collation is binary calls itself a blob too
            name if (name.contains("BLOB") || name.contains("BINARY"))
                && !<String as Type<MySql>>::compatible(&value.type_info()) =>
            {
                Cell::Bytes(row.try_get_unchecked(at)?)
            }
            _ => text(row.try_get_unchecked(at)?),
        })
    };
    (0..row.len()).map(cell).collect()
}

/// A time in MySQL's binary format: as many parts as are not zero.
fn time(bytes: &[u8], is_date: bool) -> Cell {
    // the first byte is their number
    let part = |at: usize| bytes.get(at + 1).copied().unwrap_or_default();
    let year = u16::from_le_bytes([part(0), part(1)]);
    let date = format!("{year:04}-{:02}-{:02}", part(2), part(3));
    if is_date {
        return Cell::Text(date);
    }
    let fraction = u32::from_le_bytes([part(7), part(8), part(9), part(10)]);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    Cell::Text(format!("{date} {:02}:{:02}:{:02}{fraction}", part(4), part(5), part(6)))
}

fn failure(error: &sqlx::Error) -> DbError {
    let sqlx::Error::Database(database) = error else {
        return match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                DbError::new(code::OTHER, error.to_string())
            }
            other => DbError::unavailable(other.to_string()),
        };
    };
    let number = database
        .try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()
        .map_or(0, sqlx::mysql::MySqlDatabaseError::number);
    let code = match number {
        1062 | 1586 => code::UNIQUE,
        1216 | 1217 | 1451 | 1452 => code::FOREIGN_KEY,
        1048 | 1364 => code::NOT_NULL,
        3819 | 4025 => code::CHECK,
        1146 | 1051 => code::NO_TABLE,
        1054 => code::NO_COLUMN,
        1205 | 1213 | 1020 => "40001",
        1050 | 1061 => code::EXISTS,
        1060 => code::COLUMN_EXISTS,
        1091 => code::NO_OBJECT,
        1265 | 1292 | 1366 => code::BAD_VALUE,
        1142 | 1044 | 1227 => code::DENIED,
        1040 | 1053 | 1077 => code::UNAVAILABLE,
        _ => code::OTHER,
    };
    DbError::new(code, database.message())
}
