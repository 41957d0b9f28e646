//! Plans and what became of them, for people and for scripts.

use anstyle::{AnsiColor, Style};
use penstock_control::bundle::{Action, Applied, FieldChange, MadeKey, Plan, PlannedChange};
use serde_json::{Value, json};

use crate::output;

/// Characters of a value that are shown; a whole object would hide the rest.
const VALUE: usize = 60;

/// What would change.
pub(super) fn plan(plan: &Plan, json: bool) -> anyhow::Result<()> {
    if json {
        // keys are made when it is applied: those of a plan are nobody's
        return output::json(&json!({"changes": plan.changes, "notes": plan.notes}));
    }
    list(&plan.changes);
    notes(&plan.notes);
    if plan.is_empty() {
        output::note("nothing to change");
    } else {
        output::note(plan.summary());
    }
    Ok(())
}

/// What was changed, and the keys that were made.
pub(super) fn applied(applied: &Applied, json: bool) -> anyhow::Result<()> {
    if json {
        let keys: Vec<_> = applied.keys.iter().map(key).collect();
        return output::json(&json!({
            "version": applied.version, "changes": applied.changes, "notes": applied.notes, "keys": keys,
        }));
    }
    list(&applied.changes);
    notes(&applied.notes);
    if applied.changes.is_empty() {
        output::note("nothing to change");
    } else {
        let running = "a running gateway sees them within a second";
        output::note(format!("{} changes, version {}; {running}", applied.changes.len(), applied.version));
    }
    made(&applied.keys);
    Ok(())
}

/// The keys that were made, this once.
pub(super) fn made(keys: &[MadeKey]) {
    for made in keys {
        let label = made.label.as_deref().unwrap_or("-");
        output::note(format!("made key {label:?} for user {:?}; it is shown this once:", made.user));
        output::line(made.key.expose());
    }
}

fn key(made: &MadeKey) -> Value {
    // the one time it is shown
    json!({"user": made.user, "label": made.label, "prefix": made.prefix, "key": made.key.expose()})
}

fn notes(notes: &[String]) {
    for note in notes {
        output::note(format!("note: {note}"));
    }
}

/// One line for each record, in columns; colours are taken out where nobody looks.
fn list(changes: &[PlannedChange]) {
    let kind = changes.iter().map(|change| change.kind.chars().count()).max().unwrap_or(0);
    let name = changes.iter().filter(|change| change.action == Action::Change);
    let name = name.map(|change| change.name.chars().count()).max().unwrap_or(0);
    for change in changes {
        let (sign, color) = match change.action {
            Action::Create => ('+', AnsiColor::Green),
            Action::Change => ('~', AnsiColor::Yellow),
            Action::Delete => ('-', AnsiColor::Red),
        };
        let fields: Vec<_> = match change.action {
            Action::Change => change.fields.iter().map(field).collect(),
            Action::Create | Action::Delete => Vec::new(),
        };
        let text = format!("{:kind$}  {:name$}  {}", change.kind, change.name, fields.join(", "));
        let style = Style::new().fg_color(Some(color.into()));
        output::line(format!("{style}{sign}{style:#} {}", text.trim_end()));
    }
}

fn field(change: &FieldChange) -> String {
    if change.from == change.to {
        return format!("{}: {}", change.field, value(&change.to));
    }
    format!("{}: {} -> {}", change.field, value(&change.from), value(&change.to))
}

fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= VALUE {
        return text;
    }
    format!("{}…", text.chars().take(VALUE).collect::<String>())
}
