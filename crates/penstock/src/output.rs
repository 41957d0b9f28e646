//! What people and scripts read: tables on standard output, notes on standard error, JSON on request.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

/// Prints a line on standard output. A closed pipe is nobody's error.
pub(crate) fn line(text: impl AsRef<str>) {
    drop(writeln!(anstream::stdout(), "{}", text.as_ref()));
}

/// Prints a note on standard error.
pub(crate) fn note(text: impl AsRef<str>) {
    drop(writeln!(anstream::stderr(), "{}", text.as_ref()));
}

/// Prints an error with its causes.
pub(crate) fn error(error: &anyhow::Error) {
    let red = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    note(format!("{red}error{red:#}: {error:#}"));
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a table; the columns named in `right` hold figures.
pub(crate) fn table(header: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for row in table.lines() {
        line(row.trim_end());
    }
}

/// A green, yellow or red word in front of a sentence.
pub(crate) fn verdict(color: AnsiColor, word: &str, sentence: &str) {
    let style = Style::new().bold().fg_color(Some(color.into()));
    line(format!("{style}{word:>7}{style:#}  {sentence}"));
}
