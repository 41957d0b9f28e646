//! The macros that make records of structs, and one set of all kinds of them.

/// A record: a table with an id, a natural key, and the times of its making and last change.
macro_rules! record {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($id:ty) in $table:literal, unique($($unique:ident),+)
        $(, index($($index:ident),+))* {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty),+ $(,)?
        }
    ) => {
        $crate::table::table! {
            $(#[$meta])*
            pub struct $name in $table, key(id), unique($($unique),+) $(, index($($index),+))* {
                /// Row id; below zero while it names a record that is about to be made.
                pub id: $id,
                $($(#[$field_meta])* pub $field: $type,)+
                /// When it was made.
                pub created_at: penstock_core::Timestamp,
                /// When it was last changed.
                pub updated_at: penstock_core::Timestamp,
            }
        }
    };
}
pub(crate) use record;

/// All kinds of records, each after those it points at.
macro_rules! kinds {
    ($($(#[$meta:meta])* $kind:ident($noun:literal) in $field:ident),+ $(,)?) => {
        /// The kinds of records, each after those it points at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = concat!("[`", stringify!($kind), "`]")] $kind,)+
        }

        /// One record of any kind.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Record {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind),)+
        }

        /// Every record that requests depend on. A copy costs nothing: what did not change is shared.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Records {
            $($(#[$meta])* pub $field: $crate::records::Set<$kind>,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The word for people.
            pub const fn noun(self) -> &'static str {
                match self { $(Self::$kind => $noun),+ }
            }

            pub(crate) fn table(self) -> &'static $crate::table::Table {
                use $crate::table::Entity;
                match self { $(Self::$kind => $kind::table()),+ }
            }

            /// The kind whose table has that name.
            pub(crate) fn of_table(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|kind| kind.table().name == name)
            }
        }

        impl Record {
            /// Its kind.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind),+ }
            }

            /// Its id.
            pub fn id(&self) -> i64 {
                match self { $(Self::$kind(record) => record.id.into()),+ }
            }

            pub(crate) fn row(&self) -> $crate::table::Row {
                use $crate::table::Entity;
                match self { $(Self::$kind(record) => record.row()),+ }
            }

            /// The record that a row holds.
            pub(crate) fn read(kind: Kind, row: $crate::table::Row) -> Result<Self, $crate::ControlError> {
                use $crate::table::Entity;
                match kind { $(Kind::$kind => $kind::read(row).map(Self::$kind)),+ }
            }
        }

        $(impl From<$kind> for Record {
            fn from(record: $kind) -> Self {
                Self::$kind(record)
            }
        })+

        impl Records {
            /// Puts in the record that a row holds, in place of the one with its id.
            pub(crate) fn put(&mut self, kind: Kind, row: $crate::table::Row) -> Result<(), $crate::ControlError> {
                match kind { $(Kind::$kind => self.$field.put(row)),+ }
            }

            /// Takes a record out, if it is there.
            pub(crate) fn remove(&mut self, kind: Kind, id: i64) {
                match kind { $(Kind::$kind => self.$field.remove(id)),+ }
            }

            pub(crate) fn row(&self, kind: Kind, id: i64) -> Option<$crate::table::Row> {
                use $crate::table::Entity;
                match kind { $(Kind::$kind => self.$field.get(id).map(|record| record.row())),+ }
            }

            /// Hands out the row of each record of a kind, by id.
            pub(crate) fn each_row<E>(
                &self,
                kind: Kind,
                take: impl FnMut($crate::table::Row) -> Result<(), E>,
            ) -> Result<(), E> {
                use $crate::table::Entity;
                match kind { $(Kind::$kind => self.$field.iter().map(Entity::row).try_for_each(take)),+ }
            }

            /// The rows of all records of a kind, by id.
            pub(crate) fn rows(&self, kind: Kind) -> Vec<$crate::table::Row> {
                use $crate::table::Entity;
                match kind { $(Kind::$kind => self.$field.iter().map(Entity::row).collect()),+ }
            }

            /// The record of that kind and id.
            pub fn record(&self, kind: Kind, id: i64) -> Option<Record> {
                match kind {
                    $(Kind::$kind => self.$field.get(id).map(|record| Record::$kind((**record).clone()))),+
                }
            }

            /// The id of the record with that natural key.
            pub(crate) fn find(&self, kind: Kind, natural: &[$crate::table::Cell]) -> Option<i64> {
                match kind { $(Kind::$kind => self.$field.find(natural)),+ }
            }

            /// The ids of the records of which a column that refers to others names this one.
            pub(crate) fn pointing(&self, kind: Kind, column: usize, at: i64) -> Vec<i64> {
                match kind { $(Kind::$kind => self.$field.pointing(column, at)),+ }
            }
        }
    };
}
pub(crate) use kinds;
