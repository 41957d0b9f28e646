//! What a write of the model leaves: all that it says, or nothing.

use penstock_storage::db::query::Action;
use penstock_storage::db::{Answer, DbError, Query, Row, code};

use super::read::enough;
use super::table::Table;
use super::value::{Kind, Stored, stored};

/// The values of a row that were given, by the place of their column.
type Given = Vec<(usize, Stored)>;

impl Table {
    pub(super) fn write(&mut self, query: &Query) -> Result<Answer, DbError> {
        let mut after = self.clone();
        let rows = match &query.action {
            Action::Insert(rows) => after.insert(rows)?,
            Action::Upsert { rows, on_conflict, ignore_duplicates } => {
                after.upsert(rows, on_conflict, *ignore_duplicates)?
            }
            Action::Update(row) => after.update(query, row)?,
            _ => after.delete(query)?,
        };
        let mut answer = Answer::default();
        if query.returning.is_some() {
            enough(query.cardinality, rows.len())?;
            answer.rows = rows.iter().map(|row| self.shown(query, row)).collect();
        }
        *self = after;
        Ok(answer)
    }

    fn insert(&mut self, rows: &[Row]) -> Result<Vec<Vec<Stored>>, DbError> {
        let rows = self.given(rows)?;
        let mut written = Vec::new();
        for given in &rows {
            let row = self.whole(given);
            self.check(&row, None)?;
            self.rows.push(row.clone());
            written.push(row);
        }
        Ok(written)
    }

    fn upsert(
        &mut self,
        rows: &[Row],
        on_conflict: &[String],
        ignores: bool,
    ) -> Result<Vec<Vec<Stored>>, DbError> {
        let key = self.key(on_conflict)?;
        let rows = self.given(rows)?;
        let mut written = Vec::new();
        for given in &rows {
            let row = self.whole(given);
            self.check_nulls(&row)?;
            let Some(at) = self.rows.iter().position(|there| is_same_key(there, &row, &key)) else {
                self.check(&row, None)?;
                self.rows.push(row.clone());
                written.push(row);
                continue;
            };
            if !ignores {
                written.push(self.change(at, given)?);
            }
        }
        Ok(written)
    }

    fn update(&mut self, query: &Query, row: &Row) -> Result<Vec<Vec<Stored>>, DbError> {
        met(query)?;
        let [given] =
            <[Given; 1]>::try_from(self.given(std::slice::from_ref(row))?).expect("one for one row");
        if given.is_empty() {
            return Err(DbError::invalid("nothing to update"));
        }
        let found = self.matching(&query.filters)?;
        found.into_iter().map(|at| self.change(at, &given)).collect()
    }

    fn delete(&mut self, query: &Query) -> Result<Vec<Vec<Stored>>, DbError> {
        met(query)?;
        let found = self.matching(&query.filters)?;
        let removed = found.iter().map(|at| self.rows[*at].clone()).collect();
        for at in found.into_iter().rev() {
            self.rows.remove(at);
        }
        Ok(removed)
    }

    fn change(&mut self, at: usize, given: &Given) -> Result<Vec<Stored>, DbError> {
        let mut row = self.rows[at].clone();
        for (place, value) in given {
            row[*place] = value.clone();
        }
        self.check(&row, Some(at))?;
        self.rows[at].clone_from(&row);
        Ok(row)
    }

    /// The values of all rows, before anything is written: they fit, no column is named twice, and no key
    /// is null.
    fn given(&self, rows: &[Row]) -> Result<Vec<Given>, DbError> {
        let mut all: Vec<Given> = Vec::new();
        for row in rows {
            let mut given = Given::new();
            for (name, value) in row {
                let place = self.require(name)?;
                if given.iter().any(|(other, _)| *other == place) {
                    return Err(DbError::invalid("a column is named twice"));
                }
                let value = stored(self.columns[place].kind, value);
                given.push((place, value.ok_or_else(|| DbError::new(code::BAD_VALUE, "it does not fit"))?));
            }
            all.push(given);
        }
        Ok(all)
    }

    /// A new row: what was given, and what is made up for the rest.
    fn whole(&mut self, given: &Given) -> Vec<Stored> {
        let mut row = Vec::with_capacity(self.columns.len());
        for (place, column) in self.columns.iter().enumerate() {
            let value = given.iter().find(|(other, _)| *other == place).map(|(_, value)| value.clone());
            row.push(value.unwrap_or_else(|| match column.kind {
                Kind::Text if column.name == "id" => {
                    self.made += 1;
                    Stored::Text(format!("01900000-0000-7000-8000-{:012x}", self.made))
                }
                Kind::Integer if self.primary == [place] => {
                    let number =
                        |row: &Vec<Stored>| if let Stored::Integer(id) = row[place] { id } else { 0 };
                    Stored::Integer(self.rows.iter().map(number).max().unwrap_or(0) + 1)
                }
                _ => column.default.clone(),
            }));
        }
        row
    }

    /// The columns of `onConflict`, which have to be a key; the primary one if there are none.
    fn key(&self, on_conflict: &[String]) -> Result<Vec<usize>, DbError> {
        let mut key = on_conflict.iter().map(|name| self.require(name)).collect::<Result<Vec<_>, _>>()?;
        if on_conflict.is_empty() {
            key.clone_from(&self.primary);
        }
        key.sort_unstable();
        let is_key = |unique: &Vec<usize>| {
            let mut unique = unique.clone();
            unique.sort_unstable();
            unique == key
        };
        if key.is_empty() || !self.unique.iter().any(is_key) {
            return Err(DbError::new(code::NO_KEY, "no such key"));
        }
        Ok(key)
    }

    /// Whether a row may be there: nulls are looked at first, then the keys of the other rows.
    fn check(&self, row: &[Stored], own: Option<usize>) -> Result<(), DbError> {
        self.check_nulls(row)?;
        let mut others = self.rows.iter().enumerate().filter(|(at, _)| Some(*at) != own);
        if others.any(|(_, other)| self.unique.iter().any(|key| is_same_key(other, row, key))) {
            return Err(DbError::new(code::UNIQUE, "the key is taken"));
        }
        Ok(())
    }

    fn check_nulls(&self, row: &[Stored]) -> Result<(), DbError> {
        let is_missing = |place: &usize| self.columns[*place].not_null && row[*place] == Stored::Null;
        if (0..row.len()).any(|place| is_missing(&place)) {
            return Err(DbError::new(code::NOT_NULL, "a value is missing"));
        }
        Ok(())
    }
}

/// Whether it is said which rows a change is to meet.
fn met(query: &Query) -> Result<(), DbError> {
    if query.filters.is_empty() && !query.every_row {
        return Err(DbError::new(code::NO_FILTER, "every row would be met"));
    }
    Ok(())
}

/// Whether two rows have the same key; one with a null in it is like no other.
fn is_same_key(one: &[Stored], other: &[Stored], key: &[usize]) -> bool {
    key.iter().all(|place| one[*place].compare(&other[*place]).is_some_and(std::cmp::Ordering::is_eq))
}
