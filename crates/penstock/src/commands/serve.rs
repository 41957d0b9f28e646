//! `penstock serve`: puts the gateway together, runs it, and takes it apart in order.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use penstock_control::journal::{Journal, Recovered};
use penstock_control::sql::SqlStore;
use penstock_control::{ControlError, ControlStore, LiveSnapshot, Settler, Snapshot, follow};
use penstock_core::SystemClock;
use penstock_gateway::authenticate::Access;
use penstock_gateway::settle::Settling;
use penstock_gateway::{Gateway, GatewayOptions, Routing};
use penstock_server::{Server, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::administrator::let_administrator_in;
use super::control::{keep_saved, open_or_last_good};
use super::{VERSION, create_data_dir};
use crate::config::Config;
use crate::storage::OpenStorage;
use crate::{logging, output};

/// What is said where there is no master key.
pub(super) const PLAINTEXT: &str = "master_key: there is none, so that secrets are stored open: make one with \
     `openssl rand -base64 32`, name it in PENSTOCK_MASTER_KEY_FILE, and run `penstock keys seal`";
/// How soon a change made elsewhere is seen.
const FOLLOW: Duration = Duration::from_millis(500);
/// How long settlements may take to reach the store at the end; what is left stays in the journal.
const SETTLE_DEADLINE: Duration = Duration::from_secs(10);
/// How long answers that are read on for a client who has gone may take at the end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
const UPKEEP: Duration = Duration::from_secs(5);
/// Bounds in seconds: from a cached answer to a long reasoning.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Runs until SIGTERM or SIGINT.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let _logging = logging::start(&config.log_format)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    create_data_dir(&config.data_dir)?;
    let lock = lock(&config)?;
    if config.keyring.current().is_none() {
        tracing::warn!("{PLAINTEXT}");
    }
    let (store, loaded) = open_or_last_good(&config).await?;
    let store = Arc::new(store);
    let keyless = Snapshot::new(loaded.clone()).is_keyless();
    refuse_open_to_all(&config, keyless)?;
    let snapshot = Snapshot::new(let_administrator_in(&config, store.as_ref(), loaded).await?);
    let metrics = metrics()?;
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
    let (settler_handle, settler) = Settler::start(store.clone(), journal.clone());
    let routing = Routing::new(config.routing.clone(), &config.table)?;
    let gateway = Gateway::new(
        penstock_gateway::Parts {
            live: live.clone(),
            routing,
            table: config.table.clone(),
            settling: Settling {
                journal: journal.clone(),
                settler: settler_handle,
                catalogue: config.catalogue.clone(),
                stopping: AtomicBool::new(false),
            },
            storage: adapter,
            options: GatewayOptions {
                access: Access {
                    loopback: config.is_loopback(),
                    own_keys: config.byok,
                    admin_key: config.admin_key,
                },
                max_attempts: config.max_attempts,
                on_client_gone: config.on_client_gone,
            },
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
        table: config.table.clone(),
        limits: config.limits,
        metrics,
        version: VERSION,
    });
    let listener = bind(&config.listen).await?;
    let (changed, config) = (Arc::new(Notify::new()), Arc::new(config));
    let saver = tokio::spawn(keep_saved(config.clone(), live.clone(), changed.clone()));
    let follower = tokio::spawn(follow(live, store.clone(), FOLLOW, move || changed.notify_one()));
    greet(&config, listener.local_addr()?, keyless);

    let (stop, watcher) = stop_signals(gateway.clone())?;
    serve(server, listener, config.listening, stop).await;
    watcher.abort();

    drop(tokio::time::timeout(DRAIN_DEADLINE, gateway.drained()).await);
    gateway.end_streams();
    follower.abort();
    saver.abort();
    recovering.abort();
    // the last handle of the settler goes with the gateway
    drop(gateway);
    if !settler.finish(SETTLE_DEADLINE).await {
        tracing::warn!(left = journal.pending(), "settlements stay in the journal until the next start");
    }
    storage.close().await?;
    journal.close()?;
    store.close().await?;
    tracing::info!("stopped");
    drop(lock);
    Ok(())
}

/// Held by a gateway as long as it runs on its data folder.
const LOCK: &str = ".penstock.lock";

/// Whether a gateway runs on the data folder of that configuration.
pub(super) fn is_running(config: &Config) -> bool {
    let lock = File::open(config.data_dir.join(LOCK));
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock)))
}

/// Two gateways on one data folder would write into each other's journal.
fn lock(config: &Config) -> anyhow::Result<File> {
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
    store: Arc<SqlStore>,
    journal: Arc<Journal>,
    recovered: Recovered,
) -> anyhow::Result<AbortHandle> {
    match store.settle(&recovered.settlements).await {
        Ok(_) => forget(&journal, &recovered)?,
        Err(ControlError::Unavailable(_)) => {
            let task = tokio::spawn(async move {
                while store.settle(&recovered.settlements).await.is_err() {
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
fn greet(config: &Config, address: SocketAddr, keyless: bool) {
    // every address is no address to call
    let host = if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() };
    let url = format!("http://{}", SocketAddr::new(host, address.port()));
    let access = if keyless {
        "open mode: programs on this machine need no key"
    } else {
        "callers need a key of this gateway"
    };
    let key = if keyless { "penstock" } else { "sk-pen-…" };
    let providers: Vec<_> =
        config.provider_origins.iter().map(|(name, origin)| format!("{name} ({origin})")).collect();
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
