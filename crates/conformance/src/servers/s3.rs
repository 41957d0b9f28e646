//! An S3-compatible server that checks signatures: `s3s-fs`, which keeps objects as files.

use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio::process::Command;

use super::{Server, free_address, program};
use crate::Failure;

/// The name by which `PENSTOCK_REQUIRE` knows it.
pub const NAME: &str = "s3";

/// All names below are this machine.
const DOMAIN: &str = "localhost";

/// A running server.
#[derive(Debug)]
pub struct S3Server {
    server: Server,
    buckets: AtomicU32,
}

impl S3Server {
    /// The public part of the one login it knows.
    pub const KEY_ID: &str = "AKIDEXAMPLE";
    /// The secret part.
    pub const SECRET: &str = "wJalrXUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEKEY";

    /// Starts one; `None` if it is not installed.
    pub async fn start() -> Result<Option<Self>, Failure> {
        let Some(program) = program("s3s-fs", &["cargo/bin/s3s-fs"]) else { return Ok(None) };
        let (folder, address) = (TempDir::new()?, free_address()?);
        let objects = folder.path().join("objects");
        std::fs::create_dir(&objects)?;
        let mut command = Command::new(program);
        command.args(["--host", &address.ip().to_string(), "--port", &address.port().to_string()]);
        command.args(["--access-key", Self::KEY_ID, "--secret-key", Self::SECRET]);
        let domain = format!("{DOMAIN}:{}", address.port());
        command.args(["--domain", &address.to_string(), "--domain", &domain]).arg(objects);
        let server = Server::start(command, address, folder).await?;
        Ok(Some(Self { server, buckets: AtomicU32::new(0) }))
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Its URL for requests that have the bucket in their host's name.
    pub fn domain(&self) -> String {
        format!("http://{DOMAIN}:{}", self.server.address.port())
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> Result<String, Failure> {
        let name = format!("bucket-{}", self.buckets.fetch_add(1, Ordering::Relaxed));
        std::fs::create_dir(self.server.folder.path().join("objects").join(&name))?;
        Ok(name)
    }

    /// What is in its folder beside the buckets: parts that were not put together, and its own notes.
    pub fn files(&self) -> Result<Vec<String>, Failure> {
        let entries = std::fs::read_dir(self.server.folder.path().join("objects"))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        names.collect()
    }
}
