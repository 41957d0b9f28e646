//! Ends what takes too long or too much.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use penstock_quickjs_native::Memory;
use rquickjs::runtime::InterruptHandler;
use rustix::time::{ClockId, clock_gettime};

use crate::engine::Cut;

/// Watches the scripts of one runtime. The time is that of the processor: a machine with much else to do ends no
/// script that does nothing wrong.
pub(super) struct Watch {
    state: Rc<State>,
}

struct State {
    memory: Memory,
    limit: Duration,
    began: Cell<Duration>,
    cut: Cell<Option<Cut>>,
}

impl Watch {
    pub(super) fn new(memory: Memory, limit: Duration) -> Self {
        let (began, cut) = (Cell::new(now()), Cell::new(None));
        Self { state: Rc::new(State { memory, limit, began, cut }) }
    }

    /// A stretch begins.
    pub(super) fn begin(&self) {
        self.state.began.set(now());
        self.state.cut.set(None);
    }

    /// Why the stretch was ended, if it was.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.state.cut.get()
    }

    /// What the engine asks now and then.
    pub(super) fn handler(&self) -> InterruptHandler {
        let state = Rc::clone(&self.state);
        Box::new(move || {
            if state.memory.is_exhausted() {
                state.cut.set(Some(Cut::Memory));
            } else if now().saturating_sub(state.began.get()) > state.limit {
                state.cut.set(Some(Cut::Time));
            }
            state.cut.get().is_some()
        })
    }
}

/// The processor's time that this thread has used.
fn now() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
