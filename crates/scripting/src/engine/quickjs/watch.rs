//! Ends what takes too long or too much.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use penstock_quickjs_native::Memory;
use rquickjs::runtime::InterruptHandler;
use rustix::time::{ClockId, clock_gettime};

use crate::engine::{Cut, Host, Limits};

/// Watches the scripts of one runtime. The limit is one of the processor's time: a machine with much else to do ends no
/// script that does nothing wrong. To read that clock is a call into the kernel that takes as long as a short hook, so it
/// is not read before the engine asks for the first time, some 10,000 steps after the beginning.
pub(super) struct Watch {
    memory: Memory,
    limits: Limits,
    stretch: Arc<Mutex<Stretch>>,
}

/// The stretch that is under way.
struct Stretch {
    began: Instant,
    /// The processor's time when the engine asked first.
    asked: Option<Duration>,
    cut: Option<Cut>,
    /// Whether the host knows that it is not short.
    is_told: bool,
}

/// How many times as long as a short stretch one may seem to take whose time the engine never asked for. It may have had
/// to wait for the processor.
const UNSEEN: u32 = 10;

impl Watch {
    pub(super) fn new(memory: Memory, limits: Limits) -> Self {
        Self { memory, limits, stretch: Arc::new(Mutex::new(Stretch::begin())) }
    }

    /// A stretch begins, on the thread that it stays on.
    pub(super) fn begin(&self) {
        *locked(&self.stretch) = Stretch::begin();
    }

    /// Why the stretch was ended, if it was.
    pub(super) fn cut(&self) -> Option<Cut> {
        locked(&self.stretch).cut
    }

    /// How long the stretch has taken so far, if it is a long one.
    pub(super) fn long(&self) -> Option<Duration> {
        let stretch = locked(&self.stretch);
        let took = stretch.began.elapsed();
        (stretch.is_told || took > self.limits.short * UNSEEN).then_some(took)
    }

    /// What the engine asks now and then.
    pub(super) fn handler(&self, host: &Arc<dyn Host>) -> InterruptHandler {
        let (memory, limits) = (self.memory.clone(), self.limits);
        let (stretch, host) = (Arc::clone(&self.stretch), Arc::clone(host));
        Box::new(move || {
            let mut stretch = locked(&stretch);
            let now = processor_time();
            let took = now.saturating_sub(*stretch.asked.get_or_insert(now));
            if memory.is_exhausted() {
                stretch.cut = Some(Cut::Memory);
            } else if took > limits.stretch {
                stretch.cut = Some(Cut::Time);
            } else if took > limits.short && !std::mem::replace(&mut stretch.is_told, true) {
                host.is_long();
            }
            stretch.cut.is_some()
        })
    }
}

impl Stretch {
    fn begin() -> Self {
        Self { began: Instant::now(), asked: None, cut: None, is_told: false }
    }
}

fn locked(stretch: &Mutex<Stretch>) -> MutexGuard<'_, Stretch> {
    stretch.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The processor's time that this thread has used.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
