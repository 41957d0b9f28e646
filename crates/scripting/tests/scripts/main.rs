//! Modules that are scripts, run as the pipeline runs them: loaded from files, their hooks called.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on stops where it is")]

mod exports;
mod fetch;
mod globals;
mod hooks;
mod imports;
mod request;
mod rig;
mod runaway;
mod storage;
