//! From the tree to a bundle: every field known, every value of its form, every entry once. All that is
//! wrong is told together.

use std::collections::HashSet;

use serde_json::Value;

use super::entry::{API_KEY, Entry, Given};
use super::problem::nearest;
use super::shape::{Absent, Form, SECTIONS, Shape};
use super::text::{Content, Node, Pair};
use super::{Bundle, BundleError, BundleProblem, VERSION, form};

/// Reads a whole bundle.
pub(super) fn bundle(root: &Node) -> Result<Bundle, BundleError> {
    let pairs = match &root.content {
        Content::Map(pairs) => pairs.as_slice(),
        Content::Null => &[],
        _ => {
            let found = root.noun();
            let says =
                format!("expected a bundle, an object that starts with penstock: {VERSION}, found {found}");
            return Err(BundleProblem::at(root.line, says).into());
        }
    };
    check_version(pairs)?;
    let mut check = Check { problems: Vec::new() };
    let mut bundle = Bundle::default();
    check.twice("", pairs);
    for pair in pairs.iter().filter(|pair| pair.key != "penstock") {
        match SECTIONS.into_iter().find(|shape| shape.list == pair.key) {
            Some(shape) => {
                let entries = check.section(shape, &pair.node);
                bundle.sections.insert(shape.list, entries);
            }
            None => check.unknown("", pair, "section", SECTIONS.iter().map(|shape| shape.list)),
        }
    }
    if check.problems.is_empty() { Ok(bundle) } else { Err(BundleError(check.problems)) }
}

/// Before anything else: of another version, nothing is known.
fn check_version(pairs: &[Pair]) -> Result<(), BundleProblem> {
    let expected = format!("expected {VERSION}, the version of the format that this Penstock reads");
    let Some(pair) = pairs.iter().find(|pair| pair.key == "penstock") else {
        // GPROXY's have that instead
        if let Some(theirs) = pairs.iter().find(|pair| pair.key == "schema_version") {
            let says = "expected a bundle of Penstock, found one of GPROXY, which this version does not read";
            return Err(BundleProblem::new(theirs.line, "schema_version", says));
        }
        return Err(BundleProblem::new(
            None,
            "penstock",
            format!("{expected}, found nothing: is this a bundle?"),
        ));
    };
    match &pair.node.content {
        Content::Number(text) if *text == VERSION.to_string() => Ok(()),
        Content::Number(text) => Err(BundleProblem::new(
            pair.line,
            "penstock",
            format!("{expected}, found {text}: a newer version may read it"),
        )),
        _ => {
            Err(BundleProblem::new(pair.line, "penstock", format!("{expected}, found {}", pair.node.noun())))
        }
    }
}

struct Check {
    problems: Vec<BundleProblem>,
}

impl Check {
    fn report(&mut self, line: Option<usize>, place: &str, says: impl Into<String>) {
        self.problems.push(BundleProblem::new(line, place, says));
    }

    /// A key that is there twice would hide what the first says.
    fn twice(&mut self, place: &str, pairs: &[Pair]) {
        let mut seen = HashSet::new();
        for pair in pairs {
            if !seen.insert(pair.key.as_str()) {
                self.report(pair.line, &joined(place, &pair.key), "expected it once, found it twice");
            }
        }
    }

    fn unknown(&mut self, place: &str, pair: &Pair, what: &str, known: impl Iterator<Item = &'static str>) {
        let known: Vec<_> = known.collect();
        let hint = match nearest(&pair.key, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", known.join(", ")),
        };
        // a name of a field is no secret, but a bundle that is cut badly may have one in its place
        let key: String = pair.key.chars().take(60).collect();
        self.report(pair.line, place, format!("unknown {what} `{key}`: {hint}"));
    }

    fn section(&mut self, shape: &'static Shape, node: &Node) -> Vec<Entry> {
        // the settings of the one instance that holds for all need no list
        if shape.list == "settings" && matches!(node.content, Content::Map(_)) {
            return self.entries(shape, std::slice::from_ref(node), "");
        }
        self.list(shape, node, "")
    }

    fn list(&mut self, shape: &'static Shape, node: &Node, place: &str) -> Vec<Entry> {
        if let Content::List(items) = &node.content {
            return self.entries(shape, items, place);
        }
        let says = format!("expected a list, found {}", node.noun());
        self.report(node.line, &joined(place, shape.list), says);
        Vec::new()
    }

    fn entries(&mut self, shape: &'static Shape, items: &[Node], place: &str) -> Vec<Entry> {
        let mut seen = Vec::<Vec<Given>>::new();
        let mut plain = HashSet::new();
        let mut entries = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let Some(entry) = self.entry(shape, item, number, place) else { continue };
            let identity = entry.identity(shape);
            // most identities are texts, which a set finds at once
            let text = identity.iter().map(|given| match given {
                Given::Plain(value) => Some(value.to_string()),
                Given::Null => Some(String::new()),
                Given::Hidden(_) => None,
            });
            let is_new = match text.collect::<Option<Vec<_>>>() {
                Some(texts) => plain.insert(texts),
                None if seen.contains(&identity) => false,
                None => {
                    seen.push(identity);
                    true
                }
            };
            if !is_new {
                let place = joined(place, &titled(shape, &entry));
                self.report(entry.line, &place, "expected it once, found it twice");
            }
            entries.push(entry);
        }
        entries
    }

    fn entry(&mut self, shape: &'static Shape, item: &Node, number: usize, place: &str) -> Option<Entry> {
        let unnamed = match (shape.list, number) {
            ("settings", 0) => shape.list.to_owned(),
            _ => joined(place, &format!("{} {}", shape.list, number + 1)),
        };
        let mut entry = Entry { line: item.line, ..Entry::default() };
        let pairs = match (&item.content, shape.short.and_then(|short| shape.field(short))) {
            (Content::Map(pairs), _) => pairs,
            (Content::Text(_), Some(field)) => {
                match form::read(field, item) {
                    Ok(given) => drop(entry.fields.insert(field.name, given)),
                    Err(form::Refusal(says)) => {
                        self.report(item.line, &unnamed, says);
                        return None;
                    }
                }
                place_it(shape, &mut entry, number);
                return Some(entry);
            }
            (_, short) => {
                let expected = if short.is_some() { "a text or an object" } else { "an object" };
                self.report(item.line, &unnamed, format!("expected {expected}, found {}", item.noun()));
                return None;
            }
        };
        // the name first, so that what is wrong with the rest is told under it
        let place = Self::name(shape, pairs, &unnamed, place);
        let before = self.problems.len();
        self.twice(&place, pairs);
        for pair in pairs {
            self.pair(shape, pair, &mut entry, &place);
        }
        self.api_key(shape, pairs, &mut entry, &place);
        place_it(shape, &mut entry, number);
        self.required(shape, &mut entry, &place);
        (self.problems.len() == before || !entry.name(shape).is_empty()).then_some(entry)
    }

    fn name(shape: &'static Shape, pairs: &[Pair], unnamed: &str, place: &str) -> String {
        let mut named = Entry::default();
        for pair in pairs.iter().filter(|pair| shape.named_by.contains(&pair.key.as_str())) {
            if let Some(field) = shape.field(&pair.key)
                && let Ok(given) = form::read(field, &pair.node)
            {
                named.fields.insert(field.name, given);
            }
        }
        let name = named.name(shape);
        if named.fields.is_empty() || name.is_empty() {
            unnamed.to_owned()
        } else {
            joined(place, &titled(shape, &named))
        }
    }

    fn pair(&mut self, shape: &'static Shape, pair: &Pair, entry: &mut Entry, place: &str) {
        if let Some(list) = shape.sublist(&pair.key) {
            let entries = self.list(list, &pair.node, place);
            entry.lists.insert(list.list, entries);
            return;
        }
        // the usual kind of credential has a word of its own for its secret
        let is_api_key = shape.list == "credentials" && pair.key == API_KEY;
        let name = if is_api_key { "secret" } else { pair.key.as_str() };
        let Some(field) = shape.field(name) else {
            let own = (shape.list == "credentials").then_some(API_KEY);
            return self.unknown(place, pair, "field", shape.names().chain(own));
        };
        let at = joined(place, &pair.key);
        match form::read(field, &pair.node) {
            Err(form::Refusal(says)) => self.report(pair.line, &at, says),
            Ok(_) if entry.fields.contains_key(field.name) && field.name == "secret" => {
                self.report(pair.line, &at, "expected either api_key or secret, found both");
            }
            Ok(given) => {
                self.misplaced(shape, field.name, &given, pair.line, &at);
                entry.fields.insert(field.name, given);
            }
        }
    }

    /// `api_key` says of what kind the secret is.
    fn api_key(&mut self, shape: &Shape, pairs: &[Pair], entry: &mut Entry, place: &str) {
        let Some(pair) = pairs.iter().find(|pair| pair.key == API_KEY) else { return };
        if shape.list != "credentials" {
            return;
        }
        match entry.text("kind") {
            None | Some(API_KEY) => drop(entry.fields.insert("kind", Given::Plain(API_KEY.into()))),
            Some(kind) => {
                let says = format!("expected `secret` beside the kind {kind:?}, found `{API_KEY}`");
                self.report(pair.line, place, says);
            }
        }
    }

    /// A key of `settings` that has a field of its own stands in one place only.
    fn misplaced(&mut self, shape: &Shape, name: &str, given: &Given, line: Option<usize>, at: &str) {
        let Given::Plain(Value::Object(object)) = given else { return };
        let own = shape.fields.iter().filter(|field| field.inside && field.column == name);
        for field in own.filter(|field| object.contains_key(field.name)) {
            self.report(line, at, format!("expected `{0}` beside {name}, found it in there", field.name));
        }
    }

    /// What tells an entry from others has to be given; of the rest, what is there already is kept.
    fn required(&mut self, shape: &'static Shape, entry: &mut Entry, place: &str) {
        for name in shape.named_by {
            let Some(field) = shape.field(name) else { continue };
            if matches!(field.absent, Absent::Required)
                && !entry.fields.contains_key(name)
                && !self.problems.iter().any(|problem| problem.place == joined(place, name))
            {
                self.report(entry.line, place, format!("expected `{name}`, found nothing"));
            }
        }
        let tells_key = |name: &&'static str| !matches!(entry.fields.get(name), None | Some(Given::Null));
        if shape.list == "keys" && !shape.named_by.iter().any(tells_key) {
            let says =
                "expected key, digest or sealed, or a label, by which a key that is made now is found again";
            self.report(entry.line, place, says);
        }
    }
}

/// The place in the list, where that means something, and what tells it from others, where it is not said.
fn place_it(shape: &Shape, entry: &mut Entry, number: usize) {
    for field in shape.named_by.iter().filter_map(|name| shape.field(name)) {
        if let Absent::Text(text) = field.absent {
            entry.fields.entry(field.name).or_insert_with(|| Given::Plain(text.into()));
        }
    }
    for field in shape.fields.iter().filter(|field| matches!(field.absent, Absent::Place)) {
        entry.fields.entry(field.name).or_insert_with(|| Given::Plain(Value::from(number)));
    }
    // what is not given of a key says nothing of which it is
    for field in shape.fields.iter().filter(|field| matches!(field.form, Form::Key | Form::Digest)) {
        if entry.fields.get(field.name) == Some(&Given::Null) {
            entry.fields.remove(field.name);
        }
    }
}

/// The list and the name, such as `providers "openai"`.
pub(super) fn titled(shape: &Shape, entry: &Entry) -> String {
    format!("{} {:?}", shape.list, entry.name(shape))
}

/// A place within a place.
pub(super) fn joined(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}, {name}") }
}
