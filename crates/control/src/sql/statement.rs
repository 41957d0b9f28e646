//! Reads and writes as statements of each dialect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::sea_query::{
    Alias, Condition, Expr, ExprTrait as _, InsertStatement, OnConflict, Order, Query, SimpleExpr, Value,
    Values,
};
use sea_orm::{DbBackend, Statement};

use crate::backend::{Filter, Guard, Select, Write};
use crate::ledger::{Changed, Meta, tables};
use crate::table::{Cell, ColumnType, Entity as _, Row, Table};

/// Rows of one statement: any number is made of a few of these sizes.
const SIZES: [usize; 4] = [256, 32, 4, 1];
/// Values of one statement at the most: what SQLite binds, less some.
const VALUES: usize = 30_000;

/// Moves a counter, if it is where it is expected to be.
pub(crate) fn advance(backend: DbBackend, guard: Guard) -> Statement {
    let mut update = Query::update();
    update
        .table(Alias::new(Meta::table().name))
        .value(Alias::new("value"), (guard.expected + 1).to_string())
        .and_where(Expr::col(Alias::new("name")).eq(guard.name))
        .and_where(Expr::col(Alias::new("value")).eq(guard.expected.to_string()));
    backend.build(&update)
}

/// The statement of a selection: all columns, in their order.
pub(crate) fn of_select(backend: DbBackend, select: &Select) -> Statement {
    let mut query = Query::select();
    query.from(Alias::new(select.table.name));
    query.columns(select.table.columns.iter().map(|column| Alias::new(column.name)));
    query.cond_where(all(select.table, &select.filters));
    let order = if select.descending { Order::Desc } else { Order::Asc };
    for column in select.table.key {
        query.order_by(Alias::new(*column), order.clone());
    }
    if let Some(limit) = select.limit {
        query.limit(limit);
    }
    backend.build(&query)
}

/// The statements of a write.
pub(crate) fn of_write(backend: DbBackend, write: Write) -> Vec<Statement> {
    match write {
        Write::Insert(table, rows) => inserts(backend, table, rows, false),
        Write::Put(table, rows) => inserts(backend, table, rows, true),
        Write::Update(table, row) => vec![update(backend, table, row)],
        Write::Delete(table, filters) => {
            let mut delete = Query::delete();
            delete.from_table(Alias::new(table.name)).cond_where(all(table, &filters));
            vec![backend.build(&delete)]
        }
    }
}

/// What is said where the row of an update is not there: the rest of the write was made for a table that has it.
pub(crate) fn is_lost(table: &Table) -> String {
    format!("a row of {} that was to be changed is not there: nothing was written", table.name)
}

/// Has MySQL look at the sizes of its tables.
pub(crate) fn analyze() -> String {
    let names: Vec<_> = tables().into_iter().map(|table| table.name).collect();
    format!("ANALYZE TABLE {}", names.join(", "))
}

/// Asks how many bytes the tables have.
pub(crate) const fn size(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "SELECT CAST(SUM(pg_total_relation_size(c.oid)) AS BIGINT) FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        }
        DbBackend::MySql => {
            "SELECT CAST(SUM(data_length + index_length) AS SIGNED) FROM information_schema.tables \
             WHERE table_schema = DATABASE()"
        }
        _ => {
            "SELECT (page_count - freelist_count) * page_size \
             FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
        }
    }
}

/// The statements that write the files of tables anew, without what was in them before.
pub(crate) fn of_scrub(backend: DbBackend, tables: &[&'static Table]) -> Vec<String> {
    let each = |verb: &str| tables.iter().map(|table| format!("{verb} {}", table.name)).collect();
    match backend {
        DbBackend::Postgres => each("VACUUM FULL"),
        DbBackend::MySql => each("OPTIMIZE TABLE"),
        // the whole file
        _ => vec!["VACUUM".to_owned()],
    }
}

/// Brings the log of SQLite into its file and empties it; the first column of the answer says whether somebody was in
/// the way.
pub(crate) const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

fn update(backend: DbBackend, table: &Table, row: Row) -> Statement {
    let mut update = Query::update();
    update.table(Alias::new(table.name));
    for (column, cell) in table.columns.iter().zip(row) {
        if table.key.contains(&column.name) {
            update.and_where(Expr::col(Alias::new(column.name)).eq(value(column.kind, cell)));
        } else {
            update.value(Alias::new(column.name), value(column.kind, cell));
        }
    }
    backend.build(&update)
}

fn all(table: &Table, filters: &[Filter]) -> Condition {
    filters.iter().fold(Condition::all(), |condition, filter| condition.add(one(table, filter)))
}

fn one(table: &Table, filter: &Filter) -> SimpleExpr {
    let column = |name: &str| Expr::col(Alias::new(name));
    let bound = |name: &str, cell: &Cell| value(table.columns[table.column(name)].kind, cell.clone());
    match filter {
        Filter::In(name, cells) => match cells.as_slice() {
            [cell] => column(name).eq(bound(name, cell)),
            cells => column(name).is_in(cells.iter().map(|cell| bound(name, cell))),
        },
        Filter::AtLeast(name, cell) => column(name).gte(bound(name, cell)),
        Filter::Below(name, cell) => column(name).lt(bound(name, cell)),
        Filter::Above(name, cell) => column(name).gt(bound(name, cell)),
        Filter::ChangedSince(name, version) => {
            let mut changed = Query::select();
            changed
                .from(Alias::new(Changed::table().name))
                .column(Alias::new("record_id"))
                .and_where(column("kind").eq(table.name))
                .and_where(column("version").gt(*version));
            column(name).in_subquery(changed)
        }
    }
}

fn value(kind: ColumnType, cell: Cell) -> Value {
    match cell {
        Cell::Integer(number) => number.into(),
        Cell::Bool(truth) => truth.into(),
        Cell::Text(text) => text.into(),
        Cell::Bytes(bytes) => bytes.into(),
        // PostgreSQL wants to know what it is that is missing
        Cell::Null => match kind {
            ColumnType::Integer => None::<i64>.into(),
            ColumnType::Bool => None::<bool>.into(),
            ColumnType::Bytes => None::<Vec<u8>>.into(),
            ColumnType::Short | ColumnType::Name | ColumnType::Text => None::<String>.into(),
        },
    }
}

fn inserts(backend: DbBackend, table: &Table, rows: Vec<Row>, replacing: bool) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut left = rows.into_iter();
    for size in SIZES.into_iter().filter(|size| size * table.columns.len() <= VALUES) {
        while left.len() >= size {
            let mut values = Vec::with_capacity(size * table.columns.len());
            for row in left.by_ref().take(size) {
                values.extend(table.columns.iter().zip(row).map(|(column, cell)| value(column.kind, cell)));
            }
            let sql = insert_text(backend, table, size, replacing);
            statements.push(Statement {
                sql: sql.to_string(),
                values: Some(Values(values)),
                db_backend: backend,
            });
        }
    }
    statements
}

/// The text of an insert of so many rows, built once: it is most of the work, and one that stays the same is
/// prepared by the driver only once.
fn insert_text(backend: DbBackend, table: &Table, rows: usize, replacing: bool) -> Arc<str> {
    type Key = (&'static str, &'static str, usize, bool);
    static TEXTS: Mutex<Option<HashMap<Key, Arc<str>>>> = Mutex::new(None);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    let texts = texts.get_or_insert_default();
    let text = texts.entry((name(backend), table.name, rows, replacing));
    Arc::clone(text.or_insert_with(|| {
        let text = backend.build(&insert(table, rows, replacing)).sql;
        // what fails half-way is rolled back as a whole: SQLite need not keep each page to take back the half alone
        let fails = backend == DbBackend::Sqlite && !replacing;
        if fails { text.replacen("INSERT", "INSERT OR FAIL", 1).into() } else { text.into() }
    }))
}

fn name(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::MySql => "mysql",
        DbBackend::Postgres => "postgres",
        _ => "sqlite",
    }
}

fn insert(table: &Table, rows: usize, replacing: bool) -> InsertStatement {
    let columns = || table.columns.iter().map(|column| Alias::new(column.name));
    let mut insert = Query::insert();
    insert.into_table(Alias::new(table.name)).columns(columns());
    for _ in 0..rows {
        insert.values_panic(table.columns.iter().map(|_| Expr::val(0)));
    }
    if replacing {
        let key = table.key.iter().map(|name| Alias::new(*name));
        let rest = table.columns.iter().filter(|column| !table.key.contains(&column.name));
        let mut conflict = OnConflict::columns(key);
        conflict.update_columns(rest.map(|column| Alias::new(column.name)));
        insert.on_conflict(conflict);
    }
    insert
}
