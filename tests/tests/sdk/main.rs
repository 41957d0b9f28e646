//! `sdk/typescript`, the package for authors of modules: its types and tests under the tools that authors have, its
//! storage for tests under the cases that every backend passes, its shapes against those that the gateway writes.
//!
//! The tools come from `scripts/test-tools.sh`; without them these tests fail, and say so.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod conformance;
mod node;
mod package;
mod shapes;
mod storage;
mod tools;
