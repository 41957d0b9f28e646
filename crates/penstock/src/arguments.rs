//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// A self-hosted LLM gateway: point an OpenAI-, Anthropic- or Gemini-compatible client at it.
#[derive(Debug, Parser)]
#[command(
    name = "penstock",
    version,
    after_help = "Exit status: 0 done, 1 failed, 2 wrong arguments or configuration.\n\n\
                  Example: OPENAI_API_KEY=sk-… penstock\n         \
                  curl http://127.0.0.1:8787/v1/models"
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
    /// Print JSON instead of text and tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Flags that every command takes, since every command reads the configuration.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct SettingFlags {
    /// Configuration file [env: `PENSTOCK_CONFIG`] [default: penstock.toml, if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on [env: `PENSTOCK_HOST`] [default: 127.0.0.1].
    #[arg(long, global = true)]
    pub(crate) host: Option<String>,
    /// Port to listen on [env: `PENSTOCK_PORT`] [default: 8787].
    #[arg(long, global = true)]
    pub(crate) port: Option<String>,
    /// Folder for the database and the journal [env: `PENSTOCK_DATA_DIR`] [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// What keeps the control store: db or file [env: `PENSTOCK_PERSISTENCE`] [default: db].
    #[arg(long, global = true, value_name = "KIND")]
    pub(crate) persistence: Option<String>,
    /// Modules that run for every request: `cost-guard,exact-cache` [env: `PENSTOCK_PIPE`] [default: none].
    #[arg(long, global = true, value_name = "MODULES")]
    pub(crate) pipe: Option<String>,
    /// File with that list and its configuration in YAML [env: `PENSTOCK_PIPE_FILE`].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) pipe_file: Option<String>,
    /// Folder of modules in TypeScript and JavaScript [env: `PENSTOCK_MODULES_DIR`] [default: ./modules].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) modules_dir: Option<String>,
    /// Largest request body [env: `PENSTOCK_MAX_BODY`] [default: 100MiB].
    #[arg(long, global = true, value_name = "SIZE")]
    pub(crate) max_body: Option<String>,
    /// Requests answered at the same time [env: `PENSTOCK_MAX_IN_FLIGHT`] [default: 10000].
    #[arg(long, global = true, value_name = "N")]
    pub(crate) max_in_flight: Option<String>,
    /// Any other setting, as `penstock config show` names it.
    #[arg(long = "set", global = true, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway (the default).
    #[command(after_help = "Example: OPENAI_API_KEY=sk-… penstock serve --port 9000")]
    Serve,
    /// Look at the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Make and list users.
    #[command(subcommand)]
    User(UserCommand),
    /// Make, list and revoke keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Seal the secrets in the control store, or seal them under a new master key.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Write everything that operators edit as a bundle, secrets included.
    #[command(after_help = "Example: penstock export --out backup.json")]
    Export {
        /// The file, made with mode 0600; `-` is standard output.
        #[arg(long, value_name = "FILE", default_value = "-")]
        out: PathBuf,
        /// Leave references in the place of secrets.
        #[arg(long)]
        no_secrets: bool,
    },
    /// Bring in a bundle; what it does not say stays as it is.
    #[command(after_help = "Example: penstock --data-dir old export | penstock --data-dir new import -")]
    Import {
        /// The bundle in JSON, YAML or TOML; `-` is standard input.
        file: PathBuf,
    },
    /// Make the control store what a bundle says, or tell what that would change.
    #[command(
        after_help = "Exit status with --plan: 0 nothing to change, 2 there is a difference, 1 failed.\n\n\
                            Example: penstock apply team.yaml --plan --prune"
    )]
    Apply {
        /// The bundle in JSON, YAML or TOML; `-` is standard input.
        file: PathBuf,
        /// Only print the difference.
        #[arg(long)]
        plan: bool,
        /// Remove what the lists of the bundle do not name.
        #[arg(long)]
        prune: bool,
    },
    /// Look at what was used.
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Look at where modules keep their state.
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Make, list and try modules.
    #[command(subcommand)]
    Modules(ModulesCommand),
    /// Check the set-up and say in plain words what does not work; changes nothing.
    #[command(after_help = "Example: penstock doctor --json")]
    Doctor,
    /// Print the version.
    Version,
    /// Print completions for a shell.
    #[command(after_help = "Example: penstock completions bash > /etc/bash_completion.d/penstock")]
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Check the configuration and say what is wrong with it.
    #[command(after_help = "Example: penstock config check --config production.toml")]
    Check,
    /// Print every setting, its value (secrets hidden) and where it comes from.
    #[command(after_help = "Example: PENSTOCK_PORT=9000 penstock config show")]
    Show,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModulesCommand {
    /// List the modules that there are: name, version, hooks, source, state.
    #[command(after_help = "Example: penstock modules list --modules-dir modules")]
    List,
    /// Make a module in TypeScript, and a test of it, in the folder of modules.
    #[command(after_help = "Example: penstock modules new word-count")]
    New {
        /// Its name: small letters, digits and `-`.
        name: String,
    },
    /// Run a module against recorded requests, with a storage that is gone afterwards.
    #[command(after_help = "Exit status 1 if a hook fails.\n\n\
                            Example: penstock modules test modules/word-count.ts --requests recorded.jsonl")]
    Test {
        /// The module: `modules/mine.ts`, or `modules/mine.ts#name` where the file has several.
        file: PathBuf,
        /// The requests, a line of JSON each: `{"request": …, "response"?: …}` in the canonical form; without it,
        /// three samples.
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Write, read and remove something in each configured backend, and say what works.
    #[command(after_help = "Example: PENSTOCK_KV=redis://127.0.0.1:6379 penstock storage check")]
    Check,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add a user; it may use every model unless `--allow` says otherwise.
    #[command(after_help = "Example: penstock user add ada --allow 'openai/*' --allow fast")]
    Add {
        /// Unique name.
        name: String,
        /// Glob over route names and provider/model; may be repeated.
        #[arg(long = "allow", value_name = "PATTERN")]
        allow: Vec<String>,
        /// Let the user's keys open the admin API.
        #[arg(long)]
        admin: bool,
    },
    /// List users.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key for a user and print it, once.
    #[command(after_help = "Example: penstock key create --user ada --label laptop --expires 90d")]
    Create {
        /// Name or id of the user.
        #[arg(long)]
        user: String,
        /// What the key is for.
        #[arg(long)]
        label: Option<String>,
        /// When it stops to work, from now: 12h, 90d.
        #[arg(long, value_name = "DURATION")]
        expires: Option<String>,
    },
    /// Make a key stop working, at once on a running gateway.
    #[command(after_help = "Example: penstock key revoke sk-pen-Ab12Cd")]
    Revoke {
        /// The key's id, its first characters, or the key itself.
        key: String,
    },
    /// List keys.
    List,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Seal all secrets under a new master key, in one transaction, while gateways run.
    #[command(after_help = "Example: penstock keys rotate --to-file /etc/penstock/master-2.key")]
    Rotate {
        /// The file of the new key; it is made if it is not there.
        #[arg(long, value_name = "FILE")]
        to_file: PathBuf,
    },
    /// Seal under the master key what is stored open, and remove its traces from the database files.
    #[command(after_help = "Example: PENSTOCK_MASTER_KEY_FILE=master.key penstock keys seal")]
    Seal,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Sum requests, tokens and cost.
    #[command(after_help = "Example: penstock usage report --by user --since 30d")]
    Report {
        /// What to sum by.
        #[arg(long, value_enum, default_value_t = By::Model)]
        by: By,
        /// From when: a duration before now (7d) or a date (2026-11-01, UTC).
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Until when, in the same forms.
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// Only this user.
        #[arg(long)]
        user: Option<String>,
        /// Only this provider.
        #[arg(long)]
        provider: Option<String>,
        /// Only this upstream model.
        #[arg(long)]
        model: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    Model,
    Provider,
    User,
    Key,
    Day,
}
