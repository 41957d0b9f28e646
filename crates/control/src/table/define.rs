//! The macro that turns a struct into a table.

/// A struct whose values are rows: `table! { pub struct Name in "table", key(…), unique(…), index(…) { fields } }`.
macro_rules! table {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident in $table:literal, key($($key:ident),+)
        $(, unique($($unique:ident),+))? $(, index($($index:ident),+))*
        { $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty),+ $(,)? }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)+
        }

        impl $crate::table::Entity for $name {
            fn table() -> &'static $crate::table::Table {
                static TABLE: std::sync::LazyLock<$crate::table::Table> = std::sync::LazyLock::new(|| {
                    let mut columns = Vec::new();
                    $(<$type as $crate::table::Field>::columns(stringify!($field), &mut columns);)+
                    $crate::table::Table {
                        name: $table,
                        columns,
                        key: &[$(stringify!($key)),+],
                        unique: &[$($(stringify!($unique)),+)?],
                        indexes: &[$(&[$(stringify!($index)),+]),*],
                    }
                    .keyed()
                });
                &TABLE
            }

            fn row(&self) -> $crate::table::Row {
                let mut row = Vec::with_capacity(Self::table().columns.len());
                $($crate::table::Field::write(&self.$field, &mut row);)+
                row
            }

            fn read(row: $crate::table::Row) -> Result<Self, $crate::ControlError> {
                let mut cells = $crate::table::Cells::new($table, row);
                Ok(Self { $($field: $crate::table::Field::read(stringify!($field), &mut cells)?,)+ })
            }
        }
    };
}
pub(crate) use table;
