//! A Redis server.

use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::process::Command;

use super::authority::Authority;
use super::{Server, free_address, program};
use crate::Failure;

/// Names a server to use instead of a private one.
const URL: &str = "PENSTOCK_TEST_REDIS_URL";

/// A Redis, or Valkey, to test with. Its keys may belong to others too.
#[derive(Debug)]
pub struct Redis {
    /// Where it is.
    pub url: String,
    _server: Option<Server>,
}

impl Redis {
    /// The server to test with; `None` if there is none.
    pub async fn start() -> Result<Option<Self>, Failure> {
        if let Ok(url) = std::env::var(URL) {
            return Ok(Some(Self { url, _server: None }));
        }
        Self::start_at(free_address()?).await
    }

    /// A private server at that address; `None` if none is installed.
    pub async fn start_at(address: SocketAddr) -> Result<Option<Self>, Failure> {
        let Some(mut command) = command() else { return Ok(None) };
        command.arg("--port").arg(address.port().to_string());
        Self::run(command, address, tempfile::tempdir()?, "redis").await.map(Some)
    }

    /// A private server that speaks TLS, and shows a certificate of `authority` for `names`.
    pub async fn with_tls(authority: &Authority, names: &[&str]) -> Result<Option<Self>, Failure> {
        let Some(mut command) = command() else { return Ok(None) };
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let shown = authority.certify(names, folder.path())?;
        command.args(["--port", "0", "--tls-auth-clients", "no", "--tls-port"]);
        command.arg(address.port().to_string());
        command.arg("--tls-cert-file").arg(shown.certificate).arg("--tls-key-file").arg(shown.key);
        command.arg("--tls-ca-cert-file").arg(authority.root());
        Self::run(command, address, folder, "rediss").await.map(Some)
    }

    /// A private cluster of one node, which has every slot: it refuses what touches keys of two, and scripts
    /// with keys that were not named.
    pub async fn cluster() -> Result<Option<Self>, Failure> {
        let Some(mut command) = command() else { return Ok(None) };
        let (address, bus) = (free_address()?, free_address()?);
        command.args(["--cluster-enabled", "yes", "--cluster-port"]).arg(bus.port().to_string());
        command.arg("--port").arg(address.port().to_string());
        let server = Self::run(command, address, tempfile::tempdir()?, "redis").await?;
        let mut connection =
            redis::Client::open(server.url.as_str())?.get_multiplexed_async_connection().await?;
        redis::cmd("CLUSTER").arg(&["ADDSLOTSRANGE", "0", "16383"]).exec_async(&mut connection).await?;
        // it thinks about it for a while
        for _ in 0..500 {
            let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await?;
            if info.contains("cluster_state:ok") {
                return Ok(Some(server));
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Err(Failure::new("the cluster is not ready"))
    }

    async fn run(
        mut command: Command,
        address: SocketAddr,
        folder: TempDir,
        scheme: &str,
    ) -> Result<Self, Failure> {
        command.arg("--bind").arg(address.ip().to_string()).arg("--dir").arg(folder.path());
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let server = Server::start(command, address, folder).await?;
        Ok(Self { url: format!("{scheme}://{address}/"), _server: Some(server) })
    }

    /// A private server with room for about so many bytes beside what it needs itself. It evicts nothing.
    pub async fn with_room(bytes: u64) -> Result<Option<Self>, Failure> {
        let Some(server) = Self::start_at(free_address()?).await? else { return Ok(None) };
        let mut connection =
            redis::Client::open(server.url.as_str())?.get_multiplexed_async_connection().await?;
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut connection).await?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used: u64 = used.ok_or_else(|| Failure::new("expected its used memory"))?.trim().parse()?;
        let set = ["SET", "maxmemory", &(used + bytes).to_string()].map(str::to_owned);
        redis::cmd("CONFIG").arg(&set).exec_async(&mut connection).await?;
        Ok(Some(server))
    }
}

fn command() -> Option<Command> {
    let installed = ["redis-server", "valkey-server"].iter().find_map(|name| program(name, &["redis/bin"]));
    installed.map(Command::new)
}
