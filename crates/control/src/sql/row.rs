//! Rows as a driver of SeaORM has them.

use sea_orm::{DbErr, QueryResult};

use crate::table::{Cell, ColumnType, Row, Table};

/// A row that was selected with all columns of its table, in their order.
pub(super) fn read(table: &Table, found: &QueryResult) -> Result<Row, DbErr> {
    let cell = |(at, column): (usize, &crate::table::Column)| {
        Ok(match column.kind {
            ColumnType::Integer => {
                found.try_get_by_index::<Option<i64>>(at)?.map_or(Cell::Null, Cell::Integer)
            }
            ColumnType::Bool => found.try_get_by_index::<Option<bool>>(at)?.map_or(Cell::Null, Cell::Bool),
            ColumnType::Bytes => {
                found.try_get_by_index::<Option<Vec<u8>>>(at)?.map_or(Cell::Null, Cell::Bytes)
            }
            ColumnType::Short | ColumnType::Name | ColumnType::Text => {
                found.try_get_by_index::<Option<String>>(at)?.map_or(Cell::Null, Cell::Text)
            }
        })
    };
    table.columns.iter().enumerate().map(cell).collect()
}
