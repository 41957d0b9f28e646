//! A TCP proxy that cuts, stalls and slows what goes through it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::Failure;

/// What the proxy does to every connection, old and new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Nothing passes, nothing is closed: a server that hangs.
    Stall,
    /// Connections are closed as soon as they are there: a server that is gone.
    Cut,
    /// Each piece waits so long.
    Slow(Duration),
    /// What holds this text is passed on, and instead of the answer to it the connection is closed: it was done,
    /// and nobody is told.
    LoseAnswerTo(&'static str),
}

/// The proxy; it ends when this is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    /// Where it listens.
    pub address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: AbortHandle,
}

impl FaultProxy {
    /// A proxy before `server`.
    pub async fn start(server: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, watched) = watch::channel(Fault::None);
        let task = tokio::spawn(accept(listener, server, watched)).abort_handle();
        Ok(Self { address, fault, task })
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, fault: watch::Receiver<Fault>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(connect(client, server, fault.clone()));
    }
}

async fn connect(client: TcpStream, server: SocketAddr, mut fault: watch::Receiver<Fault>) {
    let is_cut = |fault: &Fault| *fault == Fault::Cut;
    if is_cut(&fault.borrow()) {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    // a delay of the proxy's own would be a fault nobody asked for
    if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
        return;
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let asked = AtomicBool::new(false);
    tokio::select! {
        () = pass(from_client, to_server, fault.clone(), Way::Question(&asked)) => {}
        () = pass(from_server, to_client, fault.clone(), Way::Answer(&asked)) => {}
        _ = fault.wait_for(is_cut) => {}
    }
}

/// Which way something passes; both ways of a connection know whether what is to go unanswered was asked.
enum Way<'a> {
    Question(&'a AtomicBool),
    Answer(&'a AtomicBool),
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut fault: watch::Receiver<Fault>,
    way: Way<'_>,
) {
    let mut piece = vec![0; 64 * 1024];
    // what may be the begin of a text that goes on in the next piece
    let mut seen = Vec::new();
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let Ok(now) = fault.wait_for(|fault| *fault != Fault::Stall).await.map(|fault| *fault) else {
            return;
        };
        match (now, &way) {
            // what arrives at the moment of the cut is not to get through
            (Fault::Cut, _) => return,
            (Fault::Slow(pause), _) => tokio::time::sleep(pause).await,
            (Fault::LoseAnswerTo(text), Way::Question(asked)) => {
                seen.extend_from_slice(&piece[..length]);
                if seen.windows(text.len()).any(|window| window == text.as_bytes()) {
                    asked.store(true, Ordering::Relaxed);
                }
                seen.drain(..seen.len().saturating_sub(text.len()));
            }
            (Fault::LoseAnswerTo(_), Way::Answer(asked)) if asked.load(Ordering::Relaxed) => return,
            _ => {}
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
