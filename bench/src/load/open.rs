//! Requests at a fixed rate, whether or not the ones before are answered.
//!
//! Each connection has a thread that blocks, since the timers of an event loop are too coarse to
//! measure microseconds with. A latency counts from the moment at which the request should have been
//! sent: an answer that keeps its connection busy too long counts against the requests that had to
//! wait for it (no coordinated omission).

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use bytes::Bytes;

use super::BUFFER;
use crate::answer::Answer;

/// A thread wakes this much early, and then looks at the clock until the moment has come.
const EARLY: Duration = Duration::from_micros(40);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The load.
#[derive(Clone, Debug)]
pub(crate) struct Open {
    /// Where it goes.
    pub(crate) address: SocketAddr,
    /// What is sent, head and body.
    pub(crate) request: Bytes,
    /// Connections, which take turns.
    pub(crate) connections: u32,
    /// Requests a second.
    pub(crate) rate: u32,
    /// Requests in all.
    pub(crate) requests: u32,
}

/// What was measured, one entry for each request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies {
    /// To the first bytes of the body.
    pub(crate) first: Vec<Duration>,
    /// To the end.
    pub(crate) whole: Vec<Duration>,
    /// Events in all answers.
    pub(crate) events: u64,
}

impl Open {
    /// Runs it to its end.
    pub(crate) fn run(&self) -> Result<Latencies> {
        // time for all threads to connect
        let start = Instant::now() + Duration::from_millis(100);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.connections)
                .map(|number| scope.spawn(move || self.connection(number, start)))
                .collect();
            let mut all = Latencies::default();
            for thread in threads {
                let part = thread.join().map_err(|_| anyhow!("a thread of the load panicked"))??;
                all.first.extend(part.first);
                all.whole.extend(part.whole);
                all.events += part.events;
            }
            Ok(all)
        })
    }

    fn connection(&self, number: u32, start: Instant) -> Result<Latencies> {
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let mut stream =
            TcpStream::connect(self.address).with_context(|| format!("no connection to {}", self.address))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut buffer = vec![0; BUFFER];
        let mut latencies = Latencies::default();
        for turn in (number..self.requests).step_by(usize::try_from(self.connections)?) {
            let due = start + Duration::from_secs(1) * turn / self.rate;
            wait_until(due);
            stream.write_all(&self.request)?;
            let mut answer = Answer::default();
            let mut first = None;
            while !answer.is_done() {
                let length = stream.read(&mut buffer)?;
                let now = Instant::now();
                if length == 0 {
                    bail!("an answer broke off after {} events, {} bytes", answer.events(), answer.body());
                }
                answer.take(&buffer[..length])?;
                if answer.has_begun() {
                    first.get_or_insert(now);
                }
            }
            latencies.whole.push(due.elapsed());
            latencies.first.extend(first.map(|first| first - due));
            latencies.events += answer.events();
        }
        Ok(latencies)
    }
}

fn wait_until(due: Instant) {
    let left = due.saturating_duration_since(Instant::now());
    if left > EARLY {
        std::thread::sleep(left.saturating_sub(EARLY));
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
