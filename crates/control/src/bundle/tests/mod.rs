//! Bundles beside records that are held in memory.

mod applying;
mod pruning;
mod random;
mod reading;

use penstock_core::{Secret, Timestamp};
use serde_json::Value;

use super::plan::{Plan, PlanOptions, plan};
use super::{Bundle, BundleError, Format, References, Secrets};
use crate::seal::Keyring;
use crate::{AuditEntry, Change, ControlError, Kind, Loaded, Org, Record, Records};

/// Records to which plans are applied as a store does it, without one.
pub(super) struct Shelf {
    pub(super) loaded: Loaded,
    next: i64,
}

fn environment(name: &str) -> Option<String> {
    name.strip_suffix("_KEY").map(|name| format!("sk-of-{name}"))
}

pub(super) const OPTIONS: PlanOptions =
    PlanOptions { prune: false, references: References::Local(environment) };
pub(super) const PRUNE: PlanOptions = PlanOptions { prune: true, ..OPTIONS };

impl Shelf {
    pub(super) fn new() -> Self {
        let at = Timestamp(1);
        let org = Org {
            id: penstock_core::OrgId(1),
            name: crate::DEFAULT_ORG.to_owned(),
            description: None,
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let records = Records::of([Record::Org(org)]).unwrap();
        Self { loaded: Loaded { records, version: 1 }, next: 2 }
    }

    pub(super) fn plan(&self, bundle: &Bundle, options: PlanOptions) -> Result<Plan, BundleError> {
        plan(bundle, &self.loaded, &Keyring::plaintext(), options, Timestamp(5))
    }

    /// Plans, and puts what is planned into the records.
    pub(super) fn apply(&mut self, bundle: &Bundle, options: PlanOptions) -> Result<Plan, BundleError> {
        let plan = self.plan(bundle, options)?;
        let again = self.plan(bundle, options)?;
        let changes = again.into_changes(entry()).unwrap().changes;
        let mut ids = std::collections::HashMap::new();
        for change in changes {
            self.change(change, &mut ids).unwrap();
        }
        self.loaded.version += 1;
        Ok(plan)
    }

    fn change(
        &mut self,
        change: Change,
        ids: &mut std::collections::HashMap<i64, i64>,
    ) -> Result<(), ControlError> {
        use crate::table::Cell;
        match change {
            Change::Put(record) => {
                let kind = record.kind();
                let mut row = record.row();
                if record.id() < 0 {
                    ids.insert(record.id(), self.next);
                    self.next += 1;
                }
                for (column, cell) in kind.table().columns.iter().zip(&mut row) {
                    let is_id = column.name == "id" || column.name == "scope_id" || column.refers.is_some();
                    if let (true, Cell::Integer(id)) = (is_id, &*cell)
                        && let Some(real) = ids.get(id)
                    {
                        *cell = Cell::Integer(*real);
                    }
                }
                self.loaded.records.put(kind, row)
            }
            Change::Delete(kind, id) | Change::DeleteCascading(kind, id) => {
                self.loaded.records.remove(kind, id);
                Ok(())
            }
        }
    }

    pub(super) fn export(&self) -> Bundle {
        Bundle::export(&self.loaded.records, Secrets::Open(&Keyring::plaintext())).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.export().to_json()).unwrap()
    }
}

fn entry() -> AuditEntry {
    crate::accounts::Actor::default().did("bundle.apply", String::new(), None, None)
}

pub(super) fn yaml(text: &str) -> Bundle {
    let text = if text.contains("penstock:") { text.to_owned() } else { format!("penstock: 1\n{text}") };
    Bundle::read(&text, Format::Yaml).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// What a plan says, in short lines.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    let sign = |action| match action {
        super::Action::Create => '+',
        super::Action::Change => '~',
        super::Action::Delete => '-',
    };
    let line = |change: &super::PlannedChange| {
        let fields: Vec<_> = change.fields.iter().map(|field| field.field.as_str()).collect();
        let fields = if change.action == super::Action::Change {
            format!(" ({})", fields.join(" "))
        } else {
            String::new()
        };
        format!("{} {} {}{fields}", sign(change.action), change.kind, change.name)
    };
    plan.changes.iter().map(line).collect()
}

/// The text of a secret in the records.
fn opened(shelf: &Shelf, kind: Kind, field: &str) -> Vec<String> {
    let held = shelf.loaded.records.secrets().filter(|held| held.kind == kind && held.field == field);
    held.map(|held| held.open(&Keyring::plaintext()).unwrap().expose().clone()).collect()
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}
