//! A chain as data: how it is built, how it is shown, and whether it can be understood at all.

use std::fmt;

use penstock_storage::db::query::{Filter, Order, Select, Upsert};
use penstock_storage::db::{Chain, Database, TableQuery};
use serde_json::Value;

use super::conditions::Said;
use super::shapes::Shape;

/// One chain.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) shape: &'static Shape,
    /// Mostly the name of the shape.
    pub(super) table: String,
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(super) enum Start {
    Select { columns: String, count: bool, head: bool },
    Insert(Value),
    Upsert { rows: Value, on_conflict: String, ignores: bool },
    Update(Value),
    Delete,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Filter(String, String, Value),
    Not(String, String, Value),
    Or(Vec<Said>),
    Match(Value),
    Select(String),
    Order(String, bool, Option<bool>),
    Limit(u64),
    Range(u64, u64),
    Single,
    MaybeSingle,
}

impl Call {
    /// The chain on `database`, whose tables end in `suffix`.
    pub(super) fn chain<'a>(&self, database: &'a dyn Database, table: &'a str) -> Chain<'a> {
        let from = TableQuery::on(database, table);
        let mut chain = match &self.start {
            Start::Select { columns, count, head } => {
                from.select_with(columns, Select { count: *count, head: *head })
            }
            Start::Insert(rows) => from.insert(rows.clone()),
            Start::Upsert { rows, on_conflict, ignores } => {
                let on_conflict = Some(on_conflict.clone()).filter(|names| !names.is_empty());
                from.upsert(rows.clone(), Upsert { on_conflict, ignore_duplicates: *ignores })
            }
            Start::Update(values) => from.update(values.clone()),
            Start::Delete => from.delete(),
        };
        for step in &self.steps {
            chain = step.on(chain);
        }
        if self.is_cut() {
            // which rows are cut away has to be known
            for column in self.shape.order {
                chain = chain.order(column, Order::default());
            }
        }
        chain
    }

    /// Whether only some of the rows that match are given.
    fn is_cut(&self) -> bool {
        let cuts = |step: &Step| matches!(step, Step::Limit(_) | Step::Range(..) | Step::Order(..));
        matches!(self.start, Start::Select { .. }) && self.steps.iter().any(cuts)
    }

    /// Whether the rows come in an order that is known.
    pub(super) fn is_ordered(&self) -> bool {
        self.is_cut() || matches!(self.start, Start::Insert(_) | Start::Upsert { .. })
    }

    /// Whether it can be understood: every name may be one, and every value is of a shape that is asked for.
    pub(super) fn is_sound(&self) -> bool {
        let start = match &self.start {
            Start::Select { columns, .. } => are_columns(columns),
            Start::Insert(rows) => are_rows(rows),
            Start::Upsert { rows, on_conflict, .. } => {
                are_rows(rows) && on_conflict.split(',').all(|name| name.is_empty() || is_name(name.trim()))
            }
            Start::Update(values) => is_row(values),
            Start::Delete => true,
        };
        is_name(&self.table) && start && self.steps.iter().all(Step::is_sound)
    }
}

impl Step {
    fn on<'a>(&self, chain: Chain<'a>) -> Chain<'a> {
        match self {
            Self::Filter(column, operator, value) => match operator.as_str() {
                "eq" => chain.eq(column, value.clone()),
                "neq" => chain.neq(column, value.clone()),
                "gt" => chain.gt(column, value.clone()),
                "gte" => chain.gte(column, value.clone()),
                "lt" => chain.lt(column, value.clone()),
                "lte" => chain.lte(column, value.clone()),
                "like" => chain.like(column, value.clone()),
                "ilike" => chain.ilike(column, value.clone()),
                "is" => chain.is(column, value.clone()),
                "in" => chain.is_in(column, value.clone()),
                "contains" => chain.contains(column, value.clone()),
                operator => chain.filter(column, operator, value.clone()),
            },
            Self::Not(column, operator, value) => chain.not(column, operator, value.clone()),
            Self::Or(said) => chain.or(&text(said)),
            Self::Match(columns) => chain.matches(columns.clone()),
            Self::Select(columns) => chain.select(columns),
            Self::Order(column, descending, nulls_first) => {
                chain.order(column, Order { descending: *descending, nulls_first: *nulls_first })
            }
            Self::Limit(limit) => chain.limit(*limit),
            Self::Range(from, to) => chain.range(*from, *to),
            Self::Single => chain.single(),
            Self::MaybeSingle => chain.maybe_single(),
        }
    }

    fn is_sound(&self) -> bool {
        match self {
            Self::Filter(column, operator, _) | Self::Not(column, operator, _) => {
                is_name(column) && operator != "resembles"
            }
            Self::Or(said) => said.iter().all(|said| said.filter.is_some()),
            Self::Match(columns) => is_row(columns),
            Self::Select(columns) => are_columns(columns),
            Self::Order(column, ..) => is_name(column),
            Self::Limit(_) | Self::Range(..) | Self::Single | Self::MaybeSingle => true,
        }
    }

    /// What the text of an `or` has to be read as.
    pub(super) fn meant(&self) -> Option<Filter> {
        let Self::Or(said) = self else { return None };
        said.iter().map(|said| said.filter.clone()).collect::<Option<Vec<_>>>().map(Filter::Any)
    }
}

fn text(said: &[Said]) -> String {
    said.iter().map(|said| said.text.as_str()).collect::<Vec<_>>().join(",")
}

/// `[A-Za-z_][A-Za-z0-9_]{0,62}`
fn is_name(name: &str) -> bool {
    let is_sign = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    (1..=63).contains(&name.len())
        && name.as_bytes().iter().all(is_sign)
        && !name.as_bytes()[0].is_ascii_digit()
}

fn are_columns(columns: &str) -> bool {
    let is_column = |column: &str| {
        let names: Vec<&str> = column.split(':').collect();
        column.trim() == "*" || names.len() <= 2 && names.iter().all(|name| is_name(name.trim()))
    };
    columns.split(',').all(is_column)
}

fn is_row(row: &Value) -> bool {
    row.as_object().is_some_and(|row| row.keys().all(|name| is_name(name)))
}

fn are_rows(rows: &Value) -> bool {
    rows.as_array().map_or_else(|| is_row(rows), |rows| rows.iter().all(is_row))
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from({:?})", self.table)?;
        match &self.start {
            Start::Select { columns, count: false, head: false } => write!(f, ".select({columns:?})")?,
            Start::Select { columns, count, head } => {
                write!(f, ".select({columns:?}, {{count: {count}, head: {head}}})")?;
            }
            Start::Insert(rows) => write!(f, ".insert({rows})")?,
            Start::Upsert { rows, on_conflict, ignores } => {
                write!(f, ".upsert({rows}, {{onConflict: {on_conflict:?}, ignoreDuplicates: {ignores}}})")?;
            }
            Start::Update(values) => write!(f, ".update({values})")?,
            Start::Delete => write!(f, ".delete()")?,
        }
        self.steps.iter().try_for_each(|step| write!(f, "{step}"))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filter(column, operator, value) => write!(f, ".{operator}({column:?}, {value})"),
            Self::Not(column, operator, value) => write!(f, ".not({column:?}, {operator:?}, {value})"),
            Self::Or(said) => write!(f, ".or({:?})", text(said)),
            Self::Match(columns) => write!(f, ".match({columns})"),
            Self::Select(columns) => write!(f, ".select({columns:?})"),
            Self::Order(column, descending, nulls_first) => {
                write!(f, ".order({column:?}, {{descending: {descending}, nullsFirst: {nulls_first:?}}})")
            }
            Self::Limit(limit) => write!(f, ".limit({limit})"),
            Self::Range(from, to) => write!(f, ".range({from}, {to})"),
            Self::Single => write!(f, ".single()"),
            Self::MaybeSingle => write!(f, ".maybeSingle()"),
        }
    }
}
