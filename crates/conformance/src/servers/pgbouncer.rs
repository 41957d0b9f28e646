//! A pooler before a PostgreSQL: each transaction gets whichever connection is free, and nothing else of a session
//! lasts longer than that.

use std::net::SocketAddr;

use super::postgres::User;
use super::{Server, free_address, program};
use crate::Failure;

/// A running pooler.
#[derive(Debug)]
pub struct Pgbouncer {
    server: Server,
}

impl Pgbouncer {
    /// A pooler before the server at that address; `None` if it is not installed.
    pub async fn start(postgres: SocketAddr) -> Result<Option<Self>, Failure> {
        let Some(binary) = program("pgbouncer", &[]) else { return Ok(None) };
        let (address, folder) = (free_address()?, tempfile::tempdir()?);
        let user = User::choose(folder.path()).await?;
        let settings = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\n\
             pool_mode = transaction\ndefault_pool_size = 4\nauth_type = any\nunix_socket_dir =\n\
             ignore_startup_parameters = extra_float_digits\n",
            postgres.ip(),
            postgres.port(),
            address.ip(),
            address.port(),
        );
        // without a user of its own, clients of any name are let in as the one named here
        let text = text.replace("* = ", "* = user=postgres ");
        std::fs::write(&settings, text)?;
        let mut command = user.command(&binary);
        command.arg(&settings);
        Ok(Some(Self { server: Server::start(command, address, folder).await? }))
    }

    /// The DSN of a database of that server, through this.
    pub fn through(&self, database: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or_default();
        format!("postgres://postgres@{}/{name}?pooler=transaction", self.server.address)
    }
}
