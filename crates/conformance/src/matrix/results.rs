//! What came out of the cases, by part and backend; a file for each, between the tests and the page.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Report;
use crate::backends::{Backend, Part};

/// Names the folder that results are kept in. Without it they are not kept.
pub const FOLDER: &str = "PENSTOCK_CONFORMANCE";

/// Which cases held.
#[derive(Clone, Debug, Default)]
pub struct Results(BTreeMap<(String, String), BTreeMap<String, bool>>);

impl Results {
    /// With these cases of a backend, by name.
    pub fn add(&mut self, part: Part, backend: &str, cases: impl IntoIterator<Item = (String, bool)>) {
        self.0.entry((part.as_str().to_owned(), backend.to_owned())).or_default().extend(cases);
    }

    /// Whether it held; `None` if it was not run.
    pub fn held(&self, backend: &Backend, case: &str) -> Option<bool> {
        self.0.get(&(backend.part.as_str().to_owned(), backend.name.to_owned()))?.get(case).copied()
    }

    /// What runs have left in a folder.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut results = Self::default();
        for entry in std::fs::read_dir(folder)? {
            let kept: Value = serde_json::from_slice(&std::fs::read(entry?.path())?)?;
            let text = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
            let cases = kept["cases"].as_object().into_iter().flatten();
            let cases = cases.map(|(name, held)| (name.clone(), held == true));
            results.0.entry((text("part"), text("backend"))).or_default().extend(cases);
        }
        Ok(results)
    }
}

/// Writes the results of a backend into the folder, if there is to be one.
pub(crate) fn keep(part: Part, report: &Report) -> io::Result<()> {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return Ok(()) };
    let held = |result: &crate::Result| Some((result.name, result.outcome.as_ref()?.is_ok()));
    let cases: BTreeMap<_, _> = report.results.iter().filter_map(held).collect();
    let kept = json!({ "part": part.as_str(), "backend": report.backend, "cases": cases });
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{} {}.json", part.as_str(), report.backend)), kept.to_string())
}
