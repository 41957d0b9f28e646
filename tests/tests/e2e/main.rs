//! The real binary, over real sockets, against a scripted upstream.

// opening a control store is many futures deep
#![recursion_limit = "256"]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod access;
mod admin;
mod bad_input;
mod between;
mod bundle;
mod clients;
mod command_line;
mod control;
mod drill;
mod faults;
mod files;
mod logs;
mod metering;
mod modules;
mod nodes;
mod outage;
mod passthrough;
mod proxies;
mod refusals;
mod rotation;
mod routing;
mod rust_module;
mod shutdown;
mod slow_clients;
mod storage;
mod surface;
mod traces;
mod translation;
