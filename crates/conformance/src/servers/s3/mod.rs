//! An S3-compatible server that checks signatures: `s3s` in front of buckets in memory.

mod bucket;
mod listing;
mod memory;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::host::MultiDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

use self::memory::Memory;
use crate::Failure;

/// All names below are this machine.
const DOMAIN: &str = "localhost";

/// A running server; it ends when this is dropped, with all that it keeps.
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    memory: Memory,
    task: AbortHandle,
}

impl S3Server {
    /// The public part of the one login it knows.
    pub const KEY_ID: &str = "AKIDEXAMPLE";
    /// The secret part.
    pub const SECRET: &str = "wJalrXUtnFEMI+K7MDENG/bPxRfiCYEXAMPLEKEY";

    /// Starts one.
    pub async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let memory = Memory::default();
        let mut service = S3ServiceBuilder::new(memory.clone());
        service.set_auth(SimpleAuth::from_single(Self::KEY_ID, Self::SECRET));
        service.set_host(MultiDomain::new([address.to_string(), format!("{DOMAIN}:{}", address.port())])?);
        let task = tokio::spawn(accept(listener, service.build())).abort_handle();
        Ok(Self { address, memory, task })
    }

    /// Its URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its URL for requests that have the bucket in their host's name.
    pub fn domain(&self) -> String {
        format!("http://{DOMAIN}:{}", self.address.port())
    }

    /// A new, empty bucket.
    pub fn bucket(&self) -> String {
        self.memory.add_bucket()
    }

    /// How many parts it holds of each upload that was neither completed nor given up.
    pub fn unfinished_uploads(&self) -> Vec<usize> {
        self.memory.unfinished_uploads()
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connections are of this task, so that they end with it.
async fn accept(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(client), service.clone()));
        // a client that hangs up is no news here
        while connections.try_join_next().is_some() {}
    }
}
