//! What a select of the model gives.

use std::cmp::Ordering;

use penstock_storage::db::query::{Cardinality, Selected, Sort};
use penstock_storage::db::{Answer, DbError, Query, Row, code};

use super::table::Table;
use super::value::{Kind, Stored};

impl Table {
    pub(super) fn select(&self, query: &Query) -> Result<Answer, DbError> {
        let mut found = self.matching(&query.filters)?;
        let order = query.order.iter().map(|sort| Ok((self.sortable(&sort.column)?, sort)));
        let order: Vec<(usize, &Sort)> = order.collect::<Result<_, DbError>>()?;
        let count = query.count.then(|| u64::try_from(found.len()).unwrap_or(u64::MAX));
        if query.head {
            return Ok(Answer { rows: Vec::new(), count });
        }
        found.sort_by(|one, other| {
            let by = |(place, sort): &(usize, &Sort)| {
                in_order(&self.rows[*one][*place], &self.rows[*other][*place], sort)
            };
            order.iter().map(by).find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
        });
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let limit = query.limit.map_or(usize::MAX, size);
        let rows = found.into_iter().skip(size(query.offset)).take(limit);
        let rows: Vec<Row> = rows.map(|at| self.shown(query, &self.rows[at])).collect();
        enough(query.cardinality, rows.len())?;
        Ok(Answer { rows, count })
    }

    fn sortable(&self, name: &str) -> Result<usize, DbError> {
        let place = self.require(name)?;
        if self.columns[place].kind == Kind::Json {
            return Err(DbError::invalid("JSON has no order"));
        }
        Ok(place)
    }

    /// A row with the columns that the query asks for, under the names that it gives them.
    pub(super) fn shown(&self, query: &Query, row: &[Stored]) -> Row {
        let mut shown = Row::new();
        for selected in query.returning.iter().flatten() {
            match selected {
                Selected::All => {
                    let all = self.columns.iter().zip(row);
                    shown.extend(all.map(|(column, value)| (column.name.clone(), value.shown())));
                }
                Selected::Column { name, alias } => {
                    let value = self.require(name).map(|place| row[place].shown());
                    shown.extend(value.map(|value| (alias.clone(), value)));
                }
            }
        }
        shown
    }
}

fn in_order(one: &Stored, other: &Stored, sort: &Sort) -> Ordering {
    let nulls = (*one == Stored::Null).cmp(&(*other == Stored::Null));
    let values = one.compare(other).unwrap_or(Ordering::Equal);
    match (nulls, sort.nulls_first, sort.descending) {
        (Ordering::Equal, _, false) => values,
        (Ordering::Equal, _, true) => values.reverse(),
        (nulls, true, _) => nulls.reverse(),
        (nulls, false, _) => nulls,
    }
}

/// `single` and `maybeSingle`.
pub(super) fn enough(cardinality: Cardinality, rows: usize) -> Result<(), DbError> {
    let so = match cardinality {
        Cardinality::Many => true,
        Cardinality::One => rows == 1,
        Cardinality::OneOrNone => rows <= 1,
    };
    if so { Ok(()) } else { Err(DbError::new(code::NOT_ONE, "not one row")) }
}
