//! From a value of the text to what a field may be, or to what was expected instead.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use penstock_core::{Secret, Usd};
use serde_json::{Map, Value};

use super::entry::Given;
use super::problem::nearest;
use super::shape::{Absent, Field, Form};
use super::text::{Content, Node};
use crate::KeyDigest;

/// What was expected, what was found, and perhaps what to do.
pub(super) struct Refusal(pub(super) String);

/// Reads the value of a field.
pub(super) fn read(field: &Field, node: &Node) -> Result<Given, Refusal> {
    if matches!(node.content, Content::Null) {
        return match field.absent {
            Absent::Null => Ok(Given::Null),
            Absent::Empty => Ok(Given::Plain(Value::Object(Map::new()))),
            _ => Err(Refusal(
                "expected a value, found nothing: leave the field out to keep what is there".to_owned(),
            )),
        };
    }
    let form = field.form;
    let refused = |expected: &str| Refusal(format!("expected {expected}, found {}", found(form, node)));
    let (text, shown) = match &node.content {
        Content::Text(text) | Content::Number(text) => {
            (Some(text.as_str()), matches!(node.content, Content::Text(_)))
        }
        _ => (None, false),
    };
    let plain = |value: Value| Ok(Given::Plain(value));
    match form {
        Form::Secret | Form::Proxy | Form::Password | Form::Key => {
            let text = text.filter(|text| !text.trim().is_empty());
            let text = text.ok_or_else(|| refused("a secret, env:NAME or file:PATH, as a text"))?;
            Ok(Given::Hidden(Secret::new(text.to_owned())))
        }
        Form::Text => {
            let sound = text.filter(|text| shown && !text.trim().is_empty());
            plain(sound.ok_or_else(|| refused("a text"))?.into())
        }
        Form::Name | Form::Org | Form::Team | Form::Provider | Form::RuleSet | Form::ProviderName => {
            let name = text.filter(|_| shown).ok_or_else(|| refused("a name, as a text"))?;
            check_name(form, name).map_err(&refused)?;
            plain(name.into())
        }
        Form::Url => {
            let sound = text.filter(|text| is_url(text));
            plain(sound.ok_or_else(|| refused("a URL that starts with http:// or https://"))?.into())
        }
        Form::Pattern => {
            let pattern = text.filter(|_| shown).ok_or_else(|| refused("a regular expression, as a text"))?;
            if let Err(error) = regex::Regex::new(&format!("^(?:{pattern})$")) {
                // its last line says what is wrong; those before draw it
                let error = error.to_string();
                let says = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
                return Err(Refusal(format!("expected a regular expression, found {pattern:?}: {says}")));
            }
            plain(pattern.into())
        }
        Form::Flag => match node.content {
            Content::Flag(flag) => plain(flag.into()),
            _ => Err(refused("true or false")),
        },
        Form::Count => {
            let whole = whole(node).filter(|number| *number >= 0);
            plain(whole.ok_or_else(|| refused("a whole number from 0"))?.into())
        }
        Form::Integer => plain(whole(node).ok_or_else(|| refused("a whole number"))?.into()),
        Form::Money => {
            let amount = text.and_then(money).ok_or_else(|| refused(AMOUNT))?;
            plain(amount.to_string().into())
        }
        Form::Price => plain(prices(node, &refused)?),
        Form::Object => match node.content {
            Content::Map(_) => plain(node.value()),
            _ => Err(refused("an object")),
        },
        Form::Texts => match &node.content {
            Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Text(_))) => {
                plain(node.value())
            }
            _ => Err(refused("a list of texts")),
        },
        Form::Any => plain(node.value()),
        Form::Word(words) => word(&words(), text, &refused),
        Form::Moment => {
            let at = whole(node).or_else(|| moment(text?));
            plain(
                at.ok_or_else(|| {
                    refused("a time such as 2027-01-31T12:00:00Z, a date, or unix milliseconds")
                })?
                .into(),
            )
        }
        Form::Digest => {
            let digest = text.ok_or_else(|| refused("the digest of a key, as a text"))?.parse::<KeyDigest>();
            plain(digest.map_err(|error| Refusal(error.to_string()))?.to_string().into())
        }
    }
}

/// What it is; of what may be a secret, only the kind.
fn found(form: Form, node: &Node) -> String {
    match &node.content {
        Content::Text(text) if text.trim().is_empty() => "an empty text".to_owned(),
        Content::Text(text) if !form.is_secret() => {
            let shown: String = text.chars().take(60).collect();
            format!("{shown:?}")
        }
        Content::Number(text) if !form.is_secret() => format!("the number {text}"),
        _ => node.noun().to_owned(),
    }
}

fn whole(node: &Node) -> Option<i64> {
    match &node.content {
        Content::Number(text) => text.parse().ok(),
        _ => None,
    }
}

const AMOUNT: &str = "an amount in US dollars from 0, such as \"5.00\"";

fn money(text: &str) -> Option<Usd> {
    text.parse::<Usd>().ok().filter(|amount| !amount.is_negative())
}

fn moment(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let start = text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(start.timestamp().as_millisecond())
}

/// A point in time as a bundle writes it: for people, where the calendar reaches so far.
pub(super) fn written_moment(millis: i64) -> Value {
    match jiff::Timestamp::from_millisecond(millis) {
        Ok(at) => at.to_string().into(),
        Err(_) => millis.into(),
    }
}

fn word(words: &[&str], text: Option<&str>, refused: &dyn Fn(&str) -> Refusal) -> Result<Given, Refusal> {
    if let Some(text) = text.filter(|text| words.contains(text)) {
        return Ok(Given::Plain(text.into()));
    }
    let Refusal(mut says) = refused(&format!("one of {}", words.join(", ")));
    if let Some(near) = text.and_then(|text| nearest(text, words.iter().copied())) {
        says = format!("{says}: did you mean `{near}`?");
    }
    Err(Refusal(says))
}

/// Amounts of a price.
const PRICES: [&str; 5] = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"];

/// Numbers become texts, so that nobody rounds them.
fn prices(node: &Node, refused: &dyn Fn(&str) -> Refusal) -> Result<Value, Refusal> {
    let Content::Map(pairs) = &node.content else {
        return Err(refused(
            "an object such as { input: \"0.15\", output: \"0.60\" }, in USD per million tokens",
        ));
    };
    let mut prices = Map::new();
    for pair in pairs {
        let key = pair.key.as_str();
        let amount = match &pair.node.content {
            Content::Text(text) | Content::Number(text) if PRICES.contains(&key) && money(text).is_some() => {
                Value::String(text.clone())
            }
            Content::Null if PRICES.contains(&key) => continue,
            _ if PRICES.contains(&key) => {
                return Err(Refusal(format!(
                    "{key}: expected {AMOUNT}, found {}",
                    found(Form::Any, &pair.node)
                )));
            }
            Content::List(tiers) if key == "tiers" => {
                tiers.iter().map(|tier| tier_prices(tier, refused)).collect::<Result<_, _>>()?
            }
            _ => match nearest(key, PRICES.into_iter().chain(["tiers"])) {
                Some(near) => return Err(Refusal(format!("unknown price {key:?}: did you mean `{near}`?"))),
                None => pair.node.value(),
            },
        };
        if prices.insert(key.to_owned(), amount).is_some() {
            return Err(Refusal(format!("{key} is there twice")));
        }
    }
    Ok(Value::Object(prices))
}

fn tier_prices(tier: &Node, refused: &dyn Fn(&str) -> Refusal) -> Result<Value, Refusal> {
    prices(tier, refused)
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// Names are paths and arguments of commands too, where digits alone are an id.
fn check_name(form: Form, name: &str) -> Result<(), &'static str> {
    let sound = !name.is_empty()
        && name.chars().count() <= 128
        && name.trim() == name
        && !name.chars().any(char::is_control)
        && !name.bytes().all(|byte| byte.is_ascii_digit());
    if !sound {
        return Err("1 to 128 characters, not only digits, without spaces at the ends");
    }
    let in_paths = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if matches!(form, Form::ProviderName) && !name.bytes().all(in_paths) {
        return Err("letters, digits, '-', '_' and '.' only, since it stands in paths");
    }
    Ok(())
}
