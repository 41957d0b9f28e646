//! The migrations of a module: the files `migrations/NNN_name.sql` beside it.
//!
//! They go forward only. Each is applied once, in the order of its number, and recorded with the checksum of
//! its text: a text that was changed afterwards is refused, since no database would have both versions.

use std::fmt;
use std::path::Path;

use thiserror::Error;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    number: i64,
    name: String,
    sql: String,
}

/// The steps of one module, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrations {
    module: String,
    steps: Vec<Migration>,
}

/// What came of [`migrate`](super::Database::migrate).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrated {
    /// The names of the steps that were applied now.
    pub applied: Vec<String>,
    /// The names of recorded steps that are newer than all that the module has: it is an older version, and
    /// the tables may have what it does not know of.
    pub newer: Vec<String>,
}

/// Why a folder of migrations is refused.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// The name is none of a migration.
    #[error("migration file {file:?}: expected a name such as \"001_create_table.sql\": {expected}")]
    Name {
        /// The name.
        file: String,
        /// What was expected of it.
        expected: &'static str,
    },
    /// Nothing to do.
    #[error("migration file {file:?}: expected SQL, found nothing but space")]
    Empty {
        /// The name of the file.
        file: String,
    },
    /// Two steps have one number.
    #[error("migrations {first:?} and {second:?} have the same number: give one of them the next free one")]
    Twice {
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// The name of a module is recorded with each step.
    #[error("the name of a module with migrations has 1 to {MODULE_BYTES} bytes, found {found}")]
    Module {
        /// Its bytes.
        found: usize,
    },
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}

/// A key of MySQL has to hold it.
const MODULE_BYTES: usize = 255;

impl Migration {
    /// The step in a file of that name, such as `001_create_table.sql`.
    pub fn new(file: &str, sql: &str) -> Result<Self, MigrationError> {
        let refused = |expected| MigrationError::Name { file: file.to_owned(), expected };
        let stem = file.strip_suffix(".sql").ok_or_else(|| refused("it ends with .sql"))?;
        if [".down", ".up"].into_iter().any(|way| stem.ends_with(way)) {
            return Err(refused("migrations go forward only, so there is no .up and no .down"));
        }
        let (number, _) = stem.split_once('_').ok_or_else(|| refused("a number, _ and a word or two"))?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|number| is_number && *number > 0);
        let number = number.ok_or_else(|| refused("it begins with a number from 1 up"))?;
        if !stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')) {
            return Err(refused("letters, digits, _ - and ."));
        }
        // as one text on every system that checks files out with line ends of its own
        let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql).replace("\r\n", "\n");
        if sql.trim().is_empty() {
            return Err(MigrationError::Empty { file: file.to_owned() });
        }
        Ok(Self { number, name: stem.to_owned(), sql })
    }

    /// Its number.
    pub const fn number(&self) -> i64 {
        self.number
    }

    /// Its name, with the number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// What its text is known by.
    pub fn checksum(&self) -> String {
        blake3::hash(self.sql.as_bytes()).to_hex().to_string()
    }
}

impl Migrations {
    /// The steps of a module that has them in its code.
    pub fn new(module: &str, mut steps: Vec<Migration>) -> Result<Self, MigrationError> {
        if module.is_empty() || module.len() > MODULE_BYTES {
            return Err(MigrationError::Module { found: module.len() });
        }
        steps.sort_by_key(|step| step.number);
        for pair in steps.windows(2) {
            if pair[0].number == pair[1].number {
                let [first, second] = [&pair[0], &pair[1]].map(|step| step.name.clone());
                return Err(MigrationError::Twice { first, second });
            }
        }
        Ok(Self { module: module.to_owned(), steps })
    }

    /// The steps in a folder: its files that end with `.sql`. No folder is no steps.
    pub fn read(module: &str, folder: &Path) -> Result<Self, MigrationError> {
        let unreadable =
            |path: &Path, source| MigrationError::Read { path: path.display().to_string(), source };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Self::new(module, Vec::new());
            }
            Err(error) => return Err(unreadable(folder, error)),
        };
        let mut steps = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(folder, error))?;
            let (path, file) = (entry.path(), entry.file_name());
            let file = file.to_string_lossy();
            // hidden files are those that editors leave behind
            if !file.ends_with(".sql") || file.starts_with('.') {
                continue;
            }
            let sql = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            steps.push(Migration::new(&file, &sql)?);
        }
        Self::new(module, steps)
    }

    /// Whose they are.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The steps, by their numbers.
    pub fn steps(&self) -> &[Migration] {
        &self.steps
    }
}

impl fmt::Display for Migrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} migrations of module {:?}", self.steps.len(), self.module)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(file: &str, sql: &str) -> String {
        Migration::new(file, sql).expect_err(file).to_string()
    }

    #[test]
    fn a_name_that_is_none_is_refused_in_words() {
        for (file, expected) in [
            ("first.sql", "a number"),
            ("x1_first.sql", "begins with a number"),
            ("000_first.sql", "from 1 up"),
            ("+1_first.sql", "begins with a number"),
            ("99999999999999999999_first.sql", "begins with a number"),
            ("001_first.txt", "ends with .sql"),
            ("001_first.down.sql", "forward only"),
            ("001_fi rst.sql", "letters"),
        ] {
            let message = refusal(file, "SELECT 1");
            assert!(message.contains(expected) && message.contains(file), "{message}");
        }
        assert!(refusal("001_first.sql", " \r\n").contains("found nothing"));
    }

    #[test]
    fn the_line_ends_of_a_checkout_do_not_change_the_checksum() {
        let [unix, dos] = ["SELECT 1;\nSELECT 2;\n", "\u{feff}SELECT 1;\r\nSELECT 2;\r\n"]
            .map(|sql| Migration::new("001_first.sql", sql).expect("a migration").checksum());
        assert_eq!(unix, dos);
        let other = Migration::new("001_first.sql", "SELECT 1;\nSELECT 3;\n").expect("a migration");
        assert_ne!(unix, other.checksum());
    }

    #[test]
    fn a_folder_is_read_by_number_and_not_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for (file, text) in [
            ("10_c.sql", "SELECT 3"),
            ("2_b.sql", "SELECT 2"),
            ("001_a.sql", "SELECT 1"),
            ("README.md", "no migration"),
            (".#2_b.sql", ""),
        ] {
            std::fs::write(folder.path().join(file), text).expect("a file");
        }
        let migrations = Migrations::read("audit", folder.path()).expect("migrations");
        let names: Vec<&str> = migrations.steps().iter().map(Migration::name).collect();
        assert_eq!(names, ["001_a", "2_b", "10_c"]);

        std::fs::write(folder.path().join("02_again.sql"), "SELECT 2").expect("a file");
        let message = Migrations::read("audit", folder.path()).expect_err("the number twice").to_string();
        assert!(message.contains("2_b") && message.contains("02_again"), "{message}");

        let none = Migrations::read("audit", &folder.path().join("none")).expect("no migrations");
        assert!(none.steps().is_empty());
    }
}
