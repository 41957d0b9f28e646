//! One file for each command.

mod administrator;
mod bundle;
mod config;
mod control;
mod doctor;
mod health;
mod key;
mod keys;
mod modules;
mod routing;
mod serve;
mod storage;
mod usage;
mod user;
mod when;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use serde_json::json;

use self::control::{open_existing, open_store};
use crate::arguments::{
    Arguments, Command, ConfigCommand, KeyCommand, KeysCommand, ModulesCommand, StorageCommand, UsageCommand,
    UserCommand,
};
use crate::config::{Config, process_environment};
use crate::extensions::Extensions;
use crate::output;

/// The version of this binary.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Does what was asked for.
pub(crate) fn run(arguments: Arguments, extensions: Extensions) -> anyhow::Result<ExitCode> {
    let json = arguments.json;
    let command = match arguments.command.unwrap_or(Command::Serve) {
        Command::Version if json => {
            output::json(&json!({"version": VERSION}))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Version => {
            output::line(format!("penstock {VERSION}"));
            return Ok(ExitCode::SUCCESS);
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "penstock", &mut script);
            output::line(String::from_utf8_lossy(&script).trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        command => command,
    };
    let config = Config::load(&arguments.settings, &process_environment);
    if matches!(command, Command::Doctor) {
        block_on(doctor::run(config, json))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut config = config?;
    config.built_in = extensions.registry()?;
    match command {
        // the one command whose answer may be a status
        Command::Apply { file, plan, prune } => {
            block_on(bundle::apply(&config, bundle::Asked { file, plan, prune }, json))
        }
        command => run_plain(command, config, json).map(|()| ExitCode::SUCCESS),
    }
}

fn run_plain(command: Command, config: Config, json: bool) -> anyhow::Result<()> {
    match command {
        Command::Serve => block_on(serve::run(config)),
        Command::Config(ConfigCommand::Check) => block_on(config::check(&config, json)),
        Command::Config(ConfigCommand::Show) => config::show(&config, json),
        Command::Modules(command) => run_modules(command, &config, json),
        Command::Storage(StorageCommand::Check) => block_on(storage::check(&config, json)),
        Command::User(UserCommand::Add { name, allow, admin }) => {
            block_on(user::add(&config, name, allow, admin, json))
        }
        Command::User(UserCommand::List) => block_on(user::list(&config, json)),
        Command::Key(KeyCommand::Create { user, label, expires }) => {
            block_on(key::create(&config, &user, label, expires.as_deref(), json))
        }
        Command::Key(KeyCommand::Revoke { key }) => block_on(key::revoke(&config, &key, json)),
        Command::Key(KeyCommand::List) => block_on(key::list(&config, json)),
        Command::Keys(KeysCommand::Rotate { to_file }) => block_on(keys::rotate(&config, &to_file, json)),
        Command::Keys(KeysCommand::Seal) => block_on(keys::seal(&config, json)),
        Command::Export { out, no_secrets } => block_on(bundle::export(&config, &out, no_secrets, json)),
        Command::Import { file } => {
            let asked = bundle::Asked { file, plan: false, prune: false };
            block_on(bundle::apply(&config, asked, json)).map(drop)
        }
        Command::Usage(UsageCommand::Report { by, since, until, user, provider, model }) => {
            block_on(usage::report(&config, usage::Asked { by, since, until, user, provider, model }, json))
        }
        Command::Apply { .. } | Command::Doctor | Command::Version | Command::Completions { .. } => Ok(()),
    }
}

fn run_modules(command: ModulesCommand, config: &Config, json: bool) -> anyhow::Result<()> {
    match command {
        ModulesCommand::List => block_on(modules::list(config, json)),
        ModulesCommand::New { name } => modules::new(config, &name, json),
        ModulesCommand::Test { file, requests } => {
            block_on(modules::test(config, &file, requests.as_deref(), json))
        }
    }
}

/// The stack of a thread. Scripts run on it, and may recurse.
const STACK: usize = 4 << 20;

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().thread_stack_size(STACK).enable_all().build();
    runtime.context("the asynchronous runtime could not be started")?.block_on(work)
}

/// The data folder is for its owner alone: it will hold what others must not read.
fn create_data_dir(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    created.with_context(|| format!("data_dir {} cannot be made", path.display()))
}
