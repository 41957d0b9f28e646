//! A fixed number of connections, each with one request at a time, all on one thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::BUFFER;
use crate::answer::Answer;

/// When a connection has done its part.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// When so much time has passed; a request that was begun is finished.
    Time(Duration),
    /// After one request.
    Once,
}

/// How answers are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// As they come.
    Eager,
    /// So many bytes at a time, with a pause after each, and a receive buffer no larger than that.
    Slow {
        /// Bytes read at a time.
        bytes: u32,
        /// How long to pause then.
        pause: Duration,
    },
}

/// The load.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    /// Where it goes.
    pub(crate) address: SocketAddr,
    /// What is sent, head and body: each connection begins at another one, and sends them in turn.
    pub(crate) requests: Arc<[Bytes]>,
    /// Connections, each kept alive.
    pub(crate) connections: u32,
    /// For how long.
    pub(crate) until: Until,
    /// The time over which connections begin, one after the other.
    pub(crate) ramp: Duration,
    /// How answers are read.
    pub(crate) reading: Reading,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Whole answers.
    pub(crate) answers: u64,
    /// Events in them.
    pub(crate) events: u64,
    /// Bytes of their bodies.
    pub(crate) bytes: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
}

impl Closed {
    /// A load without ramp that reads as answers come.
    pub(crate) fn new(address: SocketAddr, request: Bytes, connections: u32, until: Until) -> Self {
        let requests = Arc::new([request]);
        Self { address, requests, connections, until, ramp: Duration::ZERO, reading: Reading::Eager }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<Done> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.all())
    }

    async fn all(&self) -> Result<Done> {
        let start = Instant::now();
        let mut connections = JoinSet::new();
        for number in 0..self.connections {
            let wait = self.ramp * number / self.connections;
            let first = self.requests.len() * usize::try_from(number)? / usize::try_from(self.connections)?;
            connections.spawn(connection(self.clone(), start, wait, first));
        }
        let mut total = Done::default();
        while let Some(done) = connections.join_next().await {
            let done = done??;
            total.answers += done.answers;
            total.events += done.events;
            total.bytes += done.bytes;
        }
        Ok(Done { elapsed: start.elapsed(), ..total })
    }
}

async fn connection(load: Closed, start: Instant, wait: Duration, first: usize) -> Result<Done> {
    tokio::time::sleep(wait).await;
    let mut stream = connect(&load).await.with_context(|| format!("no connection to {}", load.address))?;
    let mut buffer = match load.reading {
        Reading::Eager => vec![0; BUFFER],
        Reading::Slow { bytes, .. } => vec![0; usize::try_from(bytes)?],
    };
    let mut done = Done::default();
    let mut requests = load.requests.iter().cycle().skip(first);
    loop {
        let request = requests.next().context("a load without a request")?;
        stream.write_all(request).await?;
        let answer = read(&mut stream, &mut buffer, load.reading).await?;
        done.answers += 1;
        done.events += answer.events();
        done.bytes += answer.body();
        match load.until {
            Until::Time(time) if start.elapsed() < time => {}
            Until::Time(_) | Until::Once => return Ok(done),
        }
    }
}

async fn connect(load: &Closed) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_nodelay(true)?;
    if let Reading::Slow { bytes, .. } = load.reading {
        socket.set_recv_buffer_size(bytes)?;
    }
    Ok(socket.connect(load.address).await?)
}

async fn read(stream: &mut TcpStream, buffer: &mut [u8], reading: Reading) -> Result<Answer> {
    let mut answer = Answer::default();
    loop {
        let length = stream.read(buffer).await?;
        if length == 0 {
            bail!("an answer broke off after {} events, {} bytes", answer.events(), answer.body());
        }
        answer.take(&buffer[..length])?;
        if answer.is_done() {
            return Ok(answer);
        }
        if let Reading::Slow { pause, .. } = reading {
            tokio::time::sleep(pause).await;
        }
    }
}
