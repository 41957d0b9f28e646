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
}
