//! The tables as each dialect defines them, from their one definition.

use sea_orm::DbBackend;
use sea_orm::sea_query::{
    Alias, ColumnDef, ForeignKey, ForeignKeyAction, Index, IndexCreateStatement, Table as Ddl,
    TableCreateStatement,
};

use crate::Kind;
use crate::ledger::tables;
use crate::table::{Column, ColumnType, OnDelete, Table};

/// What makes a table and its indexes.
pub(crate) struct Definition {
    pub(crate) table: TableCreateStatement,
    pub(crate) indexes: Vec<IndexCreateStatement>,
}

/// Every table, each after those it points at.
pub(crate) fn definitions(backend: DbBackend) -> Vec<Definition> {
    let define = |table| Definition { table: create(backend, table), indexes: indexes(table) };
    tables().into_iter().map(define).collect()
}

/// The statement that makes a table, as text; `collation` is what MySQL is told of its texts.
pub(crate) fn text(backend: DbBackend, mut table: TableCreateStatement, collation: &str) -> String {
    if backend != DbBackend::MySql {
        return backend.build(&table).sql;
    }
    table.character_set("utf8mb4").collate(collation.to_owned());
    // its TEXT ends at 64 KB, and so does its BLOB
    backend.build(&table).sql.replace("` text", "` longtext").replace("` blob", "` longblob")
}

fn create(backend: DbBackend, table: &Table) -> TableCreateStatement {
    let mut create = Ddl::create();
    create.table(Alias::new(table.name)).if_not_exists();
    for column in &table.columns {
        create.col(define(column));
        if let Some((kind, on_delete)) = refers(table, column) {
            create.foreign_key(
                ForeignKey::create()
                    .name(format!("{}_{}_fk", table.name, column.name))
                    .from(Alias::new(table.name), Alias::new(column.name))
                    .to(Alias::new(kind.table().name), Alias::new("id"))
                    .on_delete(match on_delete {
                        OnDelete::Follow => ForeignKeyAction::Cascade,
                        OnDelete::Clear => ForeignKeyAction::SetNull,
                        OnDelete::Refuse => ForeignKeyAction::NoAction,
                    }),
            );
        }
    }
    let mut key = Index::create();
    for column in table.key {
        key.col(Alias::new(*column));
    }
    create.primary_key(&mut key);
    if backend == DbBackend::Sqlite {
        // rows stand in their primary key, which is one tree less to write
        create.extra("WITHOUT ROWID");
    }
    create
}

/// What a database checks. Usage and logs outlive what they are about.
fn refers(table: &Table, column: &Column) -> Option<(Kind, OnDelete)> {
    let is_record = Kind::of_table(table.name).is_some();
    column.refers.filter(|_| is_record || !column.nullable)
}

fn define(column: &Column) -> ColumnDef {
    let mut definition = ColumnDef::new(Alias::new(column.name));
    match column.kind {
        ColumnType::Integer => definition.big_integer(),
        ColumnType::Bool => definition.boolean(),
        ColumnType::Bytes => definition.blob(),
        ColumnType::Text => definition.text(),
        ColumnType::Short | ColumnType::Name => definition
            .string_len(u32::try_from(column.kind.characters().unwrap_or_default()).unwrap_or(u32::MAX)),
    };
    if !column.nullable {
        definition.not_null();
    }
    definition
}

fn indexes(table: &Table) -> Vec<IndexCreateStatement> {
    let mut indexes = Vec::new();
    if !table.unique.is_empty() {
        let mut index = named(table, "key", table.unique);
        indexes.push(index.unique().to_owned());
    }
    for columns in table.indexes {
        indexes.push(named(table, columns[0], columns));
    }
    // what is deleted with another record is looked up by it
    for column in table.columns.iter().filter(|column| refers(table, column).is_some()) {
        let leads = |columns: &[&str]| columns.first() == Some(&column.name);
        if !leads(table.unique) && !leads(table.key) && !table.indexes.iter().any(|columns| leads(columns)) {
            indexes.push(named(table, column.name, &[column.name]));
        }
    }
    indexes
}

fn named(table: &Table, name: &str, columns: &[&'static str]) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(format!("{}_{name}", table.name)).table(Alias::new(table.name));
    for column in columns {
        index.col(Alias::new(*column));
    }
    index
}
