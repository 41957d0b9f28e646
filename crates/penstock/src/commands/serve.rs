//! `penstock serve`: puts the gateway together, runs it, and takes it apart in order.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use penstock_control::Store;
use penstock_control::journal::{Journal, Recovered};
use penstock_control::{
    ControlError, ControlStore, LiveSnapshot, Settler, Snapshot, follow, settle_in_batches,
};
use penstock_core::SystemClock;
use penstock_gateway::authenticate::Access;
use penstock_gateway::health::Board;
use penstock_gateway::logs::Logs;
use penstock_gateway::logs::recorder::{self, Recorder};
use penstock_gateway::retention::Keeper;
use penstock_gateway::settle::Settling;
use penstock_gateway::{Gateway, GatewayOptions, LiveRouting, Routing};
use penstock_server::{Server, serve};
use penstock_storage::StorageAdapter;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::administrator::let_administrator_in;
use super::bundle::import_at_first_start;
use super::control::{keep_saved, open_or_last_good};
use super::routing::Router;
use super::{VERSION, create_data_dir, health, modules};
use crate::backends::OpenStorage;
use crate::config::Config;
use crate::{logging, output, traces};

/// What is said where there is no master key.
pub(super) const PLAINTEXT: &str = "master_key: there is none, so that secrets are stored open: make one with \
     `openssl rand -base64 32`, name it in PENSTOCK_MASTER_KEY_FILE, and run `penstock keys seal`";
/// How soon a change made elsewhere is seen.
const FOLLOW: Duration = Duration::from_millis(300);
/// How long settlements may take to reach the store at the end; what is left stays in the journal.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);
/// How long what was logged of requests may take to reach the store at the end.
const LOG_DEADLINE: Duration = Duration::from_secs(2);
/// How long answers that are read on for a client who has gone may take at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// How long the last states of credentials may take to reach the store at the end.
const REPORT_DEADLINE: Duration = Duration::from_secs(2);
const UPKEEP: Duration = Duration::from_secs(5);
/// Bounds in seconds: from a cached answer to a long reasoning.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let _logging = logging::start(&config.log_format)?;
    let config = Arc::new(config);
    create_data_dir(&config.data_dir)?;
    let lock = lock(&config)?;
    warn(&config);
    let (store, loaded) = open_or_last_good(&config).await?;
    let store = Arc::new(store);
    let loaded = import_at_first_start(&config, store.as_ref(), loaded).await?;
    let keyless = Snapshot::new(loaded.clone()).is_keyless();
    refuse_open_to_all(&config, keyless)?;
    let snapshot = Snapshot::new(let_administrator_in(&config, store.as_ref(), loaded).await?);
    let metrics = metrics()?;
    let (traces, exporter) = traces::start(&config.instance)?;
    let storage = OpenStorage::open(&config.storage).await?;
    let adapter = storage.adapter();
    tokio::spawn({
        let adapter = adapter.clone();
        // what is down is said once, now, and not when the first module meets it
        async move { adapter.check().await }
    });
    let (journal, recovered) = Journal::open(&config.journal_dir(), config.journal)
        .with_context(|| format!("the journal in {} cannot be opened", config.journal_dir().display()))?;
    let journal = Arc::new(journal);
    let recovering = settle_recovered(store.clone(), journal.clone(), recovered).await?;
    let live = Arc::new(LiveSnapshot::new(snapshot));
    let (logs, recorder, keeper) = keep_logs(&config, store.clone(), &journal, &adapter, &live);
    let (settler_handle, settler) = Settler::new(store.clone(), journal.clone());
    let settler = settler.start().context("the thread that settles cannot be started")?;
    let (router, routing) = route(&config, &live, store.as_ref()).await;
    let pipelines = modules::load(&config, &adapter).await?;
    let gateway = Gateway::new(
        penstock_gateway::Parts {
            live: live.clone(),
            routing: routing.clone(),
            table: config.table.clone(),
            settling: Settling {
                journal: journal.clone(),
                settler: settler_handle,
                catalogue: config.catalogue.clone(),
                stopping: AtomicBool::new(false),
            },
            storage: adapter,
            pipelines: pipelines.clone(),
            logs,
            traces,
            options: options(&config),
        },
        Arc::new(SystemClock),
    );
    let server = Server::new(penstock_server::Parts {
        gateway: gateway.clone(),
        store: store.clone(),
        live: live.clone(),
        journal: journal.clone(),
        admin_key: config.admin_key,
        insecure_cookies: config.insecure_cookies,
        trusted_proxies: config.trusted_proxies.clone(),
        cors: config.cors.clone(),
        table: config.table.clone(),
        limits: config.limits,
        metrics,
        version: VERSION,
    });
    let listener = bind(&config.listen).await?;
    let changed = Arc::new(Notify::new());
    let saver = tokio::spawn(keep_saved(config.clone(), live.clone(), changed.clone()));
    observe(&live, router.clone(), routing.clone(), changed);
    let follower = tokio::spawn(follow(live, store.clone(), FOLLOW, || {}));
    let sharer = tokio::spawn(health::share(router.board.clone(), store.clone()));
    greet(&config, &routing.current(), listener.local_addr()?, keyless);

    let reloader = tokio::spawn(modules::reload_on_change(pipelines, signal(SignalKind::hangup())?));
    let (stop, watcher) = stop_signals(gateway.clone())?;
    serve(server, listener, config.listening, stop).await;
    watcher.abort();
    reloader.abort();

    drop(tokio::time::timeout(DRAIN_DEADLINE, gateway.drained()).await);
    gateway.end_streams();
    follower.abort();
    saver.abort();
    sharer.abort();
    recovering.abort();
    keeper.abort();
    drop(tokio::time::timeout(REPORT_DEADLINE, health::report(&router.board, store.as_ref())).await);
    // the last handles of settler and recorder go with the gateway
    drop(gateway);
    if !settler.finish(SETTLE_DEADLINE).await {
        tracing::warn!(left = journal.pending(), "settlements stay in the journal until the next start");
    }
    if !recorder.finish(LOG_DEADLINE).await {
        tracing::warn!("what was logged of the last requests is given up");
    }
    if let Some(exporter) = exporter {
        exporter.finish().await;
    }
    storage.close().await?;
    journal.close()?;
    store.close().await?;
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}

/// Says what an operator should know of the configuration.
fn warn(config: &Config) {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if config.keyring.current().is_none() {
        tracing::warn!("{PLAINTEXT}");
    }
}

fn options(config: &Config) -> GatewayOptions {
    let access =
        Access { loopback: config.is_loopback(), own_keys: config.byok, admin_key: config.admin_key };
    GatewayOptions { access, max_attempts: config.max_attempts, on_client_gone: config.on_client_gone }
}

/// Starts what writes the logs of requests, and what removes old ones.
fn keep_logs(
    config: &Config,
    store: Arc<dyn ControlStore>,
    journal: &Arc<Journal>,
    storage: &StorageAdapter,
    live: &Arc<LiveSnapshot>,
) -> (Logs, Recorder, AbortHandle) {
    let (logs, recorder) = Recorder::start(recorder::Parts {
        store: Arc::clone(&store),
        journal: Arc::clone(journal),
        storage: storage.clone(),
        live: Arc::clone(live),
        instance: Arc::clone(&config.instance),
    });
    let keeper = Keeper {
        store,
        storage: storage.clone(),
        live: Arc::clone(live),
        instance: Arc::clone(&config.instance),
        clock: Arc::new(SystemClock),
    };
    let keeper = tokio::spawn(keeper.run(config.retention_interval));
    (logs, recorder, keeper.abort_handle())
}

/// The routing of the first snapshot, with what is known of credentials from before.
async fn route(
    config: &Arc<Config>,
    live: &LiveSnapshot,
    store: &dyn ControlStore,
) -> (Arc<Router>, Arc<LiveRouting>) {
    let board = Arc::new(Board::new(&config.instance));
    let router = Arc::new(Router::new(config.clone(), board.clone()));
    let routing = Arc::new(router.start(live));
    health::start_from(&board, store).await;
    (router, routing)
}

/// Whatever changes is routed by, and kept for the next start.
fn observe(live: &Arc<LiveSnapshot>, router: Arc<Router>, routing: Arc<LiveRouting>, changed: Arc<Notify>) {
    // weak: it is the snapshot that holds this
    let observed = Arc::downgrade(live);
    let renew = move || {
        if let Some(live) = observed.upgrade() {
            router.renew(&live, &routing);
        }
        changed.notify_one();
    };
    // for what changed before anyone observed it
    renew();
    live.observe(renew);
}

/// Held by a gateway as long as it runs on its data folder.
const LOCK: &str = ".penstock.lock";

/// Whether a gateway runs on the data folder of that configuration.
pub(super) fn is_running(config: &Config) -> bool {
    is_locked(&config.data_dir.join(LOCK))
}

fn is_locked(path: &std::path::Path) -> bool {
    let lock = File::open(path);
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Held by a GPROXY as long as it runs on its data folder.
const GPROXY_LOCK: &str = ".gproxy.lock";

/// Two gateways on one data folder would write into each other's journal.
fn lock(config: &Config) -> anyhow::Result<File> {
    if is_locked(&config.data_dir.join(GPROXY_LOCK)) {
        bail!(
            "data_dir {}: a GPROXY is running on it: stop it, or name another folder with --data-dir",
            config.data_dir.display()
        );
    }
    let path = config.data_dir.join(LOCK);
    let file = File::create(&path).with_context(|| format!("data_dir: {} cannot be made", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => bail!(
            "data_dir {}: another Penstock is running on it: stop that one, or name another folder with --data-dir",
            config.data_dir.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("data_dir: {} cannot be locked", path.display()))
        }
    }
}

fn refuse_open_to_all(config: &Config, keyless: bool) -> anyhow::Result<()> {
    if !keyless || config.is_loopback() {
        return Ok(());
    }
    let addresses: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    bail!(
        "host: listening on {} without any key would let everyone who can connect spend your providers' money: \
         make a key first (`penstock user add NAME`, `penstock key create --user NAME`), or listen on 127.0.0.1",
        addresses.join(", ")
    )
}

/// What an earlier process left behind is owed before anything new is taken on, or, while the store is away, as
/// soon as it is back. The handle is that of the task which waits for it.
async fn settle_recovered(
    store: Arc<Store>,
    journal: Arc<Journal>,
    recovered: Recovered,
) -> anyhow::Result<AbortHandle> {
    match settle_in_batches(store.as_ref(), &recovered.settlements).await {
        Ok(()) => forget(&journal, &recovered)?,
        Err(error @ ControlError::Unavailable(_)) => {
            let rows = recovered.settlements.len();
            tracing::error!(%error, rows, "what the last process left waits in the journal; it is tried again");
            let task = tokio::spawn(async move {
                let mut said = error.to_string();
                while let Err(error) = settle_in_batches(store.as_ref(), &recovered.settlements).await {
                    let now = error.to_string();
                    if now != said {
                        tracing::error!(%error, rows, "what the last process left still waits");
                        said = now;
                    }
                    tokio::time::sleep(UPKEEP).await;
                }
                if let Err(error) = forget(&journal, &recovered) {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "they are settled, and looked at again next time"
                    );
                }
            });
            return Ok(task.abort_handle());
        }
        Err(error) => return Err(error).context("what the journal holds cannot be settled"),
    }
    Ok(tokio::spawn(async {}).abort_handle())
}

fn forget(journal: &Journal, recovered: &Recovered) -> anyhow::Result<()> {
    journal.forget(recovered).context("the journal's old segments cannot be removed")?;
    let rows = recovered.settlements.len();
    if rows > 0 || recovered.damaged > 0 {
        let (interrupted, damaged) = (recovered.interrupted, recovered.damaged);
        tracing::info!(rows, interrupted, damaged, "settled what the last process left in the journal");
    }
    Ok(())
}

fn metrics() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| anyhow::anyhow!("metrics: {error}"))?;
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

async fn bind(addresses: &[SocketAddr]) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addresses).await.with_context(|| {
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("cannot listen on {} (--host, --port)", addresses.join(", "))
    })
}

/// Ready at the first SIGTERM or SIGINT. A second one ends what is still open at once; the handle ends
/// the task that waits for it.
fn stop_signals(gateway: Gateway) -> anyhow::Result<(impl Future<Output = ()>, AbortHandle)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let watcher = tokio::spawn(async move {
        next().await;
        drop(stop);
        next().await;
        gateway.end_streams();
    });
    Ok((async move { drop(stopped.await) }, watcher.abort_handle()))
}

/// Says where it listens and how it is called.
fn greet(config: &Config, routing: &Routing, address: SocketAddr, keyless: bool) {
    // every address is no address to call
    let host = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    let url = format!("http://{}", SocketAddr::new(host, address.port()));
    let access = if keyless {
        "open mode: programs on this machine need no key"
    } else {
        "callers need a key of this gateway"
    };
    let key = if keyless { "penstock" } else { "sk-pen-…" };
    let configured = routing.providers().iter().filter(|provider| provider.configured);
    let origin_of = |name: &str| {
        let origin = config.provider_origins.iter().find(|(known, _)| known == name);
        origin.map_or("record", |(_, origin)| origin.as_str())
    };
    let providers: Vec<_> =
        configured.map(|provider| format!("{} ({})", provider.name, origin_of(&provider.name))).collect();
    output::line(format!("Penstock {VERSION} listens on http://{address} ({access})"));
    if providers.is_empty() {
        output::line(
            "  providers  none yet: start with OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY, … set,\n             \
             or let clients send their own provider key",
        );
    } else {
        output::line(format!("  providers  {}", providers.join(", ")));
    }
    output::line(format!("  OpenAI     OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={key}"));
    output::line(format!("  Anthropic  ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={key}"));
    let auth = if keyless { String::new() } else { format!(" -H 'authorization: Bearer {key}'") };
    output::line(format!("  models     curl{auth} {url}/v1/models"));
    tracing::info!(%address, keyless, providers = providers.len(), version = VERSION, "listening");
}
