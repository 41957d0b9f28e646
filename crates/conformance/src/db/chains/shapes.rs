//! The tables that chains are about.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Key,
    Text,
    Integer,
    Real,
    Boolean,
    Json,
}

/// A table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// What stands in the brackets of its `CREATE TABLE`.
    pub(super) definition: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// What the rows are sorted by where their order has to be known.
    pub(super) order: &'static [&'static str],
    /// What may follow `onConflict`.
    pub(super) keys: &'static [&'static str],
    /// Columns that are always given: the database would make up a value of its own.
    pub(super) given: &'static [&'static str],
}

pub(super) const SHAPES: &[Shape] = &[
    Shape {
        name: "people",
        definition: "id TEXT PRIMARY KEY, name TEXT, age INTEGER, score REAL, active BOOLEAN, meta JSON",
        columns: &[
            ("id", Kind::Key),
            ("name", Kind::Text),
            ("age", Kind::Integer),
            ("score", Kind::Real),
            ("active", Kind::Boolean),
            ("meta", Kind::Json),
        ],
        order: &["id"],
        keys: &["", "id", "ID", "name", "id,name", "nothing", "no name"],
        given: &[],
    },
    Shape {
        name: "accounts",
        definition: "id TEXT PRIMARY KEY, mail TEXT NOT NULL UNIQUE, bank TEXT, number INTEGER, \
                     open BOOLEAN NOT NULL DEFAULT TRUE, UNIQUE (bank, number)",
        columns: &[
            ("id", Kind::Key),
            ("mail", Kind::Key),
            ("bank", Kind::Key),
            ("number", Kind::Integer),
            ("open", Kind::Boolean),
        ],
        order: &["id"],
        keys: &["", "mail", "bank, number", "number,bank", "bank", "id"],
        given: &[],
    },
    Shape {
        name: "seats",
        definition: "hall TEXT, place INTEGER, taken BOOLEAN DEFAULT FALSE, price REAL NOT NULL DEFAULT 1.5, \
                     note TEXT DEFAULT 'free', PRIMARY KEY (hall, place)",
        columns: &[
            ("hall", Kind::Key),
            ("place", Kind::Integer),
            ("taken", Kind::Boolean),
            ("price", Kind::Real),
            ("note", Kind::Text),
        ],
        order: &["hall", "place"],
        keys: &["", "hall,place", "place,hall", "hall"],
        given: &[],
    },
    Shape {
        name: "numbers",
        definition: "n INTEGER PRIMARY KEY, label TEXT UNIQUE, document JSON NOT NULL DEFAULT '{}'",
        columns: &[("n", Kind::Integer), ("label", Kind::Key), ("document", Kind::Json)],
        order: &["n"],
        keys: &["", "n", "label", "n,label"],
        given: &["n"],
    },
    Shape {
        name: "notes",
        definition: "a TEXT, b INTEGER, c REAL, d BOOLEAN",
        columns: &[("a", Kind::Text), ("b", Kind::Integer), ("c", Kind::Real), ("d", Kind::Boolean)],
        order: &["a", "b", "c", "d"],
        keys: &["", "a"],
        given: &[],
    },
];
