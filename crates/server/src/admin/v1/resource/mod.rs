//! What all resources have in common, once: look-up by id or name, pages and filters, changes of single fields,
//! the audit entry, the refresh of the published records.
//!
//! A resource says in its `mod.rs` how a record is read and written; the files of its operations name their
//! path and hand over to here.

mod change;
mod find;
mod page;
mod reference;
mod written;

use penstock_control::{Change, Kind, QuotaCost, Record, Records, Set};
use penstock_core::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(super) use self::change::{Planned, Removal, commit, create, create_with, delete, update};
pub(super) use self::find::{find, get, id_of, name_of};
pub(super) use self::page::{Filter, Listing, Page, Window, list, page_by, page_limit};
pub(super) use self::reference::Reference;
pub(super) use self::written::Written;
use super::problem::Problem;

/// Finds the record that a path names before a resource; its id.
pub(super) type FindParent = fn(&Records, &str) -> Result<i64, Problem>;

/// A kind of record as the API has it.
pub(super) trait Resource: Send + Sync + Sized + 'static {
    /// As the store has it.
    type Record: Clone + Into<Record> + Send + Sync + 'static;
    /// What is written: all fields of a new one. Changes are some of them, over those it has.
    type Body: Serialize + DeserializeOwned + Send;
    /// What is read.
    type View: Serialize + Send;

    /// Which kind of record.
    const KIND: Kind;
    /// Its word in the audit trail, such as `provider` in `provider.create`.
    const NAME: &'static str;
    /// How the record is found under which these stand.
    const PARENT: Option<FindParent> = None;
    /// What lists can be narrowed down by: fields of the view.
    const FILTERS: &'static [Filter];
    /// The fields that are written and never read.
    const SECRETS: &'static [&'static str] = &[];
    /// The fields that are records of their own, made by [`Resource::along`].
    const ALONG: &'static [&'static str] = &[];

    /// All of them.
    fn all(records: &Records) -> &Set<Self::Record>;

    /// Its id.
    fn id(record: &Self::Record) -> i64;

    /// When it was made.
    fn created_at(record: &Self::Record) -> Timestamp;

    /// The id of the record it stands under, if it stands under one.
    fn parent(_: &Self::Record) -> Option<i64> {
        None
    }

    /// What it is called among those under the same parent; none if only an id tells it apart.
    fn name(record: &Self::Record, records: &Records) -> Option<String>;

    /// What the audit trail calls it, after its kind.
    fn target(record: &Self::Record, records: &Records) -> String {
        Self::name(record, records).unwrap_or_else(|| Self::id(record).to_string())
    }

    /// As it is shown.
    fn view(record: &Self::Record, look: &Look) -> Self::View;

    /// The fields it has, over which changes are laid.
    fn body(record: &Self::Record) -> Self::Body;

    /// The record that these fields make; what cannot be is refused here.
    fn record(body: Self::Body, draft: &Draft<'_, Self>) -> Result<Self::Record, Problem>;

    /// What is changed with it.
    fn along(_: &Self::Body, _: &Draft<'_, Self>) -> Result<Vec<Change>, Problem> {
        Ok(Vec::new())
    }
}

/// What a view is made from.
pub(super) struct Look {
    /// All records.
    pub(super) records: Records,
    /// Their version.
    pub(super) version: u64,
    /// What was spent of quotas, where that is shown.
    pub(super) costs: Vec<QuotaCost>,
    /// Now.
    pub(super) now: Timestamp,
}

/// What a record is made from, beside its fields.
pub(super) struct Draft<'a, R: Resource> {
    /// The id it has, or the temporary one of a new record.
    pub(super) id: i64,
    /// The id of the record it stands under; 0 if under none.
    pub(super) parent: i64,
    /// What it was before.
    pub(super) before: Option<&'a R::Record>,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// The records it may refer to.
    pub(super) look: &'a Look,
    /// What only a running gateway knows.
    pub(super) state: &'a crate::Shared,
}

impl<R: Resource> Draft<'_, R> {
    /// Now, which is when it is changed.
    pub(super) fn now(&self) -> Timestamp {
        self.look.now
    }
}

/// What every resource says of the records it stands for, in its `impl`: their type and kind, and where they are.
macro_rules! stands_for {
    ($kind:ident in $field:ident) => {
        type Record = penstock_control::$kind;

        const KIND: penstock_control::Kind = penstock_control::Kind::$kind;

        fn all(records: &penstock_control::Records) -> &penstock_control::Set<Self::Record> {
            &records.$field
        }

        fn id(record: &Self::Record) -> i64 {
            record.id.into()
        }

        fn created_at(record: &Self::Record) -> penstock_core::Timestamp {
            record.created_at
        }
    };
}
pub(super) use stands_for;
