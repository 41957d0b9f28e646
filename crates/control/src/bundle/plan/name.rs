//! Names of records that are there, for people.

use super::Planner;
use crate::bundle::entry::{Entry, Given};
use crate::bundle::export::plain;
use crate::bundle::shape::{Form, Shape};
use crate::table::Row;

impl Planner<'_> {
    /// The name, as an entry for the record would have it.
    pub(super) fn name_of(&self, shape: &'static Shape, row: &Row) -> String {
        let mut entry = Entry::default();
        for field in shape.fields {
            let given = match field.form {
                Form::Key | Form::Secret | Form::Proxy | Form::Password => continue,
                Form::Org | Form::Team | Form::Provider | Form::RuleSet => {
                    Given::Plain(self.referred(field, &row[shape.kind.table().column(field.column)]))
                }
                _ => plain(shape, field, row),
            };
            entry.fields.insert(field.name, given);
        }
        entry.name(shape)
    }
}
