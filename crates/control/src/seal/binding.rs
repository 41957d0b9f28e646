//! The place that a sealed value belongs to.

use std::fmt;

/// Table, row and column. A value that was sealed for one place opens in no other, so that nobody who
/// may write the store can make the gateway use one record's secret for another.
///
/// A row has to have its id before its secrets are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    table: &'a str,
    row: Row<'a>,
    column: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row<'a> {
    Id(i64),
    Name(&'a str),
}

impl<'a> Binding<'a> {
    /// The place in the row with this id.
    pub const fn row(table: &'a str, id: i64, column: &'a str) -> Self {
        Self { table, row: Row::Id(id), column }
    }

    /// The place in what has a name and no id: a row with a natural key, a file.
    pub const fn named(table: &'a str, name: &'a str, column: &'a str) -> Self {
        Self { table, row: Row::Name(name), column }
    }

    /// The bytes that stand for this place and `purpose`: five texts, each after its length, so that
    /// no two places have the same.
    pub(super) fn associated(&self, purpose: &str) -> Vec<u8> {
        let id;
        let (kind, row) = match self.row {
            Row::Id(number) => {
                id = number.to_string();
                ("id", id.as_str())
            }
            Row::Name(name) => ("name", name),
        };
        let mut bytes = Vec::new();
        for part in [purpose, self.table, kind, row, self.column] {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

impl fmt::Display for Binding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Row::Id(id) => write!(f, "{} {id}, {}", self.table, self.column),
            Row::Name(name) => write!(f, "{} {name:?}, {}", self.table, self.column),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_places_have_the_same_bytes() {
        let places = [
            Binding::row("credentials", 1, "secret"),
            Binding::row("credentials", 11, "secret"),
            Binding::row("credentials", -1, "secret"),
            Binding::named("credentials", "1", "secret"),
            Binding::row("credential", 1, "ssecret"),
            Binding::row("credentials", 1, "proxy"),
            Binding::row("providers", 1, "secret"),
            Binding::named("", "credentials", "secret"),
            Binding::named("credentials", "", "secret"),
        ];
        let bytes: HashSet<_> =
            ["a", "b"].iter().flat_map(|purpose| places.map(|place| place.associated(purpose))).collect();
        assert_eq!(bytes.len(), 2 * places.len());
    }

    #[test]
    fn a_place_is_named_for_people() {
        assert_eq!(Binding::row("credentials", 7, "secret").to_string(), "credentials 7, secret");
        assert_eq!(
            Binding::named("instance_settings", "main", "proxy").to_string(),
            "instance_settings \"main\", proxy"
        );
    }
}
