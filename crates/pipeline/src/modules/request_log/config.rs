//! What is written, and where.

use penstock_storage::db::{Migration, Migrations};
use serde_json::Value;

use super::NAME;
use crate::modules::fields::Fields;

/// What is written, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// Whether requests and answers are kept as files.
    pub(super) bodies: bool,
    /// The table.
    pub(super) table: String,
}

const FIELDS: &[&str] = &["bodies", "table"];
/// The table, unless it is said otherwise.
const TABLE: &str = "request_log";
/// The name of the index, which begins with that of the table, has at most 63 letters.
const LONGEST: usize = 60;

impl Config {
    /// Reads what a pipeline says.
    pub(super) fn read(config: &Value) -> Result<Self, String> {
        let fields = Fields::of(config, FIELDS)?;
        let is_table = |text: &str| {
            let is_letter = |letter: char| letter.is_ascii_lowercase() || letter == '_';
            text.len() <= LONGEST
                && text.starts_with(is_letter)
                && text.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
        };
        let what = format!("a name of up to {LONGEST} small letters, digits and underscores");
        Ok(Self {
            bodies: fields.flag("bodies")?.unwrap_or(false),
            table: fields.text("table", &what, is_table)?.unwrap_or(TABLE).to_owned(),
        })
    }

    /// The steps that make the table. Those of each table are recorded for themselves.
    pub(super) fn migrations(&self) -> Result<Migrations, String> {
        let sql = include_str!("migrations/001_request_log.sql").replace(TABLE, &self.table);
        let owner = if self.table == TABLE { NAME.to_owned() } else { format!("{NAME}:{}", self.table) };
        let step = Migration::new("001_request_log.sql", &sql);
        let steps = step.and_then(|step| Migrations::new(&owner, vec![step]));
        steps.map_err(|error| error.to_string())
    }
}
