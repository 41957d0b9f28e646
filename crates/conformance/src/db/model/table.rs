//! What the model knows of a table, read from a portable `CREATE TABLE`.

use penstock_storage::db::query::{Action, Filter, Selected};
use penstock_storage::db::{DbError, Query, Row, code};
use serde_json::Value;

use super::value::{Kind, Stored, stored};

/// A table with its rows, in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Places of columns.
    pub(super) primary: Vec<usize>,
    /// The same, for every key that is unique; the primary one is among them.
    pub(super) unique: Vec<Vec<usize>>,
    pub(super) rows: Vec<Vec<Stored>>,
    /// How many ids were made up.
    pub(super) made: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) not_null: bool,
    pub(super) default: Stored,
}

impl Table {
    /// `CREATE TABLE IF NOT EXISTS name (column TYPE …, PRIMARY KEY (…), UNIQUE (…))`, with blanks between
    /// all words and none in a default.
    pub(super) fn parse(sql: &str) -> Option<Self> {
        let (head, rest) = sql.trim().split_once('(')?;
        let (body, _) = rest.rsplit_once(')')?;
        let head: Vec<&str> = head.split_whitespace().collect();
        let ["CREATE", "TABLE", .., name] = head.as_slice() else { return None };
        let mut table = Self { name: (*name).to_owned(), ..Self::default() };
        for definition in at_commas(body) {
            let words: Vec<&str> = definition.split_whitespace().collect();
            match words.as_slice() {
                ["PRIMARY", "KEY", ..] => table.primary = table.places(definition)?,
                ["UNIQUE", ..] => table.unique.push(table.places(definition)?),
                ["FOREIGN", ..] | [_] | [] => return None,
                [name, declared, more @ ..] => table.add(name, declared, more)?,
            }
        }
        if !table.primary.is_empty() {
            table.unique.push(table.primary.clone());
        }
        for place in &table.primary {
            table.columns[*place].not_null = true;
        }
        Some(table)
    }

    fn add(&mut self, name: &str, declared: &str, more: &[&str]) -> Option<()> {
        let (kind, place) = (Kind::of(declared), self.columns.len());
        let has = |pair: [&str; 2]| more.windows(2).any(|two| two == pair);
        if has(["PRIMARY", "KEY"]) {
            self.primary = vec![place];
        }
        if more.contains(&"UNIQUE") {
            self.unique.push(vec![place]);
        }
        let default = match more.iter().position(|word| *word == "DEFAULT") {
            Some(at) => default(kind, more.get(at + 1)?)?,
            None => Stored::Null,
        };
        self.columns.push(Column { name: name.to_owned(), kind, not_null: has(["NOT", "NULL"]), default });
        Some(())
    }

    /// The places of the columns in the brackets of a key.
    fn places(&self, definition: &str) -> Option<Vec<usize>> {
        let (_, names) = definition.split_once('(')?;
        names.trim_end().trim_end_matches(')').split(',').map(|name| self.place(name.trim())).collect()
    }

    /// Where a column is: under its name, exactly or but for its case.
    fn place(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        exact.or_else(|| self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
    }

    pub(super) fn require(&self, name: &str) -> Result<usize, DbError> {
        self.place(name).ok_or_else(|| DbError::new(code::NO_COLUMN, "no such column"))
    }

    /// Every column that a query names has to be there.
    pub(super) fn require_all(&self, query: &Query) -> Result<(), DbError> {
        query.filters.iter().try_for_each(|filter| self.require_of(filter))?;
        query.order.iter().try_for_each(|sort| self.require(&sort.column).map(drop))?;
        for selected in query.returning.iter().flatten() {
            if let Selected::Column { name, .. } = selected {
                self.require(name)?;
            }
        }
        let (rows, key): (&[Row], &[String]) = match &query.action {
            Action::Insert(rows) => (rows, &[]),
            Action::Upsert { rows, on_conflict, .. } => (rows, on_conflict),
            Action::Update(row) => (std::slice::from_ref(row), &[]),
            Action::Select | Action::Delete => (&[], &[]),
        };
        rows.iter().flat_map(Row::keys).chain(key).try_for_each(|name| self.require(name).map(drop))
    }

    fn require_of(&self, filter: &Filter) -> Result<(), DbError> {
        match filter {
            Filter::Compare { column, .. } => self.require(column).map(drop),
            Filter::Not(inner) => self.require_of(inner),
            Filter::All(inner) | Filter::Any(inner) => {
                inner.iter().try_for_each(|filter| self.require_of(filter))
            }
        }
    }
}

fn default(kind: Kind, word: &str) -> Option<Stored> {
    let value = match word {
        // its clock stands still
        "CURRENT_TIMESTAMP" => Value::from("2001-01-01 00:00:00"),
        word => match word.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(text) if kind == Kind::Json => serde_json::from_str(text).ok()?,
            Some(text) => Value::from(text),
            None => serde_json::from_str(&word.to_lowercase()).ok()?,
        },
    };
    stored(kind, &value)
}

fn at_commas(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
