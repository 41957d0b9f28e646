//! TOML.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BundleProblem, Content, Lines, Node, Pair};

pub(super) fn parse(text: &str) -> Result<Node, BundleProblem> {
    let lines = Lines::of(text);
    // the message alone: the rest of the error quotes the text, and a secret may stand in it
    let broken = |error: toml::de::Error| {
        let line = error.span().map(|span| lines.line(span.start));
        BundleProblem::at(line, format!("not TOML: {}", error.message()))
    };
    let table = DeTable::parse(text).map_err(broken)?;
    Ok(Node { line: Some(1), content: map(table.get_ref(), &lines)? })
}

fn map(table: &DeTable<'_>, lines: &Lines) -> Result<Content, BundleProblem> {
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    let pair = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        let line = Some(lines.line(key.span().start));
        Ok(Pair { key: key.get_ref().clone().into_owned(), line, node: node(value, lines)? })
    };
    Ok(Content::Map(pairs.into_iter().map(pair).collect::<Result<_, _>>()?))
}

fn node(value: &Spanned<DeValue<'_>>, lines: &Lines) -> Result<Node, BundleProblem> {
    let line = lines.line(value.span().start);
    let content = match value.get_ref() {
        DeValue::String(text) => Content::Text(text.clone().into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Content::Number(number.as_str().to_owned()),
        DeValue::Integer(number) => {
            let whole = i64::from_str_radix(number.as_str(), number.radix());
            let whole = whole.map_err(|_| BundleProblem::at(Some(line), "expected a number of 64 bits"))?;
            Content::Number(whole.to_string())
        }
        DeValue::Float(number) => Content::Number(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Content::Flag(*flag),
        DeValue::Datetime(at) => Content::Text(at.to_string()),
        DeValue::Array(items) => {
            Content::List(items.iter().map(|item| node(item, lines)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => map(table, lines)?,
    };
    Ok(Node { line: Some(line), content })
}
