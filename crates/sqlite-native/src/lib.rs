//! What SQLite offers to C alone: an authoriser, functions written here, and sqlite-vec.
//!
//! This is the only crate of the workspace with unsafe code. It holds mechanisms and decides nothing: what a
//! statement may do and what a function computes come in as safe code, by type, so that SQLite is handed
//! plain functions and no pointer to anything of ours that could outlive it.
//!
//! Everything here works on a connection whose handle is locked: meanwhile no other thread uses it.

mod authorise;
mod function;
mod vectors;

pub use authorise::{Action, Authorise, restrict};
pub use function::{Scalar, Value, add_function};
pub use vectors::add_vectors;

use std::ffi::c_int;

/// SQLite did not take what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SQLite refused {what}, with code {code}")]
pub struct NativeError {
    what: &'static str,
    code: c_int,
}

fn accepted(what: &'static str, code: c_int) -> Result<(), NativeError> {
    if code == libsqlite3_sys::SQLITE_OK { Ok(()) } else { Err(NativeError { what, code }) }
}
