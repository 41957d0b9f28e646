//! Pipelines in YAML.

use std::time::Duration;

use saphyr::{LoadableYamlNode as _, MarkedYaml, Scalar, YamlData};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};

use super::{At, Lists, MOST, NONE, Problem, SpecEntry, module_name};

type Node<'a> = MarkedYaml<'a>;

/// Reads a list, bare or under `pipeline`, and the one under `available`.
pub(super) fn read(text: &str) -> Result<Lists, Problem> {
    shallow(text)?;
    let documents = Node::load_from_str(text).map_err(|error| {
        let at = At { entry: 0, line: error.marker().line() };
        (at, format!("expected YAML: {}", error.info()))
    })?;
    let root = match documents.as_slice() {
        [] => {
            return Err((
                At::default(),
                format!("expected a list of modules, found nothing (the empty pipeline is `{NONE}`)"),
            ));
        }
        [root] => root,
        [_, second, ..] => return Err((line(second), "expected one document, found several".to_owned())),
    };
    let YamlData::Mapping(members) = &root.data else {
        return Ok((entries(root)?, Vec::new()));
    };
    let (mut pipeline, mut available) = (None, Vec::new());
    for (key, value) in members {
        match text_of(key) {
            Some("pipeline") => pipeline = Some(entries(value)?),
            Some("available") => available = entries(value)?,
            other => {
                let name = other.unwrap_or("a key that is no text");
                return Err((line(key), format!("expected `pipeline` or `available`, found `{name}`")));
            }
        }
    }
    let pipeline = pipeline.ok_or_else(|| (line(root), "expected `pipeline`, found nothing".to_owned()))?;
    Ok((pipeline, available))
}

fn entries(list: &Node<'_>) -> Result<Vec<SpecEntry>, Problem> {
    match &list.data {
        YamlData::Sequence(items) if items.len() > MOST => {
            Err((line(list), format!("expected at most {MOST} modules, found {}", items.len())))
        }
        YamlData::Sequence(items) => {
            items.iter().enumerate().map(|(index, item)| entry(index + 1, item)).collect()
        }
        _ if text_of(list) == Some(NONE) => Ok(Vec::new()),
        _ => Err((line(list), format!("expected a list of modules, or `{NONE}`, found {}", kind(list)))),
    }
}

/// How deep values may be in each other. The library goes down by recursion.
const DEPTH: usize = 32;

/// Refuses what is nested too deep before it is read.
fn shallow(text: &str) -> Result<(), Problem> {
    let (mut parser, mut depth) = (Parser::new_from_str(text), 0_usize);
    while let Some(next) = parser.next_event() {
        // what is no YAML is said by who reads it
        let Ok((event, span)) = next else { return Ok(()) };
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEPTH {
            let at = At { entry: 0, line: span.start.line() };
            return Err((at, format!("expected values at most {DEPTH} deep in each other, found more")));
        }
    }
    Ok(())
}

fn line(node: &Node<'_>) -> At {
    At { entry: 0, line: node.span.start.line() }
}

fn entry(number: usize, item: &Node<'_>) -> Result<SpecEntry, Problem> {
    let at = At { entry: number, ..line(item) };
    let problem = |text: String| (at, text);
    let named = |text: &str| module_name(text).map(|module| SpecEntry::of(module, at)).map_err(problem);
    if let Some(name) = text_of(item) {
        return named(name);
    }
    let YamlData::Mapping(members) = &item.data else {
        return Err(problem(format!(
            "expected a module's name, or a mapping with `module`, found {}",
            kind(item)
        )));
    };
    let members: Vec<_> =
        members.iter().map(|(key, value)| (text_of(key).unwrap_or_default(), value)).collect();
    if let Some((_, module)) = members.iter().find(|(key, _)| *key == "module") {
        let name = text_of(module)
            .ok_or_else(|| problem(format!("`module`: expected a name, found {}", kind(module))))?;
        let mut entry = named(name)?;
        for (key, value) in members {
            let at = At { entry: number, ..line(value) };
            option(&mut entry, key, value).map_err(|text| (at, text))?;
        }
        return Ok(entry);
    }
    match members.as_slice() {
        [(name, config)] => {
            let mut entry = named(name)?;
            let at = At { entry: number, ..line(config) };
            option(&mut entry, "config", config).map_err(|text| (at, text))?;
            Ok(entry)
        }
        _ => Err(problem(
            "expected `module`, or one name with its configuration, found several keys".to_owned(),
        )),
    }
}

fn option(entry: &mut SpecEntry, key: &str, value: &Node<'_>) -> Result<(), String> {
    let expected = |what: &str| format!("`{key}`: expected {what}, found {}", kind(value));
    let flag = || match &value.data {
        YamlData::Value(Scalar::Boolean(flag)) => Ok(*flag),
        _ => Err(expected("true or false")),
    };
    match key {
        "module" => {}
        "config" => match json(value)? {
            config @ (Value::Null | Value::Object(_)) => entry.config = config,
            _ => return Err(expected("a mapping")),
        },
        "required" => entry.required = flag()?,
        "isolate" => entry.isolate = flag()?,
        "timeout" => {
            let text = text_of(value).ok_or_else(|| expected("a time such as 500ms or 5s"))?;
            let time = humantime::parse_duration(text).ok().filter(|time| *time > Duration::ZERO);
            entry.timeout =
                Some(time.ok_or_else(|| {
                    format!("`timeout`: expected a time such as 500ms or 5s, found {text:?}")
                })?);
        }
        other => {
            return Err(format!(
                "`{other}`: expected `module`, `config`, `required`, `isolate` or `timeout`, found another key"
            ));
        }
    }
    Ok(())
}

fn text_of<'a>(node: &'a Node<'_>) -> Option<&'a str> {
    match &node.data {
        YamlData::Value(Scalar::String(text)) => Some(text),
        _ => None,
    }
}

fn kind(node: &Node<'_>) -> &'static str {
    match &node.data {
        YamlData::Value(Scalar::Null) => "nothing",
        YamlData::Value(Scalar::Boolean(_)) => "true or false",
        YamlData::Value(Scalar::Integer(_) | Scalar::FloatingPoint(_)) => "a number",
        YamlData::Value(Scalar::String(_)) => "a text",
        YamlData::Sequence(_) => "a list",
        YamlData::Mapping(_) => "a mapping",
        _ => "something else",
    }
}

/// A configuration, as modules get it.
fn json(node: &Node<'_>) -> Result<Value, String> {
    Ok(match &node.data {
        YamlData::Value(Scalar::Null) => Value::Null,
        YamlData::Value(Scalar::Boolean(flag)) => Value::Bool(*flag),
        YamlData::Value(Scalar::Integer(number)) => Value::from(*number),
        YamlData::Value(Scalar::FloatingPoint(number)) => {
            let number = Number::from_f64(number.0);
            Value::Number(number.ok_or("expected a finite number, found another")?)
        }
        YamlData::Value(Scalar::String(text)) => Value::from(&**text),
        YamlData::Sequence(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        YamlData::Mapping(members) => {
            let member = |(key, value): (&Node<'_>, &Node<'_>)| {
                let key = text_of(key)
                    .ok_or_else(|| format!("expected a key that is a text, found {}", kind(key)))?;
                Ok::<_, String>((key.to_owned(), json(value)?))
            };
            Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, _>>()?)
        }
        _ => return Err("expected plain values, found a tag or an alias".to_owned()),
    })
}
