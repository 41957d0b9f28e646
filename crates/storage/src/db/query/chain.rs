//! The chain: `From::table(db, "t").select("*").eq("id", 1).await`, lazily, and without a way to fail.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Action, Cardinality, DbError, Filter, Operator, Query, Sort, identifier, parse};
use crate::db::{Database, Hit, Row, VectorSearch, code};

/// The start of a chain.
#[derive(Clone, Copy, Debug)]
pub struct From<'a> {
    database: &'a dyn Database,
    table: &'a str,
}

/// What to count, and whether to give rows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Select {
    /// Count the rows that the filters let through.
    pub count: bool,
    /// Give none of them.
    pub head: bool,
}

/// How an upsert meets what is there.
#[derive(Clone, Debug, Default)]
pub struct Upsert {
    /// The columns of the key, with commas; the primary key if absent.
    pub on_conflict: Option<String>,
    /// Leave what is there as it is.
    pub ignore_duplicates: bool,
}

/// How to sort.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    /// From the greatest on.
    pub descending: bool,
    /// Where nulls go; absent: last ascending, first descending.
    pub nulls_first: Option<bool>,
}

/// What a chain resolves to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Rows, one row, or null.
    pub data: Value,
    /// What went wrong.
    pub error: Option<DbError>,
    /// How many rows there are, if that was asked.
    pub count: Option<u64>,
    /// As an HTTP status.
    pub status: u16,
    /// Its words.
    pub status_text: &'static str,
}

impl<'a> From<'a> {
    /// A chain on `table`.
    pub const fn table(database: &'a dyn Database, table: &'a str) -> Self {
        Self { database, table }
    }

    fn chain(self, action: Action) -> Chain<'a> {
        let failed = identifier(self.table).err();
        let query = Query {
            table: self.table.to_owned(),
            action,
            returning: None,
            filters: Vec::new(),
            every_row: false,
            order: Vec::new(),
            offset: 0,
            limit: None,
            cardinality: Cardinality::Many,
            count: false,
            head: false,
        };
        Chain { database: self.database, query, failed }
    }

    /// Reads `columns`.
    pub fn select(self, columns: &str) -> Chain<'a> {
        self.chain(Action::Select).select(columns)
    }

    /// Reads `columns`, or counts.
    pub fn select_with(self, columns: &str, select: Select) -> Chain<'a> {
        let mut chain = self.select(columns);
        chain.query.count = select.count;
        chain.query.head = select.head;
        chain
    }

    /// Writes a row, or an array of rows.
    pub fn insert(self, rows: Value) -> Chain<'a> {
        let (rows, failed) = to_rows(rows);
        self.chain(Action::Insert(rows)).failing(failed)
    }

    /// Writes rows, or changes those that are there.
    pub fn upsert(self, rows: Value, upsert: Upsert) -> Chain<'a> {
        let (rows, failed) = to_rows(rows);
        let names = upsert.on_conflict.unwrap_or_default();
        let on_conflict: Vec<String> =
            names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let wrong = on_conflict.iter().find_map(|name| identifier(name).err());
        let ignore_duplicates = upsert.ignore_duplicates;
        self.chain(Action::Upsert { rows, on_conflict, ignore_duplicates }).failing(failed).failing(wrong)
    }

    /// Changes the rows that the filters let through.
    pub fn update(self, values: Value) -> Chain<'a> {
        match values {
            Value::Object(row) => {
                let failed = row.keys().find_map(|name| identifier(name).err());
                self.chain(Action::Update(row)).failing(failed)
            }
            _ => self
                .chain(Action::Update(Row::new()))
                .failing(Some(DbError::invalid("expected an object of columns to update"))),
        }
    }

    /// Removes the rows that the filters let through.
    pub fn delete(self) -> Chain<'a> {
        self.chain(Action::Delete)
    }
}

fn to_rows(rows: Value) -> (Vec<Row>, Option<DbError>) {
    let rows = if let Value::Array(rows) = rows { rows } else { vec![rows] };
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let Value::Object(row) = row else {
            return (Vec::new(), Some(DbError::invalid("expected a row, or an array of rows, of columns")));
        };
        if let Some(error) = row.keys().find_map(|name| identifier(name).err()) {
            return (Vec::new(), Some(error));
        }
        all.push(row);
    }
    (all, None)
}

/// A query in the making.
#[derive(Clone, Debug)]
#[must_use = "a chain does nothing until it is run"]
pub struct Chain<'a> {
    database: &'a dyn Database,
    query: Query,
    // the first thing that was wrong: the chain goes on, and its end tells
    failed: Option<DbError>,
}

macro_rules! comparisons {
    ($($(#[$doc:meta])* $name:ident $operator:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(self, column: &str, value: impl Into<Value>) -> Self {
            self.compare(column, Operator::$operator, value.into())
        }
    )*};
}

impl Chain<'_> {
    comparisons! {
        /// Equal; null is equal to nothing.
        eq Eq;
        /// Not equal.
        neq Neq;
        /// Greater.
        gt Gt;
        /// Greater or equal.
        gte Gte;
        /// Less.
        lt Lt;
        /// Less or equal.
        lte Lte;
        /// Matches a pattern of `%` and `_`, by case.
        like Like;
        /// The same, whatever the case.
        ilike Ilike;
        /// Is null, true or false.
        is Is;
        /// Contains this JSON.
        contains Contains;
        /// Is one of an array.
        is_in In;
    }

    fn failing(mut self, error: Option<DbError>) -> Self {
        self.failed = self.failed.or(error);
        self
    }

    fn named(self, column: &str) -> Self {
        let error = identifier(column).err();
        self.failing(error)
    }

    fn compare(mut self, column: &str, operator: Operator, value: Value) -> Self {
        self.query.filters.push(Filter::Compare { column: column.to_owned(), operator, value });
        self.named(column)
    }

    /// The columns to give, after a write too.
    pub fn select(mut self, columns: &str) -> Self {
        match parse::columns(columns) {
            Ok(selected) => {
                self.query.returning = Some(selected);
                self
            }
            Err(error) => self.failing(Some(error)),
        }
    }

    /// A condition by the name of its operator.
    pub fn filter(self, column: &str, operator: &str, value: impl Into<Value>) -> Self {
        match Operator::parse(operator) {
            Ok(operator) => self.compare(column, operator, value.into()),
            Err(error) => self.failing(Some(error)),
        }
    }

    /// The opposite of a condition.
    pub fn not(self, column: &str, operator: &str, value: impl Into<Value>) -> Self {
        let mut chain = self.filter(column, operator, value);
        if chain.failed.is_none()
            && let Some(filter) = chain.query.filters.pop()
        {
            chain.query.filters.push(Filter::Not(Box::new(filter)));
        }
        chain
    }

    /// At least one of these, such as `a.eq.1,b.is.null`.
    pub fn or(mut self, conditions: &str) -> Self {
        match parse::conditions(conditions, 0) {
            Ok(filters) => {
                self.query.filters.push(Filter::Any(filters));
                self
            }
            Err(error) => self.failing(Some(error)),
        }
    }

    /// Equal in every one of these columns; with none of them every row is meant.
    pub fn matches(mut self, columns: Value) -> Self {
        let Value::Object(columns) = columns else {
            return self.failing(Some(DbError::invalid("expected an object of columns to match")));
        };
        self.query.every_row |= columns.is_empty();
        columns.into_iter().fold(self, |chain, (column, value)| chain.eq(&column, value))
    }

    /// Sorts; the first call counts most.
    pub fn order(mut self, column: &str, order: Order) -> Self {
        let Order { descending, nulls_first } = order;
        let nulls_first = nulls_first.unwrap_or(descending);
        self.query.order.push(Sort { column: column.to_owned(), descending, nulls_first });
        self.named(column)
    }

    /// So many rows at most.
    pub fn limit(mut self, limit: u64) -> Self {
        self.query.limit = Some(limit);
        self
    }

    /// The rows from the one to the other, both included, counted from 0.
    pub fn range(mut self, from: u64, to: u64) -> Self {
        self.query.offset = from;
        self.query.limit = Some(to.saturating_add(1).saturating_sub(from));
        self
    }

    /// Exactly one row, as an object.
    pub fn single(mut self) -> Self {
        self.query.cardinality = Cardinality::One;
        self
    }

    /// One row or null.
    pub fn maybe_single(mut self) -> Self {
        self.query.cardinality = Cardinality::OneOrNone;
        self
    }

    /// The query, if it is one.
    pub fn query(self) -> Result<Query, DbError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.query),
        }
    }

    /// Runs it.
    pub async fn run(self) -> Outcome {
        let database = self.database;
        let query = match self.query() {
            Ok(query) => query,
            Err(error) => return Outcome::of_error(error),
        };
        match database.run(&query).await {
            Ok(answer) => Outcome::of_answer(&query, answer),
            Err(error) => Outcome::of_error(error),
        }
    }

    /// The rows nearest to `embedding` among those that the filters let through.
    pub async fn vector_search(
        self,
        column: &str,
        embedding: Vec<f64>,
        limit: usize,
        minimum: Option<f64>,
    ) -> Result<Vec<Hit>, DbError> {
        let database = self.database;
        let query = self.named(column).query()?;
        let column = column.to_owned();
        let search = VectorSearch { query, column, embedding, limit, minimum, exact: true };
        database.vector_search(&search).await
    }
}

impl Outcome {
    /// What a query that was done resolves to.
    pub fn of_answer(query: &Query, answer: Answer) -> Self {
        let Answer { rows, count } = answer;
        let gives = query.returning.is_some() && !query.head;
        let data = match query.cardinality {
            _ if !gives => Value::Null,
            Cardinality::Many => json!(rows),
            Cardinality::One | Cardinality::OneOrNone => {
                rows.into_iter().next().map_or(Value::Null, Value::Object)
            }
        };
        let (status, status_text) = match query.action {
            Action::Insert(_) | Action::Upsert { .. } => (201, "Created"),
            Action::Update(_) | Action::Delete if !gives => (204, "No Content"),
            _ => (200, "OK"),
        };
        Self { data, error: None, count, status, status_text }
    }

    /// What a query that was not done resolves to.
    pub fn of_error(error: DbError) -> Self {
        let status = error.status;
        let status_text = match status {
            403 => "Forbidden",
            404 => "Not Found",
            406 => "Not Acceptable",
            409 => "Conflict",
            503 => "Service Unavailable",
            _ => "Bad Request",
        };
        Self { data: Value::Null, error: Some(error), count: None, status, status_text }
    }

    /// The code of the error, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.error.as_ref().map(|error| error.code.as_str())
    }
}

use super::Answer;

impl Cardinality {
    /// Whether so many rows are right.
    pub(crate) fn check(self, rows: usize) -> Result<(), DbError> {
        match (self, rows) {
            (Self::Many, _) | (Self::One, 1) | (Self::OneOrNone, 0 | 1) => Ok(()),
            (_, rows) => Err(DbError::new(code::NOT_ONE, "expected exactly one row")
                .with_details(format!("there are {} rows", if rows > 1 { "several" } else { "no" }))),
        }
    }
}

impl Serialize for DbError {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { message, details, hint, code, .. } = self;
        json!({ "message": message, "details": details, "hint": hint, "code": code }).serialize(serializer)
    }
}
