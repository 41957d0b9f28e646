//! A `MariaDB` or MySQL server.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::Command;

use super::postgres::done;
use super::{Server, free_address, program};
use crate::Failure;

/// Names a server to use instead of a private one: a login that may create databases.
const URL: &str = "PENSTOCK_TEST_MYSQL_URL";

/// A `MariaDB` to test with.
#[derive(Debug)]
pub struct Mariadb {
    url: String,
    next: AtomicU32,
    server: Option<Server>,
}

impl Mariadb {
    /// The server to test with; `None` if there is none.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let next = AtomicU32::new(0);
        if let Ok(url) = std::env::var(URL) {
            return Ok(Some(Self { url, next, server: None }));
        }
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
        command.arg("--innodb-flush-log-at-trx-commit=0");
        command.arg(format!("--datadir={}", data.display()));
        command.arg(format!("--port={}", address.port()));
        command.arg(format!("--socket={}", folder.path().join("socket").display()));
        command.arg(format!("--pid-file={}", folder.path().join("pid").display()));
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { url: format!("mysql://root@{address}"), next, server: Some(server) }))
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

    /// Runs SQL by the server's own client.
    pub async fn execute(&self, sql: &str) -> Result<(), Failure> {
        let Some(server) = &self.server else {
            return Err(Failure::new("a shared MySQL is not supported yet"));
        };
        let client = program("mariadb", &[]).ok_or_else(|| Failure::new("there is no mariadb client"))?;
        let socket = format!("--socket={}", server.folder.path().join("socket").display());
        done(Command::new(client).args(["--no-defaults", "-uroot", socket.as_str(), "-e", sql])).await
    }
}
