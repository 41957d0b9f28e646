//! What a script has changed, applied to the request.
//!
//! Numbers of scripts are floats: 2^64 comes back as 18446744073709552000, and 1.0 as 1. What a script did not change is
//! to stay as its client wrote it. So what comes back is laid over what was there, and a number that is the same float
//! keeps its text.

use penstock_core::Json;
use penstock_core::canonical::CanonicalMessage;
use penstock_pipeline::{HookError, Metadata, Request};
use serde::Deserialize;
use serde_json::Value;

/// What became of one field.
#[derive(Deserialize)]
struct Edit {
    value: Option<Json>,
    parts: Option<Vec<Json>>,
}

/// An element of a list that has changed.
#[derive(Deserialize)]
struct Part {
    /// Which element it was made of.
    from: Option<usize>,
    value: Json,
}

/// Applies the changed fields in `edits`. After an error nothing is applied.
pub(crate) fn apply(request: &mut Request, edits: &str) -> Result<(), HookError> {
    let edits = Json::parse(edits).and_then(|edits| edits.members()).ok_or_else(unreadable)?;
    let mut edited = request.clone();
    for (name, edit) in edits {
        let edit: Edit = edit.read().ok_or_else(unreadable)?;
        match name.as_str() {
            "model" => set_model(&mut edited, edit.value.as_ref())?,
            "stream" => {
                return Err(fixed(
                    "stream",
                    "whether the answer is streamed is between the client and the gateway",
                ));
            }
            _ => set_field(&mut edited, &name, edit)?,
        }
    }
    *request = edited;
    Ok(())
}

fn unreadable() -> HookError {
    HookError::new("what it changed of the request cannot be read")
}

fn fixed(name: &str, why: &str) -> HookError {
    HookError::new(format!("request.{name}: it cannot be changed: {why}"))
}

fn set_model(request: &mut Request, value: Option<&Json>) -> Result<(), HookError> {
    let model = value.and_then(Json::as_str).filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| {
        let found = value
            .map_or("nothing", |value| if value.text() == "\"\"" { "an empty one" } else { value.kind() });
        HookError::new(format!("request.model: expected the name of a model, found {found}"))
    })?;
    if model != request.model() {
        request.set_model(model.as_ref());
    }
    Ok(())
}

fn set_field(request: &mut Request, name: &str, edit: Edit) -> Result<(), HookError> {
    let before = request.canonical()?.field(name);
    let after = match edit {
        Edit { parts: Some(parts), .. } => Some(listed(&request.canonical()?.messages, &parts)?),
        Edit { value: Some(value), .. } => {
            Some(before.as_ref().map_or(value.clone(), |before| laid_over(before, &value)))
        }
        Edit { .. } => None,
    };
    if before.as_ref().map(Json::text) == after.as_ref().map(Json::text) {
        return Ok(());
    }
    let refused = |error| HookError::new(format!("request.{error}"));
    request.edit()?.set_field(name, after.as_ref()).map_err(refused)
}

/// The messages of which some are as they were.
fn listed(before: &[CanonicalMessage], parts: &[Json]) -> Result<Json, HookError> {
    let element = |part: &Json| {
        if let Some(at) = part.read::<usize>() {
            return before.get(at).map(Json::of);
        }
        let Part { from, value } = part.read()?;
        Some(match from.and_then(|at| before.get(at)) {
            Some(origin) => laid_over(&Json::of(origin), &value),
            None => value,
        })
    };
    let elements = parts.iter().map(element).collect::<Option<Vec<_>>>();
    Ok(Json::of(&elements.ok_or_else(unreadable)?))
}

/// `after`, in which what is as it was has the text that it had.
pub(crate) fn laid_over(before: &Json, after: &Json) -> Json {
    if before.text() == after.text() {
        return after.clone();
    }
    if let (Some(old), Some(members)) = (before.members(), after.members()) {
        let of = |name: &str| old.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
        let member = |(name, value): (String, Json)| {
            let laid = of(&name).map_or(value.clone(), |before| laid_over(before, &value));
            (name, laid)
        };
        return Json::object(&members.into_iter().map(member).collect::<Vec<_>>());
    }
    if let (Some(old), Some(elements)) = (before.elements(), after.elements()) {
        return Json::of(&aligned(&old, &elements));
    }
    if is_same(before, after) { before.clone() } else { after.clone() }
}

/// Each element laid over the one it was: the next that says the same, else the one in its place.
fn aligned(old: &[Json], elements: &[Json]) -> Vec<Json> {
    let floats: Vec<_> = old.iter().map(as_floats).collect();
    let mut next = 0;
    let lay = |(at, element): (usize, &Json)| {
        let value = as_floats(element);
        let same = floats.iter().skip(next).position(|known| *known == value);
        if let Some(further) = same {
            next += further + 1;
            return old[next - 1].clone();
        }
        old.get(at).map_or_else(|| element.clone(), |before| laid_over(before, element))
    };
    elements.iter().enumerate().map(lay).collect()
}

/// A value as scripts see it: with floats for numbers.
fn as_floats(json: &Json) -> Option<Value> {
    fn floats(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
            Value::Array(elements) => elements.into_iter().map(floats).collect(),
            Value::Object(members) => {
                members.into_iter().map(|(name, value)| (name, floats(value))).collect()
            }
            other => other,
        }
    }
    json.read::<Value>().map(floats)
}

fn is_same(before: &Json, after: &Json) -> bool {
    if let (Some(before), Some(after)) = (before.as_str(), after.as_str()) {
        return before == after;
    }
    matches!((before.read::<f64>(), after.read::<f64>()), (Some(before), Some(after)) if before.to_bits() == after.to_bits() || (before == 0.0 && after == 0.0))
}

/// Applies the changed entries in `notes`: `["key", value]`, or `["key"]` for one that is gone.
pub(crate) fn note(metadata: &mut Metadata, notes: &str) -> Result<(), HookError> {
    let unreadable = || HookError::new("what it changed of the metadata cannot be read");
    let notes: Vec<Vec<Value>> = serde_json::from_str(notes).map_err(|_| unreadable())?;
    for note in notes {
        match note.as_slice() {
            [Value::String(key), value] => metadata.set(key.as_str(), value.clone()),
            [Value::String(key)] => drop(metadata.remove(key)),
            _ => return Err(unreadable()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
