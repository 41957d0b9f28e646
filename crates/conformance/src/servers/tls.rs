//! TLS before a PostgreSQL that is not built with it, as a pooler in front of one does it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use crate::Failure;

/// With what a client asks for TLS: its length, and a number that is no version.
const REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A front that lets nobody through without TLS; it ends when this is dropped.
#[derive(Debug)]
pub struct TlsFront {
    /// Where it listens.
    pub address: SocketAddr,
    task: AbortHandle,
}

impl TlsFront {
    /// A front before the PostgreSQL at `server`, with a certificate of `authority` for `names`.
    pub async fn start(server: SocketAddr, authority: &Authority, names: &[&str]) -> Result<Self, Failure> {
        let folder = TempDir::new()?;
        let shown = authority.certify(names, folder.path())?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(&shown.certificate)?],
                PrivateKeyDer::from_pem_file(&shown.key)?,
            )?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, acceptor.clone()));
            }
        });
        Ok(Self { address, task: task.abort_handle() })
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A client that does not trust the front ends this, and so does one that wants no TLS.
async fn connect(mut client: TcpStream, server: SocketAddr, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut request = [0; REQUEST.len()];
    client.read_exact(&mut request).await?;
    if request != REQUEST {
        return Ok(());
    }
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await.map(drop)
}
