//! A Redis server, and a cluster of them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;
use tokio::process::Command;

use super::authority::Authority;
use super::{PATIENCE, Server, free_address, program};
use crate::Failure;

/// Names a server to use instead of a private one.
const URL: &str = "PENSTOCK_TEST_REDIS_URL";

/// A Redis, or Valkey, to test with. Its keys may belong to others too.
#[derive(Debug)]
pub struct Redis {
    /// Where it is.
    pub url: String,
    server: Option<Server>,
}

impl Redis {
    /// The server to test with; `None` if there is none.
    pub async fn start() -> Result<Option<Self>, Failure> {
        if let Ok(url) = std::env::var(URL) {
            return Ok(Some(Self { url, server: None }));
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

    async fn run(
        mut command: Command,
        address: SocketAddr,
        folder: TempDir,
        scheme: &str,
    ) -> Result<Self, Failure> {
        command.arg("--bind").arg(address.ip().to_string()).arg("--dir").arg(folder.path());
        command.args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        let server = Server::start(command, address, folder).await?;
        Ok(Self { url: format!("{scheme}://{address}/"), server: Some(server) })
    }

    /// A private server with room for about so many bytes beside what it needs itself. It evicts nothing.
    pub async fn with_room(bytes: u64) -> Result<Option<Self>, Failure> {
        let Some(server) = Self::start_at(free_address()?).await? else { return Ok(None) };
        let info: String = server.ask(&["INFO", "memory"]).await?;
        let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
        let used: u64 = used.ok_or_else(|| Failure::new("expected its used memory"))?.trim().parse()?;
        let () = server.ask(&["CONFIG", "SET", "maxmemory", &(used + bytes).to_string()]).await?;
        Ok(Some(server))
    }

    /// What it answers to a command.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> Result<T, Failure> {
        let client = redis::Client::open(self.url.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        Ok(redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await?)
    }

    /// The server itself.
    ///
    /// # Panics
    ///
    /// If it is not a private one.
    pub fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("only a private server is ended and started by a test")
    }
}

/// The slots of a cluster.
const SLOTS: u16 = 16_384;

/// A private cluster of three nodes, each with about a third of the slots. It refuses what touches keys of
/// two, and scripts with keys that were not named. The loss of a node leaves the others at work.
#[derive(Debug)]
pub struct RedisCluster {
    /// Its nodes.
    pub nodes: Vec<Redis>,
}

impl RedisCluster {
    const NODES: u16 = 3;

    /// A new one; `None` if no server is installed.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let mut nodes: Vec<Redis> = Vec::new();
        for number in 0..Self::NODES {
            let Some(mut command) = command() else { return Ok(None) };
            let (address, bus) = (free_address()?, free_address()?);
            command.args(["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]);
            command.arg("--cluster-port").arg(bus.port().to_string());
            command.arg("--port").arg(address.port().to_string());
            let node = Redis::run(command, address, tempfile::tempdir()?, "redis").await?;
            let width = SLOTS / Self::NODES;
            let end = if number + 1 == Self::NODES { SLOTS } else { (number + 1) * width };
            let slots = [number * width, end - 1].map(|slot| slot.to_string());
            let () = node.ask(&["CLUSTER", "ADDSLOTSRANGE", &slots[0], &slots[1]]).await?;
            // nodes that begin with the same one have to find out who is right
            let () = node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]).await?;
            if let Some(first) = nodes.first() {
                let (host, port) = (address.ip().to_string(), address.port().to_string());
                let () = first.ask(&["CLUSTER", "MEET", &host, &port, &bus.port().to_string()]).await?;
            }
            nodes.push(node);
        }
        let cluster = Self { nodes };
        cluster.is_ready().await?;
        Ok(Some(cluster))
    }

    /// Waits until each node knows of all the others and of all slots.
    async fn is_ready(&self) -> Result<(), Failure> {
        let start = Instant::now();
        let wanted = ["cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:3"];
        for node in &self.nodes {
            loop {
                let info: String = node.ask(&["CLUSTER", "INFO"]).await?;
                if wanted.iter().all(|line| info.contains(line)) {
                    break;
                }
                if start.elapsed() > PATIENCE {
                    return Err(Failure::new(format!("the cluster is not ready: {info}")));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// In which slot a key is, and which of the nodes had it at the start.
    pub async fn owner(&self, key: &str) -> Result<(u16, usize), Failure> {
        let slot: u16 = self.nodes[0].ask(&["CLUSTER", "KEYSLOT", key]).await?;
        Ok((slot, usize::from((slot / (SLOTS / Self::NODES)).min(Self::NODES - 1))))
    }
}

fn command() -> Option<Command> {
    let installed = ["redis-server", "valkey-server"].iter().find_map(|name| program(name, &["redis/bin"]));
    installed.map(Command::new)
}
