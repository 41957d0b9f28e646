//! A Redis server.

use tokio::process::Command;

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
    pub async fn start_at(address: std::net::SocketAddr) -> Result<Option<Self>, Failure> {
        let installed =
            ["redis-server", "valkey-server"].iter().find_map(|name| program(name, &["redis/bin"]));
        let Some(program) = installed else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command.arg("--bind").arg(address.ip().to_string()).arg("--port").arg(address.port().to_string());
        command
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
            .arg("--dir")
            .arg(folder.path());
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { url: format!("redis://{address}/"), _server: Some(server) }))
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
