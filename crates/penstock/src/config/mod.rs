//! The boot configuration: flags over environment over `penstock.toml`, immutable while running.
//!
//! Every plain setting is one row of a table (`settings`), so that what can be set, how it is called in
//! each place, its default and where its value came from are one thing. Providers, routes and aliases
//! are lists and stand in the file only, or come from the environment names of the provider table.

mod file;
pub(crate) mod keyring;
mod network;
mod providers;
mod settings;
#[cfg(test)]
mod tests;

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use penstock_control::Dsn;
use penstock_control::KeyDigest;
use penstock_control::journal::{Durability, JournalOptions, WhenFull};
use penstock_control::seal::Keyring;
use penstock_core::Secret;
use penstock_gateway::{OnClientGone, ProviderSpec, Routing, RoutingSpec, SpecSource, Timeouts};
use penstock_pipeline::{PipelineSpec, Registry, modules};
use penstock_providers::{Catalogue, ProviderTable};
use penstock_scripting::ScriptOptions;
use penstock_server::{CorsOrigins, Limits, ListenOptions, TrustedProxies};
use penstock_storage::settings::{KvSettings, Reserved, Settings as StorageSettings, Urls};

pub(crate) use self::settings::Resolved;
use crate::arguments::SettingFlags;

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

impl ConfigError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Where environment variables come from; a parameter, so that tests set their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The environment of this process; an empty variable counts as unset.
pub(crate) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Everything that is decided at start.
#[derive(Debug)]
pub(crate) struct Config {
    /// Every plain setting with its origin, for `config show`.
    pub(crate) resolved: Vec<Resolved>,
    /// The file that was read, if any.
    pub(crate) file: Option<PathBuf>,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) data_dir: PathBuf,
    pub(crate) admin_key: Option<KeyDigest>,
    /// The administrator that is made, or let in again, at start.
    pub(crate) admin_user: String,
    /// The password that it gets.
    pub(crate) admin_password: Option<Secret<String>>,
    pub(crate) insecure_cookies: bool,
    /// Whose word on where a request comes from is taken.
    pub(crate) trusted_proxies: TrustedProxies,
    /// The pages that may call from a browser.
    pub(crate) cors: Option<CorsOrigins>,
    pub(crate) byok: bool,
    pub(crate) max_attempts: u32,
    pub(crate) on_client_gone: OnClientGone,
    pub(crate) limits: Limits,
    pub(crate) listening: ListenOptions,
    pub(crate) journal: JournalOptions,
    /// Where the control store is.
    pub(crate) control: Dsn,
    /// What seals the secrets in it.
    pub(crate) keyring: Arc<Keyring>,
    /// The bundle that a new store starts with.
    pub(crate) import_file: Option<PathBuf>,
    pub(crate) storage: StorageSettings,
    /// Where the pipeline is written.
    pub(crate) pipeline: SpecSource,
    /// Whether a header may choose among the configured modules.
    pub(crate) pipe_header: bool,
    /// Where modules in TypeScript are.
    pub(crate) modules_dir: PathBuf,
    /// How they are run.
    pub(crate) scripts: ScriptOptions,
    /// The modules in this program.
    pub(crate) built_in: Registry,
    /// The name of this gateway among several.
    pub(crate) instance: Arc<str>,
    /// How often old rows are looked for.
    pub(crate) retention_interval: Duration,
    pub(crate) log_format: String,
    pub(crate) table: Arc<ProviderTable>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) routing: RoutingSpec,
    /// Where each configured provider's set-up comes from.
    pub(crate) provider_origins: Vec<(String, String)>,
    /// What is odd, but no reason not to start.
    pub(crate) warnings: Vec<String>,
}

impl Config {
    /// Reads the configuration from where the flags say.
    pub(crate) fn load(flags: &SettingFlags, environment: Environment<'_>) -> Result<Self, ConfigError> {
        let file = file::read(flags, environment)?;
        let values = settings::resolve(flags, environment, file.as_ref())?;
        let table = providers::table(&values)?;
        let catalogue = providers::catalogue(&values)?;
        let listen = listen(&values)?;
        let byok = values.get::<bool>("byok")?;
        let loopback = listen.iter().all(|address| address.ip().is_loopback());
        let (timeouts, instance) = (timeouts(&values)?, instance(&values)?);
        let lists = file.as_ref().map(|file| &file.lists);
        let found = providers::find(lists, &table, environment)?;
        providers::refuse_self(&found.specs, &table, &listen)?;
        let (routes, aliases) = providers::routes(lists)?;
        let routing = RoutingSpec {
            providers: found.specs,
            routes,
            aliases,
            own_keys: byok || loopback,
            local_providers: loopback,
            timeouts,
            via: network::upstream_proxy(&values)?,
            instance: instance.to_string(),
            ..RoutingSpec::default()
        };
        // built here as well, so that `config check` finds what `serve` would refuse
        Routing::new(routing.clone(), &table).map_err(|error| ConfigError::new(error.to_string()))?;
        let admin_key = values.secret("admin_key")?;
        let data_dir = PathBuf::from(values.text("data_dir")?);
        let urls =
            Urls { kv: values.url("kv"), database: values.url("storage_dsn"), blob: values.url("blob") };
        let control = control(&values, &data_dir)?;
        let reserved = match &control {
            Dsn::Sqlite(path) | Dsn::Folder(path) => Reserved::File(path.clone()),
            Dsn::Postgres(dsn) | Dsn::Mysql(dsn) => Reserved::Server(dsn.clone()),
            Dsn::Libsql { url, token } => Reserved::Libsql { url: url.clone(), token: token.clone() },
        };
        let storage = StorageSettings::choose(&urls, environment, &data_dir, &reserved)
            .map_err(|error| ConfigError::new(error.to_string()))?;
        let warnings = warnings(&control, &storage);
        Ok(Self {
            listen,
            control,
            keyring: Arc::new(keyring::keyring(&values)?),
            import_file: values.url("import_file").map(|path| PathBuf::from(path.expose())),
            storage,
            pipeline: pipeline(&values)?,
            pipe_header: values.get("pipe_header")?,
            modules_dir: PathBuf::from(values.text("modules_dir")?),
            scripts: scripts(&values)?,
            built_in: modules::built_in(),
            data_dir,
            admin_key: admin_key.map(|key| KeyDigest::of(key.expose().trim())),
            admin_user: values.text("admin_user")?.trim().to_owned(),
            admin_password: password(&values)?,
            insecure_cookies: values.get("insecure_cookies")?,
            trusted_proxies: network::trusted_proxies(&values)?,
            cors: network::cors_origins(&values)?,
            byok,
            max_attempts: values.at_least("max_attempts", 1)?,
            on_client_gone: values.choice(
                "on_client_gone",
                &[("cancel", OnClientGone::Cancel), ("drain", OnClientGone::Drain)],
            )?,
            limits: Limits {
                max_body: values.bytes("max_body")?,
                body_grace: values.duration("client.body_grace")?,
                body_rate: values.bytes("client.body_rate")?,
                max_in_flight: values.at_least("max_in_flight", 1)?,
            },
            listening: ListenOptions {
                head_timeout: values.duration("client.head_timeout")?,
                write_stall: values.duration("client.write_stall")?,
                drain: values.duration("drain")?,
            },
            journal: journal(&values)?,
            instance,
            retention_interval: values.duration("retention.interval")?,
            log_format: values.choice(
                "log_format",
                &[("auto", "auto".to_owned()), ("text", "text".to_owned()), ("json", "json".to_owned())],
            )?,
            table: Arc::new(table),
            catalogue: Arc::new(catalogue),
            routing,
            provider_origins: found.origins,
            warnings,
            file: file.map(|file| file.path),
            resolved: values.into_rows(),
        })
    }

    /// Says why a provider cannot be used, if its address is that of this gateway.
    pub(crate) fn refuse_self(&self, provider: &ProviderSpec) -> Result<(), ConfigError> {
        providers::refuse_self(std::slice::from_ref(provider), &self.table, &self.listen)
    }

    /// Whether only programs on this machine can connect.
    pub(crate) fn is_loopback(&self) -> bool {
        self.listen.iter().all(|address| address.ip().is_loopback())
    }

    /// The journal's folder.
    pub(crate) fn journal_dir(&self) -> PathBuf {
        self.data_dir.join("journal")
    }
}

/// Why files and a shared key-value store are no cluster.
const FILES_AND_SHARED_KEYS: &str = "persistence: the control store is in files of this machine, and kv is a service that \
     others may share: that is no safe set-up of several gateways, since each would have users, keys, quotas and usage \
     of its own, while their modules count together; for several gateways name a database in dsn";

/// What keeps the control store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Persistence {
    /// A database.
    Db,
    /// Files in the data folder.
    File,
}

/// Where the control store is: a database file in the data folder unless told otherwise.
fn control(values: &settings::Values, data_dir: &Path) -> Result<Dsn, ConfigError> {
    let persistence =
        values.choice("persistence", &[("db", Persistence::Db), ("file", Persistence::File)])?;
    let dsn = match (persistence, values.url("dsn")) {
        (Persistence::Db, Some(dsn)) => {
            Dsn::parse(&dsn).map_err(|error| ConfigError::new(format!("dsn: {error}")))?
        }
        (Persistence::Db, None) => Dsn::Sqlite(data_dir.join("penstock.db")),
        (Persistence::File, None) => Dsn::Folder(data_dir.join("control")),
        (Persistence::File, Some(_)) => {
            return Err(
                values.bad("persistence", "db where there is a dsn, since file keeps all of it in data_dir")
            );
        }
    };
    match values.url("dsn_token") {
        Some(token) => {
            dsn.with_token(&token).map_err(|error| ConfigError::new(format!("dsn_token: {error}")))
        }
        None => Ok(dsn),
    }
}

/// Its name, or one that no other gateway has.
fn instance(values: &settings::Values) -> Result<Arc<str>, ConfigError> {
    if values.find("instance_id").is_some() {
        return Ok(values.text("instance_id")?.trim().into());
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "unknown host" } else { host.trim() };
    Ok(format!("{host}/{}", std::process::id()).into())
}

/// The password for the administrator; one that is guessed in no time is refused.
fn password(values: &settings::Values) -> Result<Option<Secret<String>>, ConfigError> {
    let password = values.url("admin_password");
    // only counted
    match password.as_ref().map(|password| password.expose().chars().count()) {
        Some(length) if !(8..=1024).contains(&length) => {
            Err(values.bad("admin_password", "8 to 1024 characters"))
        }
        _ => Ok(password),
    }
}

/// What modules in TypeScript may take and whom they may ask.
fn scripts(values: &settings::Values) -> Result<ScriptOptions, ConfigError> {
    let mut options = ScriptOptions::new(values.text("modules_dir")?);
    let memory = values.bytes("modules.memory")?;
    options.memory = usize::try_from(memory)
        .ok()
        .filter(|bytes| *bytes >= LEAST_MEMORY)
        .ok_or_else(|| values.bad("modules.memory", "at least 1MiB, which an empty module takes"))?;
    options.stretch = values.duration("modules.stretch")?;
    let hosts = values.find("modules.fetch_hosts").unwrap_or_default().split(',');
    options.fetch.hosts = hosts.map(str::trim).filter(|host| !host.is_empty()).map(str::to_owned).collect();
    Ok(options)
}

/// Less than this holds no module.
const LEAST_MEMORY: usize = 1 << 20;

/// What an operator should know of settings that hold.
fn warnings(control: &Dsn, storage: &StorageSettings) -> Vec<String> {
    let mut warnings = settings::unknown_variables();
    if matches!(control, Dsn::Folder(_))
        && matches!(storage.kv, KvSettings::Redis(_) | KvSettings::Upstash { .. })
    {
        warnings.push(FILES_AND_SHARED_KEYS.to_owned());
    }
    if control.tells_its_token() {
        warnings.push(format!(
            "dsn: the token goes to {control} unencrypted: name it libsql:// or https://, or keep the way there to \
             yourself"
        ));
    }
    if control.local().is_none() && storage.database.is_local() {
        warnings.push(
            "storage_dsn: modules keep their tables in a file of this machine, while the control store is shared: \
             other nodes do not see them"
                .to_owned(),
        );
    }
    warnings
}

/// Where the pipeline is written: in the setting itself, else in a file. That it is one is seen here, so that
/// `config check` says what `serve` would; which modules there are is not.
fn pipeline(values: &settings::Values) -> Result<SpecSource, ConfigError> {
    let refused = |error: &dyn std::fmt::Display| ConfigError::new(error.to_string());
    if values.find("pipe").is_some() {
        let (name, text) = (values.origin("pipe"), values.text("pipe")?.to_owned());
        PipelineSpec::parse(&name, &text).map_err(|error| refused(&error))?;
        return Ok(SpecSource::Text { name, text });
    }
    if values.find("pipe_file").is_none() {
        return Ok(SpecSource::None);
    }
    let path = PathBuf::from(values.text("pipe_file")?);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        ConfigError::new(format!("pipe_file: {} cannot be read: {error}", path.display()))
    })?;
    PipelineSpec::parse(&path.display().to_string(), &text).map_err(|error| refused(&error))?;
    Ok(SpecSource::File(path))
}

fn timeouts(values: &settings::Values) -> Result<Timeouts, ConfigError> {
    Ok(Timeouts {
        connect: values.duration("timeouts.connect")?,
        first_byte: values.duration("timeouts.first_byte")?,
        idle: values.duration("timeouts.idle")?,
        total: values.duration("timeouts.total")?,
    })
}

fn journal(values: &settings::Values) -> Result<JournalOptions, ConfigError> {
    let options = JournalOptions {
        max_bytes: values.bytes("journal.max_bytes")?,
        durability: values
            .choice("journal.durability", &[("group", Durability::Group), ("strict", Durability::Strict)])?,
        when_full: values.choice(
            "journal.when_full",
            &[("block_new", WhenFull::BlockNew), ("drop_logs_keep_usage", WhenFull::DropLogsKeepUsage)],
        )?,
        ..JournalOptions::default()
    };
    let least = 4 * options.segment_bytes;
    if options.max_bytes < least {
        return Err(values.bad("journal.max_bytes", &format!("at least {least} bytes")));
    }
    Ok(options)
}

fn listen(values: &settings::Values) -> Result<Vec<SocketAddr>, ConfigError> {
    let (host, port) = (values.text("host")?, values.get::<u16>("port")?);
    let addresses = (host, port).to_socket_addrs().map(Vec::from_iter).unwrap_or_default();
    if addresses.is_empty() {
        return Err(values.bad("host", "an address such as 127.0.0.1, or the name of this machine"));
    }
    Ok(addresses)
}

/// Reads a secret from a file, as the `_FILE` twins of secrets name one.
fn secret_file(name: &str, path: &str) -> Result<Secret<String>, ConfigError> {
    let text = std::fs::read_to_string(Path::new(path))
        .map_err(|error| ConfigError::new(format!("{name}: {path:?} cannot be read: {error}")))?;
    Ok(Secret::from(text.trim().to_owned()))
}

fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

fn parse_bytes(text: &str) -> Option<u64> {
    bytesize::ByteSize::from_str(text).ok().map(|size| size.as_u64())
}
