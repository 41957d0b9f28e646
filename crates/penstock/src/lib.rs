//! The gateway as a program: command line and composition root, the only place that names concrete backends.
//!
//! The `penstock` binary is [`run`] without extensions. A program of one's own is the same with modules of its own in it,
//! which pipelines then name as they name those that come along; `examples/rust-module` is one:
//!
//! ```text
//! fn main() -> std::process::ExitCode {
//!     penstock::run(penstock::Extensions::new().module(Postscripts))
//! }
//! ```
//!
//! [`pipeline`] has what a module is; [`storage`] what it keeps its state in; [`core`] the form of requests and answers.

mod arguments;
mod backends;
mod commands;
mod config;
mod extensions;
mod logging;
mod output;
mod traces;

use std::process::ExitCode;

use clap::Parser;

pub use penstock_core as core;
pub use penstock_pipeline as pipeline;
pub use penstock_storage as storage;

pub use crate::extensions::Extensions;

use crate::arguments::Arguments;
use crate::config::ConfigError;

/// Does what the command line asks for, with these extensions. Blocks until that is done: for `serve`, until a signal.
pub fn run(extensions: Extensions) -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments, extensions) {
        Ok(status) => status,
        Err(error) => {
            output::error(&error);
            // as for a wrong flag: what was asked for cannot be done as it stands
            if error.downcast_ref::<ConfigError>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
