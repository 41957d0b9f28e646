//! The real binary on a folder and a port of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::http::{PATIENCE, get};

/// The admin key of every gateway started here.
pub const ADMIN_KEY: &str = "an-admin-key-for-the-tests";

/// A gateway to be started.
#[derive(Debug)]
pub struct Builder {
    program: Option<PathBuf>,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    file: String,
    data: DataDir,
}

/// A folder that outlives the gateway which uses it, so that another can be started on it.
#[derive(Debug)]
pub struct DataDir(TempDir);

impl DataDir {
    /// A new, empty one.
    pub fn new() -> Result<Self> {
        Ok(Self(TempDir::new()?))
    }

    /// A new, empty one in that folder.
    pub fn within(folder: &Path) -> Result<Self> {
        Ok(Self(TempDir::new_in(folder)?))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A running gateway; killed when it is dropped.
#[derive(Debug)]
pub struct Gateway {
    child: Child,
    url: String,
    greeting: String,
    data: Option<DataDir>,
}

/// The binary that was built beside this test.
pub fn binary() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let folder = test.ancestors().nth(2).context("the test is not in a target folder")?;
    let path = folder.join("penstock");
    ensure!(path.exists(), "{} is missing: run the tests with `make test`, which builds it", path.display());
    Ok(path)
}

impl Builder {
    /// A gateway on an empty folder, with the admin API on and no provider.
    pub fn new() -> Result<Self> {
        Ok(Self::on(DataDir::new()?))
    }

    /// A gateway on a folder that was used before.
    pub fn on(data: DataDir) -> Self {
        Self { program: None, arguments: Vec::new(), variables: Vec::new(), file: String::new(), data }
    }

    /// Providers `openai`, `anthropic` and `gemini`, all at the scripted upstream.
    #[must_use]
    pub fn upstream(self, url: &str) -> Self {
        self.variable("OPENAI_API_KEY", "sk-upstream-openai")
            .variable("OPENAI_BASE_URL", &format!("{url}/v1"))
            .variable("ANTHROPIC_API_KEY", "sk-ant-upstream")
            .variable("ANTHROPIC_BASE_URL", url)
            .file(&format!(
                "[[providers]]\nname = \"gemini\"\nbase_url = \"{url}\"\n\
                 credentials = [{{ name = \"main\", api_key = \"AIza-upstream\" }}]\n"
            ))
    }

    /// Starts this program instead of the binary.
    #[must_use]
    pub fn program(self, program: PathBuf) -> Self {
        Self { program: Some(program), ..self }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets any setting.
    #[must_use]
    pub fn set(self, name: &str, value: &str) -> Self {
        self.argument(&format!("--set={name}={value}"))
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds to the configuration file.
    #[must_use]
    pub fn file(mut self, text: &str) -> Self {
        self.file.push_str(text);
        self
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let file = self.data.path().join("penstock.toml");
        std::fs::write(&file, &self.file)?;
        let program = self.program.clone().map_or_else(binary, Ok)?;
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PENSTOCK_ADMIN_KEY", ADMIN_KEY)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .arg("--config")
            .arg(file)
            .arg("--data-dir")
            .arg(self.data.path())
            .args(&self.arguments)
            .args(arguments)
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command of the binary to its end, with this configuration.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments)?.output()?)
    }

    /// Starts it and waits until it listens.
    pub async fn start(self) -> Result<Gateway> {
        let log = std::fs::File::options().create(true).append(true).open(self.data.path().join("log"))?;
        let mut child = self
            .command(&["--port=0", "serve"])?
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .context("the gateway could not be started")?;
        let output = child.stdout.take().context("no standard output")?;
        let (sender, greeting) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            let mut greeting = String::new();
            let mut sender = Some(sender);
            for line in lines {
                greeting.push_str(&line);
                greeting.push('\n');
                if line.contains("/v1/models")
                    && let Some(sender) = sender.take()
                {
                    drop(sender.send(greeting.clone()));
                }
            }
        });
        let Ok(Ok(greeting)) = tokio::time::timeout(PATIENCE, greeting).await else {
            drop(child.kill());
            let log = std::fs::read_to_string(self.data.path().join("log"))?;
            bail!("the gateway did not start: {log}");
        };
        let url = greeting.split_whitespace().find(|word| word.starts_with("http://"));
        let url = url.context("the greeting names no URL")?.to_owned();
        Ok(Gateway { child, url, greeting, data: Some(self.data) })
    }
}

impl Gateway {
    /// `http://address:port`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `http://address:port/path`
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// What it printed when it started.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its folder.
    pub fn data_dir(&self) -> &Path {
        self.data.as_ref().map_or(Path::new(""), DataDir::path)
    }

    /// Everything it has logged.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.data_dir().join("log"))?)
    }

    /// Bytes of memory it occupies.
    pub fn memory(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib << 10)
    }

    /// Runs another command of the binary on the same folder.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        let output = Command::new(binary()?)
            .env_clear()
            .arg("--data-dir")
            .arg(self.data_dir())
            .args(arguments)
            .stdin(Stdio::null())
            .output()?;
        Ok(output)
    }

    /// Adds a user who may use `allow`, and makes a key for it.
    pub fn make_key(&self, user: &str, allow: &str) -> Result<String> {
        let added = self.command(&["user", "add", user, "--allow", allow])?;
        ensure!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let made = self.command(&["key", "create", "--user", user])?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }

    /// Adds an administrator, and makes a key for it.
    pub fn make_admin_key(&self, user: &str) -> Result<String> {
        let added = self.command(&["user", "add", user, "--admin"])?;
        ensure!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
        let made = self.command(&["key", "create", "--user", user])?;
        Ok(String::from_utf8(made.stdout)?.trim().to_owned())
    }

    /// Every usage row, through the admin API.
    pub async fn usage(&self) -> Result<Vec<Value>> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let url = self.at(&format!("/admin/v1/usage?limit=1000{cursor}"));
            let page = get(url).key(ADMIN_KEY).send().await?;
            ensure!(page.status == 200, "{}", page.text());
            let page = page.json()?;
            rows.extend(page["data"].as_array().context("no data")?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }

    /// What the log complains of.
    fn complaints(&self) -> Result<String> {
        let log = self.log()?;
        Ok(log.lines().filter(|line| !line.contains("\"INFO\"")).collect::<Vec<_>>().join("\n"))
    }

    /// Waits until at least `rows` usage rows are there.
    pub async fn usage_of(&self, rows: usize) -> Result<Vec<Value>> {
        let start = Instant::now();
        loop {
            let found = self.usage().await?;
            if found.len() >= rows {
                return Ok(found);
            }
            if start.elapsed() > PATIENCE {
                let said = self.complaints()?;
                bail!("expected {rows} usage rows, found {}: {found:?}\n{said}", found.len());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until every begun request has ended and is settled.
    pub async fn settled(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let ready = get(self.at("/readyz")).send().await?.json()?;
            let journal = &ready["journal"];
            if journal["open_requests"] == 0 && journal["pending_settlements"] == 0 {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "not settled: {journal}\n{}", self.complaints()?);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status()?;
        ensure!(sent.success(), "kill -{name} failed");
        Ok(())
    }

    /// Asks it to stop.
    pub fn terminate(&self) -> Result<()> {
        self.signal("TERM")
    }

    /// Waits until it has ended.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(start.elapsed() < PATIENCE, "the gateway does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Asks it to stop, waits, and returns the folder for another.
    pub async fn stop(mut self) -> Result<DataDir> {
        self.terminate()?;
        let status = self.wait().await?;
        ensure!(status.success(), "the gateway ended with {status}: {}", self.log()?);
        self.data.take().context("no data dir")
    }

    /// `kill -9`, and the folder as it was left.
    pub fn kill(mut self) -> Result<DataDir> {
        self.child.kill()?;
        self.child.wait()?;
        self.data.take().context("no data dir")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
