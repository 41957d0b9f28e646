//! The clocks of an answer: how long its provider may be silent, and how long all of it may take.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use crate::Timeouts;

/// Why waiting ended.
pub(super) enum Late {
    Idle(Duration),
    Total(Duration),
    Stopping,
}

/// The clocks that run while nothing arrives. They cost nothing while something does.
pub(crate) struct Wait {
    pub(super) timeouts: Timeouts,
    pub(super) deadline: Instant,
    /// When the waiting is too long; `None` while nothing is waited for.
    until: Option<Instant>,
    /// Set to `until` or to an earlier time: moving a timer takes the lock that all timers share, so that it
    /// moves on only when it goes off, not with each chunk.
    timer: Option<Pin<Box<Sleep>>>,
    stopped: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wait").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Wait {
    pub(crate) fn new(timeouts: Timeouts, deadline: Instant) -> Self {
        Self { timeouts, deadline, until: None, timer: None, stopped: None }
    }

    /// Something has arrived.
    pub(super) fn rest(&mut self) {
        self.until = None;
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>, stop: &watch::Receiver<bool>) -> Poll<Late> {
        let (idle, deadline) = (self.timeouts.idle, self.deadline);
        let until = *self.until.get_or_insert_with(|| (Instant::now() + idle).min(deadline));
        let stopped = self.stopped.get_or_insert_with(|| {
            let mut stop = stop.clone();
            Box::pin(async move {
                // a closed channel means the gateway is gone, which is a stop as well
                drop(stop.wait_for(|stop| *stop).await);
            })
        });
        if stopped.as_mut().poll(context).is_ready() {
            return Poll::Ready(Late::Stopping);
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() >= until {
                let total = until >= deadline;
                return Poll::Ready(if total { Late::Total(self.timeouts.total) } else { Late::Idle(idle) });
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_arrives_moves_the_idle_timeout_on_but_not_the_end_of_all() {
        let seconds = Duration::from_secs;
        let (_stop, stopped) = watch::channel(false);
        let timeouts = Timeouts { idle: seconds(10), total: seconds(25), ..Timeouts::default() };
        let start = Instant::now();
        let mut wait = Wait::new(timeouts, start + timeouts.total);
        for _ in 0..2 {
            let waited = timeout(seconds(6), poll_fn(|context| wait.poll(context, &stopped))).await;
            assert!(waited.is_err(), "nothing is late");
            wait.rest();
        }
        let late = poll_fn(|context| wait.poll(context, &stopped)).await;
        assert!(matches!(late, Late::Idle(after) if after == seconds(10)));
        assert_eq!(start.elapsed().as_secs(), 22, "from the last arrival");
        wait.rest();
        let late = poll_fn(|context| wait.poll(context, &stopped)).await;
        assert!(matches!(late, Late::Total(after) if after == seconds(25)));
        assert_eq!(start.elapsed().as_secs(), 25);
    }
}
