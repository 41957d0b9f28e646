//! What the fuzz targets share: [`checks`], which `crates/dialects/tests/regressions.rs` runs as well, and
//! the way to [`mutate`] bodies and streams so that they stay readable.
//!
//! `make fuzz MINUTES=1` runs every target for that long. A crash that was fixed stays as a fixture in
//! `crates/dialects/fuzz-regressions/<target>/`.

pub mod checks;
pub mod mutate;
