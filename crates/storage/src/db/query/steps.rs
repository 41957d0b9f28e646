//! A chain as data: what a script has called, one step after the other.
//!
//! `{"table":"t","exact":true,"steps":[["select","*"],["eq","a",1]]}`, and for a search of the nearest rows
//! `"nearest":{"column":"c","embedding":[…],"limit":10,"minScore":0.5}` as well. Names and arguments are those of the
//! chain that module authors write; what is left out means what it means there.

use serde::Deserialize;
use serde_json::Value;

use super::{Chain, DbError, NearestOptions, Order, Outcome, Select, TableQuery, Upsert};
use crate::db::{Database, Hit};

/// A chain as data.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    table: String,
    #[serde(default = "yes")]
    exact: bool,
    #[serde(rename = "steps")]
    calls: Vec<Vec<Value>>,
    nearest: Option<Nearest>,
}

const fn yes() -> bool {
    true
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Nearest {
    column: String,
    embedding: Vec<f64>,
    limit: Option<usize>,
    min_score: Option<f64>,
    exact: Option<bool>,
}

/// What some of the steps take beside their values. Fields of other libraries are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    count: Option<String>,
    head: bool,
    on_conflict: Option<String>,
    ignore_duplicates: bool,
    ascending: Option<bool>,
    nulls_first: Option<bool>,
}

impl Steps {
    /// Reads the JSON of a chain.
    pub fn read(json: &str) -> Result<Self, DbError> {
        serde_json::from_str(json)
            .map_err(|error| DbError::invalid(format!("expected a chain of calls: {error}")))
    }

    /// Runs it.
    pub async fn run(&self, database: &dyn Database) -> Outcome {
        match self.chain(database) {
            Ok(chain) => chain.run().await,
            Err(error) => Outcome::of_error(error),
        }
    }

    /// Searches the nearest rows.
    pub async fn search(&self, database: &dyn Database) -> Result<Vec<Hit>, DbError> {
        let wanted = || DbError::invalid("expected a column and an embedding to search for");
        let Nearest { column, embedding, limit, min_score, exact } =
            self.nearest.as_ref().ok_or_else(wanted)?;
        let options = NearestOptions { limit: limit.unwrap_or(10), min_score: *min_score, exact: *exact };
        self.chain(database)?.vector_search(column, embedding.clone(), options).await
    }

    fn chain<'a>(&'a self, database: &'a dyn Database) -> Result<Chain<'a>, DbError> {
        let table = TableQuery::on(database, &self.table);
        let table = if self.exact { table } else { table.approximate() };
        let mut steps = self.calls.iter().map(|step| Step::of(step));
        let mut chain = match steps.next().transpose()? {
            Some(first) => match first.start(table)? {
                Some(chain) => chain,
                // a search need not say what it reads
                None if self.nearest.is_some() => first.follow(table.select("*"))?,
                None => return Err(first.misplaced()),
            },
            None if self.nearest.is_some() => table.select("*"),
            None => {
                return Err(DbError::invalid(format!(
                    "expected {STARTS} of {:?}, found nothing",
                    self.table
                )));
            }
        };
        for step in steps {
            chain = step?.follow(chain)?;
        }
        Ok(chain)
    }
}

const STARTS: &str = "select, insert, upsert, update or delete";

/// One call.
struct Step<'a> {
    name: &'a str,
    arguments: &'a [Value],
}

impl<'a> Step<'a> {
    fn of(step: &'a [Value]) -> Result<Self, DbError> {
        match step {
            [Value::String(name), arguments @ ..] => Ok(Self { name, arguments }),
            _ => Err(DbError::invalid("expected each call of a chain with its name")),
        }
    }

    fn value(&self, at: usize) -> Value {
        self.arguments.get(at).cloned().unwrap_or(Value::Null)
    }

    fn text(&self, at: usize) -> Result<&'a str, DbError> {
        let found = self.arguments.get(at).and_then(Value::as_str);
        found
            .ok_or_else(|| DbError::invalid(format!("{}: expected a text as argument {}", self.name, at + 1)))
    }

    fn count(&self, at: usize) -> Result<u64, DbError> {
        let found = self.arguments.get(at).and_then(Value::as_u64);
        found.ok_or_else(|| {
            DbError::invalid(format!("{}: expected a whole number as argument {}", self.name, at + 1))
        })
    }

    fn options(&self, at: usize) -> Result<Options, DbError> {
        match self.arguments.get(at) {
            None | Some(Value::Null) => Ok(Options::default()),
            Some(options) => Options::deserialize(options)
                .map_err(|error| DbError::invalid(format!("{}: its options: {error}", self.name))),
        }
    }

    /// `*`, if nothing else is said.
    fn columns(&self) -> Result<&'a str, DbError> {
        if self.value(0).is_null() { Ok("*") } else { self.text(0) }
    }

    /// The chain that it begins, if it is one that can.
    fn start(&self, table: TableQuery<'a>) -> Result<Option<Chain<'a>>, DbError> {
        Ok(Some(match self.name {
            "select" => {
                let Options { count, head, .. } = self.options(1)?;
                table.select_with(self.columns()?, Select { count: count.is_some(), head })
            }
            "insert" => table.insert(self.value(0)),
            "upsert" => {
                let Options { on_conflict, ignore_duplicates, .. } = self.options(1)?;
                table.upsert(self.value(0), Upsert { on_conflict, ignore_duplicates })
            }
            "update" => table.update(self.value(0)),
            "delete" => table.delete(),
            _ => return Ok(None),
        }))
    }

    /// The chain with this call added.
    fn follow(&self, chain: Chain<'a>) -> Result<Chain<'a>, DbError> {
        Ok(match self.name {
            "select" => chain.select(self.columns()?),
            "in" => chain.is_in(self.text(0)?, self.value(1)),
            "eq" | "neq" | "gt" | "gte" | "lt" | "lte" | "like" | "ilike" | "is" | "contains" => {
                chain.filter(self.text(0)?, self.name, self.value(1))
            }
            "filter" => chain.filter(self.text(0)?, self.text(1)?, self.value(2)),
            "not" => chain.not(self.text(0)?, self.text(1)?, self.value(2)),
            "or" => chain.or(self.text(0)?),
            "match" => chain.matches(self.value(0)),
            "order" => {
                let Options { ascending, nulls_first, .. } = self.options(1)?;
                chain.order(self.text(0)?, Order { descending: ascending == Some(false), nulls_first })
            }
            "limit" => chain.limit(self.count(0)?),
            "range" => chain.range(self.count(0)?, self.count(1)?),
            "single" => chain.single(),
            "maybeSingle" => chain.maybe_single(),
            _ => return Err(self.misplaced()),
        })
    }

    fn misplaced(&self) -> DbError {
        match self.name {
            "insert" | "upsert" | "update" | "delete" => DbError::invalid(format!(
                "{} stands at the beginning of a chain, and there is one already",
                self.name
            )),
            _ => DbError::invalid(format!(
                "expected {STARTS} at the beginning of a chain, found {:?}",
                self.name
            )),
        }
    }
}
