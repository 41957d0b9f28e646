//! The processes of one case: the scripted upstream, the floor, and the gateway as an operator runs it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

/// How long settlements may take to reach the store after a round.
const SETTLE: Duration = Duration::from_mins(2);

/// What a request is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The upstream itself.
    Direct,
    /// The bare proxy.
    Floor,
    /// Penstock.
    Gateway,
}

impl Target {
    /// What it is called in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Floor => "floor",
            Self::Gateway => "gateway",
        }
    }
}

/// The processes; they end with it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) upstream: Process,
    pub(crate) floor: Process,
    pub(crate) gateway: Process,
    /// A user's key.
    pub(crate) key: String,
    /// Requests that the gateway has answered so far, as the load counts them.
    pub(crate) asked: u64,
    /// Those of them that no provider was asked for, so that nothing is owed.
    free: u64,
    dir: TempDir,
}

impl Rig {
    /// Starts all three, the gateway on a fresh data folder with one user and one key.
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&[], &[])
    }

    /// The same with these files where the gateway runs, and these settings.
    pub(crate) fn start_with(files: &[(&str, &str)], settings: &[&str]) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
            fs::write(path, text)?;
        }
        let upstream = upstream(dir.path())?;
        let floor = Process::start(
            "the floor",
            bare("floor")?.args(["--upstream", &upstream.address.to_string()]),
            &dir.path().join("floor.log"),
        )?;
        let key = make_key(dir.path())?;
        let gateway = gateway_with(dir.path(), upstream.address, settings)?;
        Ok(Self { upstream, floor, gateway, key, asked: 0, free: 0, dir })
    }

    /// Does what makes the gateway answer without a provider.
    pub(crate) fn free<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let before = self.asked;
        let done = work(self)?;
        self.free += self.asked - before;
        Ok(done)
    }

    /// Where `target` listens.
    pub(crate) fn address(&self, target: Target) -> SocketAddr {
        self.process(target).address
    }

    /// The process of `target`.
    pub(crate) fn process(&self, target: Target) -> &Process {
        match target {
            Target::Direct => &self.upstream,
            Target::Floor => &self.floor,
            Target::Gateway => &self.gateway,
        }
    }

    /// Waits until the control store has every settlement, and returns how long that took.
    pub(crate) fn settled(&mut self) -> Result<Duration> {
        settled(self.gateway.address)
    }

    /// An error if a process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        [&mut self.upstream, &mut self.floor, &mut self.gateway].into_iter().try_for_each(Process::check)
    }

    /// Stops everything, and makes sure that each request is in the gateway's books exactly once and in
    /// its access log.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.settled()?;
        in_the_books(self.gateway.address, self.asked - self.free)?;
        self.check()?;
        self.gateway.stop()?;
        let log = fs::read(self.dir.path().join("gateway.log"))?;
        let lines = memchr::memmem::find_iter(&log, b"\"penstock::access\"").count();
        ensure!(lines as u64 == self.asked, "{} requests were answered, but {lines} logged", self.asked);
        Ok(())
    }
}

/// Waits until the control store of that gateway has every settlement, and returns how long that took.
pub(crate) fn settled(gateway: SocketAddr) -> Result<Duration> {
    let start = Instant::now();
    loop {
        let ready: Value = serde_json::from_str(&get(gateway, "/readyz")?)?;
        if ready["journal"]["pending_settlements"] == 0 && ready["journal"]["open_requests"] == 0 {
            return Ok(start.elapsed());
        }
        ensure!(start.elapsed() < SETTLE, "settlements do not reach the store: {ready}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// An error unless that gateway has settled as many requests as were answered.
pub(crate) fn in_the_books(gateway: SocketAddr, asked: u64) -> Result<()> {
    let metrics = get(gateway, "/metrics")?;
    let settled = metrics.lines().find_map(|line| line.strip_prefix("penstock_settlements_total "));
    let settled = settled.unwrap_or("none");
    ensure!(settled == asked.to_string(), "{asked} requests were answered, but {settled} settled");
    Ok(())
}

/// Starts the scripted upstream.
pub(crate) fn upstream(dir: &Path) -> Result<Process> {
    let mut command = bare("scripted-upstream")?;
    Process::start("the upstream", command.args(["--ledger", "0"]), &dir.join("upstream.log"))
}

/// Starts the gateway on the data folder in `dir`.
pub(crate) fn gateway(dir: &Path, upstream: SocketAddr) -> Result<Process> {
    gateway_with(dir, upstream, &[])
}

/// The same with these settings; paths in them are from `dir`.
pub(crate) fn gateway_with(dir: &Path, upstream: SocketAddr, settings: &[&str]) -> Result<Process> {
    let mut command = penstock(dir)?;
    command.args(settings.iter().map(|setting| format!("--set={setting}"))).current_dir(dir);
    start_gateway(command, dir, upstream)
}

/// The same with an admin key.
pub(crate) fn gateway_with_admin(dir: &Path, upstream: SocketAddr, key: &str) -> Result<Process> {
    let mut command = penstock(dir)?;
    command.env("PENSTOCK_ADMIN_KEY", key);
    start_gateway(command, dir, upstream)
}

fn start_gateway(mut command: Command, dir: &Path, upstream: SocketAddr) -> Result<Process> {
    command
        .args(["--port", "0"])
        .env("OPENAI_API_KEY", "sk-bench-upstream")
        .env("OPENAI_BASE_URL", format!("http://{upstream}/v1"))
        .env("ANTHROPIC_API_KEY", "sk-ant-bench-upstream")
        .env("ANTHROPIC_BASE_URL", format!("http://{upstream}"));
    Process::start("the gateway", &mut command, &dir.join("gateway.log"))
}

/// Makes a user and a key in the data folder in `dir`.
pub(crate) fn make_key(dir: &Path) -> Result<String> {
    printed(penstock(dir)?.args(["user", "add", "bench"]))?;
    printed(penstock(dir)?.args(["key", "create", "--user", "bench"]))
}

fn penstock(dir: &Path) -> Result<Command> {
    let mut command = bare("penstock")?;
    command.arg("--data-dir").arg(dir.join("data"));
    Ok(command)
}

/// A program of this workspace, with nothing in its environment that could change what it does.
fn bare(program: &str) -> Result<Command> {
    let path = binary(program)?;
    ensure!(path.exists(), "{} is missing: build it with `cargo build --release --bins`", path.display());
    let mut command = Command::new(path);
    command.env_clear();
    Ok(command)
}

/// The programs stand beside this one.
fn binary(program: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().context("this program is in no folder")?.join(program))
}

fn printed(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The body of a small answer of the gateway.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<String> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"))
}

/// The body of a small answer to a change by the admin API.
pub(crate) fn post(address: SocketAddr, path: &str, admin_key: &str, body: &Value) -> Result<String> {
    let body = body.to_string();
    let length = body.len();
    ask(
        address,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {admin_key}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ),
    )
}

fn ask(address: SocketAddr, request: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    ensure!(answer.starts_with("HTTP/1.1 2"), "{}: {answer}", request.lines().next().unwrap_or_default());
    Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
