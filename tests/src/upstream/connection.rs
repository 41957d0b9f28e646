//! A TCP connection that can be told to misbehave below HTTP.
//!
//! hyper only ever writes correct HTTP, so the two faults it cannot express live here: bytes that are
//! not HTTP, and a reset in place of an orderly close.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

const NOT_HTTP: &[u8] =
    b"\x16\x03\x01 SSH-2.0-scripted\r\n220 this is not HTTP at all\r\n\x00\xff\xfe\r\n\r\n";

/// How a connection is to misbehave, shared between it and the requests on it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sabotage(Arc<Plan>);

#[derive(Debug, Default)]
struct Plan {
    garble: AtomicBool,
    reset: AtomicBool,
}

impl Sabotage {
    /// From now on the connection writes bytes that are not HTTP, in place of what hyper writes.
    pub(super) fn garble(&self) {
        self.0.garble.store(true, Ordering::Release);
    }

    /// The connection ends with a reset.
    pub(super) fn reset_on_close(&self) {
        self.0.reset.store(true, Ordering::Release);
    }
}

/// The stream hyper reads from and writes to.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    sabotage: Sabotage,
    garbled: usize,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, sabotage: Sabotage) -> Self {
        Self { stream, sabotage, garbled: 0 }
    }

    fn garbles(&self) -> bool {
        self.sabotage.0.garble.load(Ordering::Acquire)
    }

    /// Writes the garbage once; hyper is told that all of its `length` bytes went out.
    fn poll_garble(&mut self, context: &mut Context<'_>, length: usize) -> Poll<io::Result<usize>> {
        while let Some(rest) = NOT_HTTP.get(self.garbled..).filter(|rest| !rest.is_empty()) {
            self.garbled += ready!(Pin::new(&mut self.stream).poll_write(context, rest))?;
        }
        Poll::Ready(Ok(length))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.sabotage.0.reset.load(Ordering::Acquire) {
            // Failing means that the peer closed first, and then there is nothing left to reset
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.garbles() {
            return self.poll_garble(context, data.len());
        }
        Pin::new(&mut self.stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.garbles() {
            return self.poll_garble(context, data.iter().map(|slice| slice.len()).sum());
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
