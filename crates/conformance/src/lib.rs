//! What every storage backend and every control store has to do, as cases that a backend's own tests run.
//!
//! A backend supplies a harness: a namespace of its own for each case, and a way to open it anew. The kit
//! is tested itself: [`broken`] holds stores with a fault each, and every one of them must fail a case.

// a case that is not in its table is dead code
#![deny(dead_code)]

pub mod adapter;
pub mod backends;
pub mod blob;
pub mod broken;
mod case;
pub mod control;
pub mod db;
pub mod fault;
pub mod kv;
pub mod matrix;
mod run;
pub mod servers;
pub mod vector;

pub use case::{Capability, Case, Failure, Outcome, equal, holds};
pub use run::{Report, Result, run};
