//! The two small languages of the chain: lists of columns, and the conditions of `or`.

use serde_json::Value;

use super::{DbError, Filter, Operator, Selected, identifier};

/// `a, b, alias:a` or `*`.
pub(super) fn columns(text: &str) -> Result<Vec<Selected>, DbError> {
    let mut selected = Vec::new();
    for part in text.split(',').map(str::trim) {
        if part == "*" {
            selected.push(Selected::All);
            continue;
        }
        let (alias, name) = part.split_once(':').unwrap_or((part, part));
        let (alias, name) = (identifier(alias.trim())?, identifier(name.trim())?);
        selected.push(Selected::Column { name: name.to_owned(), alias: alias.to_owned() });
    }
    Ok(selected)
}

/// How deep conditions may nest.
const DEPTH: usize = 16;

/// `a.eq.1,b.in.(1,2),and(c.gt.1,not.d.is.null)`.
pub(super) fn conditions(text: &str, depth: usize) -> Result<Vec<Filter>, DbError> {
    if depth > DEPTH {
        return Err(DbError::invalid(format!("conditions nest deeper than {DEPTH}")));
    }
    let parts = split(text)?;
    parts.into_iter().map(|part| condition(part.trim(), depth)).collect()
}

fn condition(text: &str, depth: usize) -> Result<Filter, DbError> {
    let group = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(inner) = group("and") {
        return Ok(Filter::All(conditions(inner, depth + 1)?));
    }
    if let Some(inner) = group("or") {
        return Ok(Filter::Any(conditions(inner, depth + 1)?));
    }
    if let Some(inner) = text.strip_prefix("not.") {
        return Ok(Filter::Not(Box::new(condition(inner, depth + 1)?)));
    }
    let wrong = || DbError::invalid(format!("expected a condition such as column.eq.value, found {text:?}"));
    let (column, rest) = text.split_once('.').ok_or_else(wrong)?;
    let (negated, rest) = match rest.strip_prefix("not.") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let (operator, value) = rest.split_once('.').ok_or_else(wrong)?;
    let operator = Operator::parse(operator)?;
    let filter = Filter::Compare {
        column: identifier(column)?.to_owned(),
        operator,
        value: operand(operator, value).ok_or_else(wrong)?,
    };
    Ok(if negated { Filter::Not(Box::new(filter)) } else { filter })
}

/// The value of a condition: a text, which the type of the column turns into what it is.
fn operand(operator: Operator, text: &str) -> Option<Value> {
    match operator {
        Operator::In => {
            let inner = text.strip_prefix('(')?.strip_suffix(')')?;
            if inner.trim().is_empty() {
                return Some(Value::Array(Vec::new()));
            }
            let parts = split(inner).ok()?;
            Some(Value::Array(parts.into_iter().map(|part| unquoted(part.trim())).collect()))
        }
        Operator::Is => match text {
            "null" => Some(Value::Null),
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        Operator::Contains => serde_json::from_str(text).ok(),
        _ => Some(unquoted(text)),
    }
}

fn unquoted(text: &str) -> Value {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return if text == "null" { Value::Null } else { Value::String(text.to_owned()) };
    };
    let mut value = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        value.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    Value::String(value)
}

/// Splits at commas outside quotes, brackets and braces.
fn split(text: &str) -> Result<Vec<&str>, DbError> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if depth != 0 || quoted {
        return Err(DbError::invalid(format!("brackets or quotes do not match in {text:?}")));
    }
    Ok(parts)
}
