//! From a query to statements.

use sea_query::{
    Alias, Asterisk, Condition, DeleteStatement, Expr, ExprTrait as _, Func, InsertStatement, NullOrdering,
    OnConflict, Order, Query as Build, Returning, SelectStatement, UpdateStatement, Value as SeaValue,
};
use serde_json::Value;

use super::dialect::to_value;
use super::{Cell, Column, Dialect, Kind, Statement, Table};
use crate::db::query::{Filter, Operator, Query};
use crate::db::{DbError, code};

/// Renders queries on one table.
#[derive(Clone, Copy)]
pub(super) struct Render<'a> {
    dialect: Dialect,
    table: &'a Table,
}

/// The dialects count rows in 63 bits.
pub(super) const LARGEST: u64 = i64::MAX as u64;

fn alias(name: &str) -> Alias {
    Alias::new(name)
}

impl<'a> Render<'a> {
    pub(super) const fn new(dialect: Dialect, table: &'a Table) -> Self {
        Self { dialect, table }
    }

    pub(super) const fn dialect(self) -> Dialect {
        self.dialect
    }

    /// How many rows the filters let through.
    pub(super) fn count(self, query: &Query) -> Result<Statement, DbError> {
        let mut select = Build::select();
        select.expr(Func::count(Expr::col(Asterisk))).from(alias(&self.table.name));
        select.cond_where(self.condition(&query.filters)?);
        Ok(self.dialect.build(&select))
    }

    /// The rows of a query, with these columns.
    pub(super) fn select(self, query: &Query, columns: &[&Column]) -> Result<Statement, DbError> {
        let mut select = self.columns(columns);
        select.cond_where(self.condition(&query.filters)?);
        for sort in &query.order {
            let column = self.table.require(&sort.column)?;
            let order = if sort.descending { Order::Desc } else { Order::Asc };
            let nulls = if sort.nulls_first { NullOrdering::First } else { NullOrdering::Last };
            select.order_by_expr_with_nulls(Expr::cust(self.comparable(column)), order, nulls);
        }
        if query.limit.is_some() || query.offset > 0 {
            select.limit(Ord::min(query.limit.unwrap_or(LARGEST), LARGEST));
            select.offset(Ord::min(query.offset, LARGEST));
        }
        Ok(self.dialect.build(&select))
    }

    fn columns(self, columns: &[&Column]) -> SelectStatement {
        let mut select = Build::select();
        for column in columns {
            select.column(alias(&column.name));
        }
        select.from(alias(&self.table.name));
        select
    }

    /// The rows with this key, locked.
    pub(super) fn by_key(self, key: &[(&Column, Cell)], columns: &[&Column]) -> Statement {
        let mut select = self.columns(columns);
        for (column, cell) in key {
            select.and_where(self.equals(column, cell.clone()));
        }
        select.lock_exclusive();
        self.dialect.build(&select)
    }

    /// The rows that the filters let through, locked.
    pub(super) fn locked(self, query: &Query, columns: &[&Column]) -> Result<Statement, DbError> {
        let mut select = self.columns(columns);
        select.cond_where(self.condition(&query.filters)?).lock_exclusive();
        Ok(self.dialect.build(&select))
    }

    /// One new row; what meets it there is decided by `conflict`.
    pub(super) fn insert(
        self,
        row: &[(&Column, Cell)],
        conflict: Option<OnConflict>,
        returning: &[&Column],
    ) -> Result<Statement, DbError> {
        let mut insert = InsertStatement::new();
        insert.into_table(alias(&self.table.name));
        insert.columns(row.iter().map(|(column, _)| alias(&column.name)));
        if row.is_empty() {
            insert.or_default_values();
        } else {
            let values = row.iter().map(|(column, cell)| Expr::val(self.value(column, cell.clone())));
            insert.values(values).map_err(|error| DbError::new(code::OTHER, error.to_string()))?;
        }
        if let Some(conflict) = conflict {
            insert.on_conflict(conflict);
        }
        if self.dialect.returns() && !returning.is_empty() {
            insert.returning(Returning::new().columns(returning.iter().map(|column| alias(&column.name))));
        }
        Ok(self.dialect.build(&insert))
    }

    /// Changes the rows that the filters let through.
    pub(super) fn update(
        self,
        row: &[(&Column, Cell)],
        condition: Condition,
        returning: &[&Column],
    ) -> Statement {
        let mut update = UpdateStatement::new();
        update.table(alias(&self.table.name)).cond_where(condition);
        for (column, cell) in row {
            update.value(alias(&column.name), Expr::val(self.value(column, cell.clone())));
        }
        if self.dialect.returns() && !returning.is_empty() {
            update.returning(Returning::new().columns(returning.iter().map(|column| alias(&column.name))));
        }
        self.dialect.build(&update)
    }

    /// Removes the rows that the filters let through.
    pub(super) fn delete(self, query: &Query, returning: &[&Column]) -> Result<Statement, DbError> {
        let mut delete = DeleteStatement::new();
        delete.from_table(alias(&self.table.name)).cond_where(self.condition(&query.filters)?);
        if self.dialect.returns() && !returning.is_empty() {
            delete.returning(Returning::new().columns(returning.iter().map(|column| alias(&column.name))));
        }
        Ok(self.dialect.build(&delete))
    }

    /// The condition of all `filters`.
    pub(super) fn condition(self, filters: &[Filter]) -> Result<Condition, DbError> {
        filters.iter().try_fold(Condition::all(), |all, filter| Ok(all.add(self.filter(filter)?)))
    }

    /// The condition that the key is this.
    pub(super) fn key(self, key: &[(&Column, Cell)]) -> Condition {
        key.iter().fold(Condition::all(), |all, (column, cell)| all.add(self.equals(column, cell.clone())))
    }

    fn filter(self, filter: &Filter) -> Result<Condition, DbError> {
        Ok(match filter {
            Filter::Compare { column, operator, value } => {
                Condition::all().add(self.compare(self.table.require(column)?, *operator, value)?)
            }
            Filter::Not(inner) => Condition::all().add(self.filter(inner)?).not(),
            Filter::All(inner) => self.condition(inner)?,
            Filter::Any(inner) => inner
                .iter()
                .try_fold(Condition::any(), |any, filter| Ok::<_, DbError>(any.add(self.filter(filter)?)))?,
        })
    }

    fn value(self, column: &Column, cell: Cell) -> SeaValue {
        to_value(self.dialect.parameter(column.kind, cell))
    }

    fn quoted(self, column: &Column) -> String {
        self.dialect.quote(&column.name)
    }

    /// The column, such that texts compare by their bytes.
    pub(super) fn comparable(self, column: &Column) -> String {
        let quoted = self.quoted(column);
        match column.kind {
            Kind::Text if column.collated => {
                format!("{quoted} COLLATE {}", self.dialect.binary_collation())
            }
            _ => quoted,
        }
    }

    fn equals(self, column: &Column, cell: Cell) -> Expr {
        let template = format!("{} = {}", self.comparable(column), self.dialect.hole());
        Expr::cust_with_values(template, [self.value(column, cell)])
    }

    fn compare(self, column: &Column, operator: Operator, value: &Value) -> Result<Expr, DbError> {
        let symbol = match operator {
            Operator::Eq => "=",
            Operator::Neq => "<>",
            Operator::Gt => ">",
            Operator::Gte => ">=",
            Operator::Lt => "<",
            Operator::Lte => "<=",
            Operator::Like | Operator::Ilike => return self.like(column, operator, value),
            Operator::Is => return self.is(column, value),
            Operator::In => return self.within(column, value),
            Operator::Contains => return self.contains(column, value),
        };
        self.against(column, symbol, value)
    }

    fn against(self, column: &Column, symbol: &str, value: &Value) -> Result<Expr, DbError> {
        if value.is_null() {
            // unknown, and so is its opposite
            return Ok(Expr::cust("(NULL = 1)"));
        }
        // a whole number may well be compared with half of one
        let kind = match (column.kind, value.as_f64()) {
            (Kind::Integer, Some(number)) if number.fract() != 0.0 => Kind::Real,
            (kind, _) => kind,
        };
        let hole = if kind == column.kind { self.dialect.hole() } else { self.dialect.typed_hole(kind) };
        let cell = self.dialect.parameter(kind, kind.encode(&column.name, value)?);
        let template = format!("{} {symbol} {hole}", self.comparable(column));
        Ok(Expr::cust_with_values(template, [to_value(cell)]))
    }

    fn like(self, column: &Column, operator: Operator, value: &Value) -> Result<Expr, DbError> {
        let pattern = match value {
            Value::Null => return Ok(Expr::cust("(NULL = 1)")),
            Value::String(pattern) => pattern,
            _ => return Err(DbError::new(code::BAD_VALUE, "like and ilike expect a text with % and _")),
        };
        let (symbol, pattern) = self.dialect.pattern(operator, pattern);
        let left = match column.kind {
            Kind::Text => self.comparable(column),
            _ => self.dialect.as_text(&self.quoted(column)),
        };
        let template = format!("{left} {symbol} {}", self.dialect.typed_hole(Kind::Text));
        Ok(Expr::cust_with_values(template, [SeaValue::String(Some(pattern))]))
    }

    fn is(self, column: &Column, value: &Value) -> Result<Expr, DbError> {
        let quoted = self.quoted(column);
        Ok(match (value, column.kind) {
            (Value::Null, _) => Expr::cust(format!("{quoted} IS NULL")),
            (Value::Bool(value), Kind::Boolean) => {
                Expr::cust(format!("{quoted} IS {}", if *value { "TRUE" } else { "FALSE" }))
            }
            (Value::Bool(value), Kind::Integer) => {
                let symbol = if *value { "<>" } else { "=" };
                Expr::cust(format!("({quoted} IS NOT NULL AND {quoted} {symbol} 0)"))
            }
            (Value::Bool(_), _) => {
                let message = format!("column {:?} is neither true nor false: is takes null", column.name);
                return Err(DbError::new(code::BAD_VALUE, message));
            }
            _ => return Err(DbError::new(code::BAD_VALUE, "is takes null, true or false")),
        })
    }

    fn within(self, column: &Column, value: &Value) -> Result<Expr, DbError> {
        let Value::Array(values) = value else {
            return Err(DbError::new(code::BAD_VALUE, "in expects an array"));
        };
        let mut any = Expr::cust("1 = 0");
        for value in values {
            any = any.or(self.against(column, "=", value)?);
        }
        Ok(any)
    }

    fn contains(self, column: &Column, value: &Value) -> Result<Expr, DbError> {
        if !matches!(column.kind, Kind::Json | Kind::Text) {
            let message = format!("column {:?} holds no JSON to contain anything", column.name);
            return Err(DbError::new(code::BAD_VALUE, message));
        }
        let (quoted, hole) = (self.quoted(column), self.dialect.hole());
        let text = SeaValue::String(Some(value.to_string()));
        Ok(match self.dialect {
            Dialect::Postgres { .. } => {
                Expr::cust_with_values(format!("CAST({quoted} AS JSONB) @> CAST({hole} AS JSONB)"), [text])
            }
            Dialect::Mysql { .. } => {
                Expr::cust_with_values(format!("JSON_CONTAINS({quoted}, {hole})"), [text])
            }
            Dialect::Sqlite => {
                let mut values = Vec::new();
                let inner = contained(value, "e.value", "e.type", 0, &mut values);
                // one document in an array, so that the whole is looked at as its parts are
                let template = format!(
                    "CASE WHEN {quoted} IS NULL THEN NULL WHEN NOT json_valid({quoted}) THEN 0 ELSE \
                     EXISTS (SELECT 1 FROM json_each(json_array(json({quoted}))) AS e WHERE {inner}) END"
                );
                Expr::cust_with_values(template, values)
            }
        })
    }
}

/// That the JSON at `at` contains `value`, for SQLite.
fn contained(value: &Value, at: &str, of_type: &str, depth: usize, values: &mut Vec<SeaValue>) -> String {
    let name = format!("e{depth}");
    let mut part = |key: Option<&String>, value: &Value| {
        let key = key.map_or(String::new(), |key| {
            values.push(SeaValue::String(Some(key.clone())));
            format!("{name}.key = ? AND ")
        });
        let inner = contained(value, &format!("{name}.value"), &format!("{name}.type"), depth + 1, values);
        format!(" AND EXISTS (SELECT 1 FROM json_each({at}) AS {name} WHERE {key}{inner})")
    };
    match value {
        Value::Null => format!("{of_type} = 'null'"),
        Value::Bool(value) => format!("{of_type} = '{value}'"),
        Value::Number(number) => {
            values.push(match number.as_i64() {
                Some(whole) => SeaValue::BigInt(Some(whole)),
                None => SeaValue::Double(number.as_f64()),
            });
            format!("{of_type} IN ('integer', 'real') AND {at} = ?")
        }
        Value::String(text) => {
            values.push(SeaValue::String(Some(text.clone())));
            format!("{of_type} = 'text' AND {at} = ?")
        }
        Value::Array(parts) => {
            let parts: String = parts.iter().map(|value| part(None, value)).collect();
            format!("CASE WHEN {of_type} = 'array' THEN 1{parts} ELSE 0 END")
        }
        Value::Object(parts) => {
            let parts: String = parts.iter().map(|(key, value)| part(Some(key), value)).collect();
            format!("CASE WHEN {of_type} = 'object' THEN 1{parts} ELSE 0 END")
        }
    }
}
