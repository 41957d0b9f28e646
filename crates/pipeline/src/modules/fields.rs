//! Reads the configuration of a built-in: strictly, with an error that names the field.

use penstock_core::Usd;
use serde_json::{Map, Value};

/// The fields of a configuration, all of which are known.
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

/// How alike two names must be to be called near (Jaro-Winkler, 0 to 1).
const NEARNESS: f64 = 0.8;

impl<'a> Fields<'a> {
    /// The fields of `config`, which may have `known` and no others.
    pub(super) fn of(config: &'a Value, known: &[&str]) -> Result<Self, String> {
        let fields = match config {
            Value::Null => return Ok(Self(None)),
            Value::Object(fields) => fields,
            other => return Err(format!("expected a configuration of fields, found {other}")),
        };
        match fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown(name, known)),
            None => Ok(Self(Some(fields))),
        }
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0?.get(name)
    }

    /// An amount of money above nothing.
    pub(super) fn amount(&self, name: &str, most: Usd) -> Result<Option<Usd>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let amount = match value {
            // by its text: a float in between would round it
            Value::Number(number) => number.to_string().parse::<Usd>().ok(),
            _ => None,
        };
        match amount.filter(|amount| *amount > Usd::ZERO) {
            Some(amount) if amount <= most => Ok(Some(amount)),
            Some(_) => Err(expected(name, &format!("a number of at most {most}"), value)),
            None => Err(expected(name, "a number above 0", value)),
        }
    }

    /// A whole number of `least` to `most`.
    pub(super) fn whole(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_u64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(expected(name, &format!("a whole number of {least} to {most}"), value)),
        }
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| expected(name, "true or false", value))
    }

    /// A text that `is_right` takes, which is `what`.
    pub(super) fn text(
        &self,
        name: &str,
        what: &str,
        is_right: impl Fn(&str) -> bool,
    ) -> Result<Option<&'a str>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_str().filter(|text| is_right(text)).map(Some).ok_or_else(|| expected(name, what, value))
    }

    /// The beginning of keys.
    pub(super) fn key_prefix(&self, name: &str) -> Result<Option<&'a str>, String> {
        let is_prefix = |text: &str| (1..=PREFIX).contains(&text.len()) && !text.contains(char::is_control);
        self.text(name, &format!("a text of 1 to {PREFIX} bytes without control characters"), is_prefix)
    }
}

/// The longest beginning of keys, in bytes: what follows it has to fit too.
const PREFIX: usize = 200;

/// `perDay: expected a number above 0, found "5"`.
fn expected(name: &str, what: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "nothing".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
        other => other.to_string(),
    };
    format!("{name}: expected {what}, found {found}")
}

fn unknown(name: &str, known: &[&str]) -> String {
    let scored = known.iter().map(|other| (strsim::jaro_winkler(name, other), other));
    let nearest =
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(score, _)| *score >= NEARNESS);
    match nearest {
        Some((_, near)) => format!("{name}: there is no such field: did you mean `{near}`?"),
        None => format!("{name}: there is no such field: there are `{}`", known.join("`, `")),
    }
}
