//! What is particular to the folder of files; all else is in the kit.

mod full_disk;
mod killed;
mod model;
mod opening;
mod released;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::ledger::{Lease, Vocab};

/// Tables are written all the time.
const HASTY: Pace = Pace { log: 600, pause: Duration::from_mins(10), ease: 0 };
/// Tables are written when the store is closed.
const LAZY: Pace = Pace { log: u64::MAX, pause: Duration::from_hours(1), ease: 0 };

/// Rows in two tables that belong together.
fn pair(number: usize) -> Vec<Write> {
    let lease = Lease {
        name: format!("{number:06}"),
        owner: "node ä\n\u{1e}".to_owned(),
        until: penstock_core::Timestamp(7),
    };
    let vocab = Vocab { name: format!("{number:06}"), bytes: vec![0, 255, 10, 30] };
    vec![Write::Put(Lease::table(), vec![lease.row()]), Write::Put(Vocab::table(), vec![vocab.row()])]
}

/// The numbers of the pairs that are there; none may be there by half.
async fn pairs(backend: &FileBackend) -> Vec<usize> {
    let rows = backend.read(&[Select::all(Lease::table()), Select::all(Vocab::table())]).await.unwrap();
    let numbers = |rows: &[Row]| -> Vec<usize> {
        let number = |row: &Row| match &row[0] {
            crate::table::Cell::Text(name) => name.parse().unwrap(),
            other => panic!("expected a name, found {other:?}"),
        };
        rows.iter().map(number).collect()
    };
    let (leases, vocabs) = (numbers(&rows[0]), numbers(&rows[1]));
    assert_eq!(leases, vocabs, "a write is there by half");
    leases
}

async fn write(backend: &FileBackend, number: usize) -> Result<Written, ControlError> {
    backend.write(None, pair(number)).await
}

/// The logs in a folder, in order.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut logs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    logs.sort();
    logs
}
