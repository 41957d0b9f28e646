//! Tries one small feature after the other, and says what became of it.

use penstock_core::canonical::Origin;
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Client, Codec, Target, codec};
use penstock_dialects::errors::{ErrorFacts, encode};
use penstock_dialects::loss::Loss;

use crate::Probes;
use crate::table::Table;

/// A text that shows a value is not longer.
const SHOWN: usize = 90;
/// So many values are shown.
const VALUES: usize = 3;
/// How a value is shown that is not there.
const ABSENT: &str = "absent";

/// One feature.
pub(crate) struct Probe {
    feature: &'static str,
    /// What it is compared with: members that the plain request or answer has otherwise.
    plain: String,
    /// The members with the feature.
    members: String,
    /// Whom it goes to.
    target: Target<'static>,
    /// What may be said of it if it leaves no trace.
    trace: Option<&'static str>,
}

impl Probe {
    pub(crate) fn new(feature: &'static str, members: impl Into<String>) -> Self {
        let (plain, members) = ("{}".to_owned(), members.into());
        Self { feature, plain, members, target: usual(), trace: None }
    }

    /// Compared with this.
    pub(crate) fn beside(mut self, plain: impl Into<String>) -> Self {
        self.plain = plain.into();
        self
    }

    /// To a provider with that fact about it.
    pub(crate) fn to(mut self, change: impl FnOnce(&mut Target<'static>)) -> Self {
        change(&mut self.target);
        self
    }

    /// It need not be written: it is what happens anyway.
    pub(crate) fn not_needed(mut self) -> Self {
        self.trace = Some("not needed");
        self
    }
}

/// A provider about which nothing is odd; its model can put out 32,000 tokens.
fn usual() -> Target<'static> {
    Target { provider: "sample", max_output: Some(32_000), ..Target::default() }
}

fn client() -> Client {
    Client { created: 1_790_000_000, stream_usage: true }
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|| panic!("no JSON: {text}"))
}

fn both(from: Dialect, to: Dialect) -> (&'static dyn Codec, &'static dyn Codec) {
    let require = |dialect| codec(dialect).unwrap_or_else(|| panic!("{dialect} has no codec"));
    (require(from), require(to))
}

/// `plain` with the members of a probe laid over its own; one that is `null` is taken out.
fn with(plain: &str, members: &str) -> String {
    let mut all = json(plain).members().unwrap();
    for (name, value) in json(members).members().unwrap() {
        all.retain(|(known, _)| *known != name);
        if !value.is_null() {
            all.push((name, value));
        }
    }
    Json::object(&all).to_string()
}

/// What became of a body, and how it is written.
type Written = Result<(Json, Vec<Loss>), String>;

fn table(probes: &[Probe], write: impl Fn(&str, &Target<'_>) -> Written) -> Table {
    let mut table = Table::new(&["feature", "outcome", "note", "written as"]);
    for probe in probes {
        let plain = write(&probe.plain, &probe.target).unwrap().0;
        let feature = probe.feature.to_owned();
        table.row(match write(&probe.members, &probe.target) {
            Ok((body, losses)) => {
                let mut found = Vec::new();
                differences(Some(&plain), Some(&body), String::new(), &mut found);
                [feature, outcome(probe, &losses, &found), notes(&losses), list(found)]
            }
            Err(refusal) => [feature, "refused".to_owned(), refusal, String::new()],
        });
    }
    table
}

/// What `to` gets of each request.
pub(crate) fn requests(probes: &Probes, to: Dialect) -> Table {
    let (from, into) = both(probes.dialect, to);
    table(&probes.requests, |members, target| {
        let request = from.decode_request(with(probes.request, members).as_bytes());
        let request = request.map_err(|error| error.to_string())?;
        let encoded = into.encode_request(&request, target).map_err(|error| error.to_string())?;
        Ok((json(std::str::from_utf8(&encoded.body).unwrap()), encoded.losses))
    })
}

/// What a client of `to` gets of each answer.
pub(crate) fn answers(probes: &Probes, to: Dialect) -> Table {
    let (from, into) = both(probes.dialect, to);
    table(&probes.answers, |members, target| {
        let origin = Origin { dialect: probes.dialect, provider: Some(target.provider.into()) };
        let response = from.decode_response(with(probes.answer, members).as_bytes(), &origin);
        let encoded = into.encode_response(&response.map_err(|error| error.to_string())?, &client());
        Ok((json(std::str::from_utf8(&encoded.body).unwrap()), encoded.losses))
    })
}

/// What a client of `to` gets of each error.
pub(crate) fn errors(probes: &Probes, to: Dialect) -> Table {
    let (from, _) = both(probes.dialect, to);
    let mut table = Table::new(&["the provider's", "status", "the client's"]);
    for (error, status, body) in &probes.errors {
        let report = from.decode_error(body.as_bytes()).unwrap_or_else(|| panic!("{error} is no error"));
        let facts = ErrorFacts {
            module: None,
            status: *status,
            code: report.code.as_deref().unwrap_or("upstream_error"),
            message: &report.message,
            param: report.param.as_deref(),
            request_id: "req_…",
        };
        let written = String::from_utf8(encode(to, &facts).to_vec()).unwrap();
        table.row([format!("{error}: `{body}`"), status.to_string(), format!("`{written}`")]);
    }
    table
}

/// What became of it. What leaves no trace and is not named may only be what happens anyway.
fn outcome(probe: &Probe, losses: &[Loss], written: &[(String, String)]) -> String {
    let mut kinds: Vec<_> = losses.iter().map(|loss| loss.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let without_trace = kinds.is_empty() && written.iter().all(|(_, value)| value == ABSENT);
    assert_eq!(without_trace, probe.trace.is_some(), "{}: is it lost without a word?", probe.feature);
    match probe.trace {
        Some(trace) => trace.to_owned(),
        None if kinds.is_empty() => "carried".to_owned(),
        None => kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn notes(losses: &[Loss]) -> String {
    let note = |loss: &Loss| match &*loss.note {
        "" => format!("`{}`", loss.path),
        note => format!("`{}`: {note}", loss.path),
    };
    losses.iter().map(note).collect::<Vec<_>>().join("; ")
}

fn list(found: Vec<(String, String)>) -> String {
    let more = if found.len() > VALUES { ", …" } else { "" };
    let shown: Vec<_> =
        found.into_iter().take(VALUES).map(|(path, value)| format!("`{path}`: {value}")).collect();
    shown.join(", ") + more
}

/// What a body has otherwise than a plain one, with its path.
fn differences(plain: Option<&Json>, body: Option<&Json>, path: String, found: &mut Vec<(String, String)>) {
    let (plain, body) = match (plain, body) {
        (Some(plain), Some(body)) => (plain, body),
        (None, Some(body)) => return found.push((path, shown(body))),
        (_, None) => return found.push((path, ABSENT.to_owned())),
    };
    if plain == body {
        return;
    }
    if let (Some(old), Some(new)) = (plain.members(), body.members())
        && plain.get("type") == body.get("type")
    {
        let gone = old.iter().filter(|(name, _)| body.get(name).is_none());
        for (name, _) in new.iter().chain(gone) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            differences(plain.get(name).as_ref(), body.get(name).as_ref(), path, found);
        }
        return;
    }
    match (plain.elements(), body.elements()) {
        (Some(old), Some(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(&new).enumerate() {
                differences(Some(old), Some(new), format!("{path}[{index}]"), found);
            }
        }
        (Some(old), Some(new)) if !old.is_empty() && !new.is_empty() => {
            for (index, value) in new.iter().enumerate().filter(|(_, value)| !old.contains(value)) {
                found.push((format!("{path}[{index}]"), shown(value)));
            }
        }
        _ => found.push((path, shown(body))),
    }
}

/// A value as far as it fits.
fn shown(value: &Json) -> String {
    let text = value.text();
    if text.chars().count() <= SHOWN {
        return format!("`{text}`");
    }
    let begin: String = text.chars().take(SHOWN).collect();
    format!("`{begin}…`")
}
