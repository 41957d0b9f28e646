//! Writes `docs/reference/conformance.md` from what the last run has left, and prints it. `make conformance`
//! does both.

use std::io::{self, Write as _};
use std::path::PathBuf;

use penstock_conformance::matrix::{Results, page, results};

fn main() -> io::Result<()> {
    let missing = || io::Error::other(format!("expected the folder with results in {}", results::FOLDER));
    let folder = std::env::var_os(results::FOLDER).map(PathBuf::from).ok_or_else(missing)?;
    let page = page(&Results::read(&folder)?);
    std::fs::write("docs/reference/conformance.md", &page)?;
    io::stdout().write_all(page.as_bytes())
}
