//! The `penstock` binary: command line and composition root, the only place that names concrete
//! backends.

mod arguments;
mod commands;
mod config;
mod logging;
mod output;
mod storage;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::config::ConfigError;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match commands::run(arguments) {
        Ok(status) => status,
        Err(error) => {
            output::error(&error);
            // as for a wrong flag: what was asked for cannot be done as it stands
            if error.downcast_ref::<ConfigError>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
