//! Real servers for tests: a private one on a free port in a temporary folder, or the one that an
//! environment variable names.
//!
//! A server that is not installed skips its leg, and says so on standard error; `PENSTOCK_REQUIRE`, a list
//! such as `redis,postgres`, turns that into a failure. Scripts install them: `make services`.
//! Upstash, S3 and AWS's roles have stand-ins that are tasks of the test, and so are always there.

pub mod authority;
pub mod libsql;
pub mod mariadb;
pub mod pgbouncer;
pub mod postgres;
pub mod redis;
pub mod roles;
pub mod s3;
pub mod tls;
pub mod upstash;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::Failure;

/// A server may take so long to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running server; it is killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its files.
    pub folder: TempDir,
    command: Command,
    process: Child,
}

impl Server {
    /// Starts `command` and waits until it accepts connections at `address`.
    pub async fn start(mut command: Command, address: SocketAddr, folder: TempDir) -> Result<Self, Failure> {
        let log = std::fs::File::create(folder.path().join("log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let process = command.spawn()?;
        let mut server = Self { address, folder, command, process };
        server.wait().await?;
        Ok(server)
    }

    async fn wait(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        while TcpStream::connect(self.address).await.is_err() {
            let ended = self.process.try_wait()?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                let what = ended.map_or("does not answer".to_owned(), |status| status.to_string());
                return Err(Failure::new(format!("the server {what}; it said: {log}")));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until its process is gone.
    pub async fn ended(&mut self) -> Result<(), Failure> {
        self.process.wait().await?;
        Ok(())
    }

    /// Starts it again if its process is gone.
    pub async fn start_if_ended(&mut self) -> Result<(), Failure> {
        if self.process.try_wait()?.is_some() { self.start_again().await } else { Ok(()) }
    }

    /// Kills it, as a power cut would.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.process.kill().await?)
    }

    /// Starts it again after its end, with its files, at its address.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        let start = Instant::now();
        loop {
            self.process = self.command.spawn()?;
            match self.wait().await {
                // what the old one had may still be held by parts of it that are ending
                Err(_) if start.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(50)).await,
                started => return started,
            }
        }
    }
}

/// A port on which nothing listens, and which no outgoing connection is given before the server is there: systems
/// take those from 32768 on. Which one is drawn by lot, since other tests look for one at the same time.
pub fn free_address() -> Result<SocketAddr, Failure> {
    const PORTS: std::ops::Range<u16> = 10_240..32_768;
    for _ in 0..100 {
        let lot = RandomState::new().build_hasher().finish() % u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(lot)?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    Err(Failure::new("of 100 ports none is free"))
}

/// The program `name`, from the project's `.tools` or from the system.
pub fn program(name: &str, tools: &[&str]) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    let own = tools.iter().map(|tool| root.join(tool));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    own.chain(system.map(|folder| folder.join(name)).collect::<Vec<_>>()).find(|file| file.is_file())
}

/// Whether the leg `name` must not be skipped.
pub fn is_required(name: &str) -> bool {
    let required = std::env::var("PENSTOCK_REQUIRE").unwrap_or_default();
    required.split(',').any(|part| part.trim() == name)
}

/// Says that a leg is skipped, or fails if it must not be.
///
/// # Panics
///
/// If `PENSTOCK_REQUIRE` names it.
#[expect(clippy::print_stderr, reason = "a test that cannot run must be seen")]
pub fn skip(name: &str, why: &str) {
    assert!(
        !is_required(name),
        "{name} is required by PENSTOCK_REQUIRE, and {why}; `make services` installs it"
    );
    eprintln!("SKIPPED {name}: {why}");
}
