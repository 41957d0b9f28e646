//! The chain: conditions, order and limits, one call after the other, lazily and without a way to fail.

use serde_json::Value;

use super::{Cardinality, DbError, Filter, Operator, Outcome, Query, Sort, identifier, parse};
use crate::db::{Database, Hit, VectorSearch};

/// How to sort.
#[derive(Clone, Copy, Debug, Default)]
pub struct Order {
    /// From the greatest on.
    pub descending: bool,
    /// Where nulls go; absent: last ascending, first descending.
    pub nulls_first: Option<bool>,
}

/// Which of the nearest rows to give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestOptions {
    /// How many rows at most.
    pub limit: usize,
    /// The least score, from -1 to 1; absent: any.
    pub min_score: Option<f64>,
    /// Whether a near miss is not good enough; absent: as the [table](super::TableQuery::approximate) was
    /// named, which is exact unless it was said otherwise.
    pub exact: Option<bool>,
}

impl NearestOptions {
    /// So many, whatever their scores, and exact or not as the table is.
    pub const fn at_most(limit: usize) -> Self {
        Self { limit, min_score: None, exact: None }
    }
}

impl Default for NearestOptions {
    /// Ten, whatever their scores.
    fn default() -> Self {
        Self::at_most(10)
    }
}

/// A query in the making.
#[derive(Clone, Debug)]
#[must_use = "a chain does nothing until it is run"]
pub struct Chain<'a> {
    pub(super) database: &'a dyn Database,
    pub(super) query: Query,
    // the first thing that was wrong: the chain goes on, and its end tells
    pub(super) failed: Option<DbError>,
    // what a search of the nearest rows goes by that does not say so itself
    pub(super) exact: bool,
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

    pub(super) fn failing(mut self, error: Option<DbError>) -> Self {
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

    /// The rows nearest to `embedding` among those that the filters let through, best first.
    pub async fn vector_search(
        self,
        column: &str,
        embedding: Vec<f64>,
        options: NearestOptions,
    ) -> Result<Vec<Hit>, DbError> {
        let NearestOptions { limit, min_score, exact } = options;
        let (database, exact) = (self.database, exact.unwrap_or(self.exact));
        let query = self.named(column).query()?;
        let search = VectorSearch { query, column: column.to_owned(), embedding, limit, min_score, exact };
        database.vector_search(&search).await
    }
}
