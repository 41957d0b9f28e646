//! A forward proxy: CONNECT or SOCKS 5, with or without a login.
//!
//! Every host that it is asked for is the same server to it, so that names which nobody knows prove that the proxy
//! was asked, and that it was left to look them up.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Which protocol a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP, of which it knows CONNECT alone.
    Connect,
    /// SOCKS 5 (RFC 1928), with names and passwords (RFC 1929).
    Socks5,
}

/// What became of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It has a tunnel to that host and port.
    Tunnel(String),
    /// Its login was not the right one.
    Refused,
}

/// A running proxy; it stops when this is dropped.
#[derive(Debug)]
pub struct ForwardProxy {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: AbortHandle,
}

#[derive(Clone)]
struct Door {
    speaks: Speaks,
    login: Option<(String, String)>,
    server: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl ForwardProxy {
    /// Starts one that leads to `server`, for those who know the login.
    pub async fn start(speaks: Speaks, login: Option<(&str, &str)>, server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let (address, seen) = (listener.local_addr()?, Arc::default());
        let login = login.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let door = Door { speaks, login, server, seen: Arc::clone(&seen) };
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let door = door.clone();
                // whoever breaks off is nobody's business
                tokio::spawn(async move { door.serve(client).await });
            }
        });
        Ok(Self { address, seen, task: task.abort_handle() })
    }

    /// What became of its clients so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where its tunnels go.
    pub fn tunnels(&self) -> Vec<String> {
        let tunnel = |seen| match seen {
            Seen::Tunnel(host) => Some(host),
            Seen::Refused => None,
        };
        self.seen().into_iter().filter_map(tunnel).collect()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    async fn serve(self, mut client: TcpStream) -> Result<()> {
        client.set_nodelay(true)?;
        let host = match self.speaks {
            Speaks::Connect => self.connect(&mut client).await?,
            Speaks::Socks5 => self.socks5(&mut client).await?,
        };
        let Some(host) = host else {
            self.note(Seen::Refused);
            return Ok(());
        };
        self.note(Seen::Tunnel(host));
        let mut server = TcpStream::connect(self.server).await?;
        server.set_nodelay(true)?;
        drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
        Ok(())
    }

    fn note(&self, seen: Seen) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }

    /// The host that is asked for; nothing if the login is wrong.
    async fn connect(&self, client: &mut TcpStream) -> Result<Option<String>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let head = String::from_utf8(head)?;
        let host = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next());
        let host = host.with_context(|| format!("expected CONNECT, found {head}"))?.to_owned();
        if let Some((name, password)) = &self.login {
            let shown =
                format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(format!("{name}:{password}")));
            if !head.contains(&shown) {
                let refusal =
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
                client.write_all(refusal).await?;
                return Ok(None);
            }
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
        Ok(Some(host))
    }

    /// The same.
    async fn socks5(&self, client: &mut TcpStream) -> Result<Option<String>> {
        ensure!(client.read_u8().await? == 5, "expected SOCKS 5");
        let methods = short(client).await?;
        let wanted = if self.login.is_some() { 2 } else { 0 };
        if !methods.contains(&wanted) {
            client.write_all(&[5, 0xff]).await?;
            return Ok(None);
        }
        client.write_all(&[5, wanted]).await?;
        if let Some((name, password)) = &self.login {
            ensure!(client.read_u8().await? == 1, "expected a login");
            let shown = (short(client).await?, short(client).await?);
            let right = shown.0 == name.as_bytes() && shown.1 == password.as_bytes();
            client.write_all(&[1, u8::from(!right)]).await?;
            if !right {
                return Ok(None);
            }
        }
        let mut begin = [0; 3];
        client.read_exact(&mut begin).await?;
        ensure!(begin == [5, 1, 0], "expected a connection, found {begin:?}");
        let host = match client.read_u8().await? {
            1 => Ipv4Addr::from(client.read_u32().await?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(client.read_u128().await?)),
            _ => String::from_utf8(short(client).await?)?,
        };
        let port = client.read_u16().await?;
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
        Ok(Some(format!("{host}:{port}")))
    }
}

/// Bytes after their number.
async fn short(client: &mut TcpStream) -> Result<Vec<u8>> {
    let mut bytes = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
