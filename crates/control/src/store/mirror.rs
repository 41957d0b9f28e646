//! The store's own copy of the records, brought up to date by what changed and not by reading all of them.

use std::collections::{BTreeMap, VecDeque};

use super::contract::{Changes, Loaded};
use crate::backend::{Backend, Filter, Select};
use crate::ledger::{Changed, Meta};
use crate::table::{Cell, Entity, Row};
use crate::{ControlError, Kind, Records};

/// The counter that moves with every change of records.
pub(crate) const VERSION: &str = "version";
/// How many changes are remembered for followers; one who is further behind reads everything.
const REMEMBERED: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    pub(super) loaded: Option<Loaded>,
    /// What changed with which version, oldest first.
    recent: VecDeque<(u64, Kind, i64)>,
    /// The version since which `recent` is complete.
    since: u64,
}

impl Mirror {
    /// Brings it up to date, and returns what it holds.
    pub(super) async fn catch_up(&mut self, backend: &dyn Backend) -> Result<&Loaded, ControlError> {
        match &self.loaded {
            Some(loaded) => {
                let changes = read_changes(backend, loaded.version).await?;
                match changes {
                    Some((version, touched, rows)) => self.take(version, &touched, rows)?,
                    None => self.reload(backend).await?,
                }
            }
            None => self.reload(backend).await?,
        }
        Ok(self.loaded.as_ref().expect("it was just loaded"))
    }

    async fn reload(&mut self, backend: &dyn Backend) -> Result<(), ControlError> {
        let mut selections = vec![version_of(VERSION)];
        selections.extend(Kind::ALL.iter().map(|kind| Select::all(kind.table())));
        let mut answers = backend.read(&selections).await?.into_iter();
        let version = counter(&answers.next().unwrap_or_default())?;
        let mut records = Records::default();
        for (kind, rows) in Kind::ALL.iter().zip(answers) {
            rows.into_iter().try_for_each(|row| records.put(*kind, row))?;
        }
        *self = Self { loaded: Some(Loaded { records, version }), recent: VecDeque::new(), since: version };
        Ok(())
    }

    fn take(
        &mut self,
        version: u64,
        touched: &[Touched],
        rows: BTreeMap<Kind, Vec<Row>>,
    ) -> Result<(), ControlError> {
        let Some(loaded) = &self.loaded else { return Ok(()) };
        let mut records = loaded.records.clone();
        for (_, kind, id) in touched {
            records.remove(*kind, *id);
        }
        for (kind, rows) in rows {
            rows.into_iter().try_for_each(|row| records.put(kind, row))?;
        }
        self.advance(Loaded { records, version }, touched.iter().copied());
        Ok(())
    }

    /// Takes over what a commit of this node has made.
    pub(super) fn advance(&mut self, loaded: Loaded, touched: impl IntoIterator<Item = Touched>) {
        self.recent.extend(touched);
        while self.recent.len() > REMEMBERED
            && let Some((version, ..)) = self.recent.pop_front()
        {
            self.since = version;
        }
        self.loaded = Some(loaded);
    }

    /// What changed since a version; `None` if that was too long ago to tell.
    pub(super) fn changes(&self, since: u64) -> Option<Changes> {
        let loaded = self.loaded.clone()?;
        if since < self.since || since > loaded.version {
            return None;
        }
        let newer = self.recent.iter().filter(|(version, ..)| *version > since);
        let mut touched: Vec<_> = newer.map(|(_, kind, id)| (*kind, *id)).collect();
        touched.sort_unstable();
        touched.dedup();
        Some(Changes { loaded, touched: Some(touched) })
    }
}

/// A version, and a record that changed with it.
pub(super) type Touched = (u64, Kind, i64);

/// The row of a counter.
pub(super) fn version_of(counter: &'static str) -> Select {
    Select::all(Meta::table()).only(Filter::equals("name", counter))
}

/// The value of a counter; 0 if it never moved.
pub(super) fn counter(rows: &[Row]) -> Result<u64, ControlError> {
    let Some(row) = rows.first() else { return Ok(0) };
    let meta = Meta::read(row.clone())?;
    meta.value
        .parse()
        .map_err(|_| ControlError::Corrupt { what: format!("a counter {:?}", meta.name), value: meta.value })
}

/// The newest version, which records changed since, and their rows where they are still there. `None` if
/// changes since then are not kept any more.
async fn read_changes(
    backend: &dyn Backend,
    since: u64,
) -> Result<Option<(u64, Vec<Touched>, BTreeMap<Kind, Vec<Row>>)>, ControlError> {
    // the common answer, that there is nothing new, takes one small read
    let newest = counter(&one(backend, version_of(VERSION)).await?)?;
    if newest == since {
        return Ok(Some((since, Vec::new(), BTreeMap::new())));
    }
    let from = i64::try_from(since).unwrap_or(i64::MAX);
    let mut selections = vec![version_of(VERSION), version_of(super::commit::FORGOTTEN)];
    selections.push(Select::all(Changed::table()).only(Filter::Above("version", Cell::Integer(from))));
    selections.extend(
        Kind::ALL.iter().map(|kind| Select::all(kind.table()).only(Filter::ChangedSince("id", from))),
    );
    let mut answers = backend.read(&selections).await?.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let (version, forgotten) = (counter(&next())?, counter(&next())?);
    if forgotten > since || version < since {
        return Ok(None);
    }
    let touched = next().into_iter().map(touched).collect::<Result<Vec<_>, _>>()?;
    let rows = Kind::ALL.iter().copied().zip(answers).filter(|(_, rows)| !rows.is_empty());
    Ok(Some((version, touched, rows.collect())))
}

fn touched(row: Row) -> Result<Touched, ControlError> {
    let changed = Changed::read(row)?;
    let corrupt =
        || ControlError::Corrupt { what: "a kind of record".to_owned(), value: changed.kind.clone() };
    let kind = Kind::of_table(&changed.kind).ok_or_else(corrupt)?;
    Ok((u64::try_from(changed.version).unwrap_or_default(), kind, changed.record_id))
}

/// The rows of one selection.
pub(super) async fn one(backend: &dyn Backend, select: Select) -> Result<Vec<Row>, ControlError> {
    Ok(backend.read(&[select]).await?.pop().unwrap_or_default())
}
