//! A `MariaDB` or MySQL server.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

use super::postgres::done;
use super::{Server, free_address, program};
use crate::Failure;

/// Names a MySQL to test with as well: `mysql://user:password@host:port`, a login that may create databases.
const URL: &str = "PENSTOCK_TEST_MYSQL_URL";

/// A `MariaDB` to test with.
#[derive(Debug)]
pub struct Mariadb {
    url: String,
    next: AtomicU32,
    server: Option<Server>,
}

impl Mariadb {
    /// The MySQL that `PENSTOCK_TEST_MYSQL_URL` names, which no package of a stable system has; `None` if none.
    pub fn named() -> Option<Self> {
        let url = std::env::var(URL).ok()?;
        Some(Self { url, next: AtomicU32::new(0), server: None })
    }

    /// A private `MariaDB`; `None` if it is not installed.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let next = AtomicU32::new(0);
        let (Some(install), Some(daemon)) = (program("mariadb-install-db", &[]), program("mariadbd", &[]))
        else {
            return Ok(None);
        };
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let mut init = Command::new(install);
        init.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
        init.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        done(&mut init).await?;
        let mut command = Command::new(daemon);
        // as whoever runs the test: its folder is nobody else's
        command.args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--max-connections=600"]);
        // what is committed is with the system, and so there after the server is killed
        command.arg("--innodb-flush-log-at-trx-commit=2");
        command.arg(format!("--datadir={}", data.display()));
        // a server that starts removes the temporary tables of all others from a folder that they share
        command.arg(format!("--tmpdir={}", folder.path().display()));
        command.arg(format!("--port={}", address.port()));
        command.arg(format!("--socket={}", folder.path().join("socket").display()));
        command.arg(format!("--pid-file={}", folder.path().join("pid").display()));
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { url: format!("mysql://root@{address}"), next, server: Some(server) }))
    }

    /// The address of a new database, by the server's socket of this machine: where a test has more
    /// statements than a connection keeps, those that are closed cost 40 ms each over TCP.
    pub async fn local_database(&self) -> Result<String, Failure> {
        let url = self.database().await?;
        let Some(server) = &self.server else { return Ok(url) };
        Ok(format!("{url}?socket={}", server.folder.path().join("socket").display()))
    }

    /// The address of a new database.
    pub async fn database(&self) -> Result<String, Failure> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        self.execute(&format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).await?;
        Ok(format!("{}/{name}", self.url))
    }

    /// Kills the server in the middle of whatever it does.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.server.as_mut().ok_or_else(|| Failure::new("it is not ours to kill"))?.kill().await
    }

    /// Starts it again, with its data, where it was.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        self.server.as_mut().ok_or_else(|| Failure::new("it is not ours to start"))?.start_again().await
    }

    /// Starts it again if it has given up by itself.
    pub async fn start_if_ended(&mut self) -> Result<(), Failure> {
        self.server.as_mut().ok_or_else(|| Failure::new("it is not ours to start"))?.start_if_ended().await
    }

    /// Runs SQL by the server's own client.
    pub async fn execute(&self, sql: &str) -> Result<(), Failure> {
        let client = program("mariadb", &[]).ok_or_else(|| Failure::new("there is no mariadb client"))?;
        let mut command = Command::new(client);
        command.arg("--no-defaults");
        match &self.server {
            Some(server) => {
                command.arg("-uroot");
                command.arg(format!("--socket={}", server.folder.path().join("socket").display()));
            }
            None => drop(command.args(login(&self.url)?)),
        }
        done(command.args(["-e", sql])).await
    }
}

/// The arguments of the client for a server at `url`, such as `mysql://user:password@host:port`.
fn login(url: &str) -> Result<Vec<String>, Failure> {
    let uri: hyper::Uri = url.parse()?;
    let (Some(host), Some((login, _))) =
        (uri.host(), uri.authority().and_then(|all| all.as_str().split_once('@')))
    else {
        return Err(Failure::new(format!("{URL}: expected mysql://user:password@host:port, without a path")));
    };
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let port = uri.port_u16().unwrap_or(3306);
    Ok(vec![
        "--protocol=tcp".to_owned(),
        format!("--host={host}"),
        format!("--port={port}"),
        format!("--user={user}"),
        format!("--password={password}"),
    ])
}
