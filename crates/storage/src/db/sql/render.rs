//! From a query to statements.

use sea_query::{
    Alias, Asterisk, Condition, DeleteStatement, Expr, ExprTrait as _, Func, InsertStatement, NullOrdering,
    OnConflict, Order, Query as Build, Returning, SelectStatement, UpdateStatement, Value as SeaValue,
};
use serde_json::Value;

use super::dialect::to_value;
use super::document::{self, Relation};
use super::{Cell, Column, Dialect, Kind, Statement, Table};
use crate::db::query::{Filter, Operator, Query};
use crate::db::value::number;
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
            if column.kind == Kind::Json {
                return Err(no_order(column));
            }
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

    /// New rows with the same columns; what they meet there is decided by `conflict`.
    pub(super) fn insert(
        self,
        rows: &[Vec<(&Column, Cell)>],
        conflict: Option<OnConflict>,
        returning: &[&Column],
    ) -> Result<Statement, DbError> {
        let mut insert = InsertStatement::new();
        insert.into_table(alias(&self.table.name));
        let columns = rows.first().map_or(&[][..], Vec::as_slice);
        insert.columns(columns.iter().map(|(column, _)| alias(&column.name)));
        if columns.is_empty() {
            insert.or_default_values();
        }
        for row in rows.iter().filter(|row| !row.is_empty()) {
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

    /// That the column holds this; nulls are the same here.
    fn equals(self, column: &Column, cell: Cell) -> Expr {
        if cell == Cell::Null {
            return Expr::cust(format!("{} IS NULL", self.quoted(column)));
        }
        let template = format!("{} = {}", self.comparable(column), self.dialect.document_hole(column.kind));
        Expr::cust_with_values(template, [self.value(column, cell)])
    }

    fn compare(self, column: &Column, operator: Operator, value: &Value) -> Result<Expr, DbError> {
        let is_order = matches!(operator, Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte);
        if is_order && column.kind == Kind::Json {
            return Err(no_order(column));
        }
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
        if column.kind == Kind::Json {
            Kind::Json.encode(&column.name, value)?;
            let same = self.related(column, Relation::Equals, value);
            return Ok(if symbol == "=" { same } else { same.not() });
        }
        // a whole number may well be compared with half of one
        let kind = match (column.kind, number(value)) {
            (Kind::Integer, Some(number)) if number.fract() != 0.0 => Kind::Real,
            (kind, _) => kind,
        };
        let hole = if kind == column.kind { self.dialect.hole() } else { self.dialect.typed_hole(kind) };
        let cell = self.dialect.parameter(kind, kind.encode(&column.name, value)?);
        let template = format!("{} {symbol} {hole}", self.comparable(column));
        Ok(Expr::cust_with_values(template, [to_value(cell)]))
    }

    fn like(self, column: &Column, operator: Operator, value: &Value) -> Result<Expr, DbError> {
        let left = match column.kind {
            Kind::Text => self.comparable(column),
            Kind::Integer | Kind::Decimal | Kind::Timestamp | Kind::Other => {
                self.dialect.as_text(column.kind, &self.quoted(column))
            }
            // each dialect writes them in its own way
            Kind::Real | Kind::Boolean | Kind::Json | Kind::Blob | Kind::Vector(_) => {
                let message = format!("column {:?} holds no text for like and ilike", column.name);
                return Err(DbError::new(code::BAD_VALUE, message));
            }
        };
        let pattern = match value {
            Value::Null => return Ok(Expr::cust("(NULL = 1)")),
            Value::String(pattern) if !pattern.contains('\0') => pattern,
            _ => {
                let message = "like and ilike expect a text with % and _, without null characters";
                return Err(DbError::new(code::BAD_VALUE, message));
            }
        };
        let (symbol, pattern) = self.dialect.pattern(operator, pattern);
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
        Kind::Json.encode(&column.name, value)?;
        Ok(self.related(column, Relation::Contains, value))
    }

    fn related(self, column: &Column, relation: Relation, value: &Value) -> Expr {
        // with its table: in the rows that a document is taken apart to there may be a column of that name
        let place = format!("{}.{}", self.dialect.quote(&self.table.name), self.quoted(column));
        document::related(self.dialect, &place, column.kind == Kind::Text, relation, value)
    }
}

fn no_order(column: &Column) -> DbError {
    DbError::invalid(format!("column {:?} holds JSON, which has no order", column.name))
}
