//! Which key an entry is: by its text, by its digest, or by its label.

use penstock_core::Secret;

use super::change::MadeKey;
use super::{Planner, Spot};
use crate::bundle::check::joined;
use crate::bundle::entry::Entry;
use crate::bundle::shape::Shape;
use crate::table::{Cell, Row};
use crate::{KEY_PREFIX, KeyDigest, Kind, generate_key};

/// Characters of a key that lists show: those of [`generate_key`], and of others few enough to be of no use.
const SHOWN: usize = KEY_PREFIX.len() + 6;

impl Planner<'_> {
    /// The key as it is, or as a new one would be; `None` after a problem.
    pub(super) fn key(
        &mut self,
        shape: &'static Shape,
        entry: &Entry,
        parent: Option<(Kind, i64)>,
        spot: &mut Spot,
    ) -> Option<(i64, Row)> {
        let table = shape.kind.table();
        let (text, digests) = self.known(shape, entry, spot)?;
        let there = digests.iter().find_map(|digest| self.records.find(shape.kind, &[natural(digest)]));
        let there = match (there, digests.as_slice()) {
            (None, []) => self.labelled(entry, parent),
            (there, _) => there,
        };
        if let Some(id) = there {
            let mut row = self.records.row(shape.kind, id)?;
            if let Some((_, user)) = parent {
                row[table.column("user_id")] = Cell::Integer(user);
            }
            return Some((id, row));
        }
        let mut row = self.fresh(shape, parent);
        let (digest, prefix) = match (digests.first(), text) {
            (Some(digest), text) => (*digest, shown(digest, text.as_ref())),
            (None, _) => self.make(entry, spot)?,
        };
        let named = (shape.kind, vec![natural(&digest)]);
        if let Some(id) = self.made.get(&named) {
            return Some((*id, row));
        }
        let id = self.new_id(shape, &mut row);
        self.made.insert(named, id);
        row[table.column("digest")] = natural(&digest);
        row[table.column("prefix")] = prefix.as_str().into();
        self.fill(shape, entry, &mut row, spot);
        // a list names it by its first characters, if its owner does not
        if entry.text("label").is_none() && entry.text("prefix").is_none() {
            spot.name = spot.name.replace("(a key)", &prefix);
        }
        Some((id, row))
    }

    /// The key's text, if it is given, and the digests under which it may be known.
    fn known(
        &mut self,
        shape: &'static Shape,
        entry: &Entry,
        spot: &Spot,
    ) -> Option<(Option<Secret<String>>, Vec<KeyDigest>)> {
        let given = [("key", entry.hidden("key")), ("sealed", entry.hidden("sealed"))];
        let mut given = given.into_iter().filter_map(|(name, secret)| Some((name, secret?)));
        let (first, second) = (given.next(), given.next());
        if second.is_some() {
            self.report(entry.line, &spot.place, "expected either key or sealed, found both");
            return None;
        }
        let text = match first {
            None => None,
            Some((name, secret)) => Some((name, self.resolve(secret, shape.field(name)?, entry, spot)?)),
        };
        let digest = entry.text("digest").and_then(|digest| digest.parse::<KeyDigest>().ok());
        let digests = match (&text, digest) {
            (None, digest) => digest.into_iter().collect(),
            (Some((_, text)), None) => KeyDigest::candidates(text.expose().trim()).to_vec(),
            (Some((name, text)), Some(digest)) => {
                if !KeyDigest::candidates(text.expose().trim()).contains(&digest) {
                    let says = "expected the key of the digest beside it, found another one";
                    self.report(entry.line, &joined(&spot.place, name), says);
                    return None;
                }
                vec![digest]
            }
        };
        Some((text.map(|(_, text)| text), digests))
    }

    /// The user's key of that label, which was made when the bundle was applied before.
    fn labelled(&self, entry: &Entry, parent: Option<(Kind, i64)>) -> Option<i64> {
        let at = Kind::UserKey.table().column("label");
        let label = Cell::from(entry.text("label")?);
        let keys = self.index.children(Kind::UserKey, parent).iter().copied();
        let mut keys = keys.filter(|id| !self.seen.contains(&(Kind::UserKey, *id)));
        keys.find(|id| self.records.row(Kind::UserKey, *id).is_some_and(|row| row[at] == label))
    }

    fn make(&mut self, entry: &Entry, spot: &Spot) -> Option<(KeyDigest, String)> {
        let (key, prefix) = match generate_key() {
            Ok(made) => made,
            Err(error) => {
                self.report(entry.line, &spot.place, format!("no random numbers for a key: {error}"));
                return None;
            }
        };
        let digest = KeyDigest::of(key.expose());
        let user = spot.name.split(" / ").next().unwrap_or_default().to_owned();
        let label = entry.text("label").map(str::to_owned);
        self.plan.keys.push(MadeKey { user, label, prefix: prefix.clone(), key });
        Some((digest, prefix))
    }
}

fn natural(digest: &KeyDigest) -> Cell {
    Cell::Text(digest.to_string())
}

/// The first characters of a key of ours; of others a quarter at the most, or some of the digest.
fn shown(digest: &KeyDigest, text: Option<&Secret<String>>) -> String {
    match text.map(|text| text.expose().trim()) {
        Some(text) if text.starts_with(KEY_PREFIX) && text.len() > 2 * SHOWN => {
            text.chars().take(SHOWN).collect()
        }
        Some(text) if text.chars().count() >= 16 => {
            text.chars().take(SHOWN.min(text.chars().count() / 4)).collect()
        }
        _ => digest.short().chars().take(SHOWN).collect(),
    }
}
