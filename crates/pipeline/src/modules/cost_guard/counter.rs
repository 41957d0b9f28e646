//! One counter of dollars in the store, written by one task of this process at a time.
//!
//! What comes while a write is under way waits, and is written together by the next: one round trip to a distant store
//! carries any number of reservations, each of them decided by itself. The value that was there last is taken for the
//! present one, so that a write is one round trip; where another gateway was faster it fails, and is made anew from
//! what there is.
//!
//! A reservation that cannot be written is refused at once. What is to be settled waits for the store, for a while.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use penstock_core::Usd;
use penstock_storage::kv::{Key, Ttl};
use penstock_storage::{ErrorKind, StorageAdapter, StorageError};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::tally::{Doubt, Owed, Plan, Wish, Work};

/// How often a write is made anew because others were faster: each of those times one of them got on.
const ATTEMPTS: u32 = 100;
/// Between two tries to settle while the store is away; doubled up to the most.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_AT_MOST: Duration = Duration::from_secs(5);
/// For how long settlements wait for the store.
const PATIENCE: Duration = Duration::from_mins(10);

/// A counter in the store.
pub(super) struct Counter {
    storage: StorageAdapter,
    key: Key,
    lifetime: Ttl,
    queue: Mutex<Queue>,
    arrived: Notify,
}

/// What came of a wish.
#[derive(Debug)]
pub(super) enum Grant {
    /// It is reserved.
    Held(Hold),
    /// Only so much is left.
    Refused(Usd),
}

/// Why a counter cannot be read or written.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) message: Arc<str>,
    /// Whether the store is away, which has been logged.
    pub(super) is_outage: bool,
}

#[derive(Default)]
struct Queue {
    wishes: Vec<(Wish, oneshot::Sender<Result<Grant, Trouble>>)>,
    owed: Owed,
    /// Those who wait until it has been tried to settle.
    settling: Vec<oneshot::Sender<()>>,
    is_running: bool,
    known: Known,
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.wishes.is_empty() && self.owed.is_nothing() && self.settling.is_empty()
    }
}

/// What is known of the store.
#[derive(Default)]
struct Known {
    /// The value, as it was last written or read.
    value: Option<String>,
    /// Whether `value` may still be what is there.
    is_current: bool,
    doubt: Option<Doubt>,
}

/// An amount that is reserved. It is given back when this is dropped, unless it is [kept](Self::keep).
#[derive(Debug)]
pub(super) struct Hold {
    counter: Arc<Counter>,
    amount: Usd,
}

impl Hold {
    /// Nothing, in that counter.
    pub(super) const fn nothing(counter: Arc<Counter>) -> Self {
        Self { counter, amount: Usd::ZERO }
    }

    /// Stays, until it is settled: the counter and the amount.
    pub(super) fn keep(mut self) -> (Arc<Counter>, Usd) {
        (Arc::clone(&self.counter), std::mem::take(&mut self.amount))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.amount > Usd::ZERO {
            drop(self.counter.settle(self.amount, Usd::ZERO));
        }
    }
}

impl Counter {
    /// The counter in `storage` with that key.
    pub(super) fn new(storage: StorageAdapter, key: Key, lifetime: Ttl) -> Self {
        Self { storage, key, lifetime, queue: Mutex::default(), arrived: Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // no step in between leaves it half changed
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves `amount`, if the counter stays within `cap`.
    pub(super) async fn reserve(self: &Arc<Self>, amount: Usd, cap: Usd) -> Result<Grant, Trouble> {
        let (sender, answer) = oneshot::channel();
        self.add(|queue| queue.wishes.push((Wish { amount, cap }, sender)));
        answer
            .await
            .unwrap_or_else(|_| Err(Trouble { message: "the counter was given up".into(), is_outage: false }))
    }

    /// Corrects what was `reserved` to what it did cost, now or once the store is back. Whoever awaits the answer
    /// waits until it has been tried once.
    pub(super) fn settle(self: &Arc<Self>, reserved: Usd, actual: Usd) -> oneshot::Receiver<()> {
        let (sender, answer) = oneshot::channel();
        let owed = Owed::between(reserved, actual);
        if !owed.is_nothing() {
            self.add(|queue| {
                queue.owed = queue.owed.plus(owed);
                queue.settling.push(sender);
            });
        }
        answer
    }

    fn add(self: &Arc<Self>, add: impl FnOnce(&mut Queue)) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // the process ends: what was reserved stays so
            return;
        };
        let mut queue = self.queue();
        add(&mut queue);
        if queue.is_running {
            self.arrived.notify_one();
        } else {
            queue.is_running = true;
            runtime.spawn(Turn { counter: Arc::clone(self), is_over: false }.run());
        }
    }
}

/// The one task that writes a counter.
struct Turn {
    counter: Arc<Counter>,
    /// Whether it has handed the queue back: what comes then is another turn's.
    is_over: bool,
}

/// What a turn has in hand.
#[derive(Default)]
struct Batch {
    work: Work,
    senders: Vec<oneshot::Sender<Result<Grant, Trouble>>>,
    settling: Vec<oneshot::Sender<()>>,
    /// Since when something waits for the store.
    since: Option<Instant>,
}

impl Turn {
    async fn run(mut self) {
        let mut known = std::mem::take(&mut self.counter.queue().known);
        let (mut batch, mut pause) = (Batch::default(), PAUSE);
        while self.gather(&mut batch, &mut known) {
            match self.write(&batch.work, &mut known).await {
                Ok(plan) => {
                    batch.answer(&self.counter, plan);
                    pause = PAUSE;
                }
                Err(trouble) => {
                    batch.fail(&self.counter, &trouble, &mut known);
                    if !batch.work.owed().is_nothing() {
                        drop(tokio::time::timeout(pause, self.counter.arrived.notified()).await);
                        pause = (pause * 2).min(PAUSE_AT_MOST);
                    }
                }
            }
        }
    }

    /// Takes what has come; whether there is anything to do. If there is not, this turn is over.
    fn gather(&mut self, batch: &mut Batch, known: &mut Known) -> bool {
        let mut queue = self.counter.queue();
        if queue.is_empty() && batch.work.owed().is_nothing() {
            queue.known = std::mem::take(known);
            queue.is_running = false;
            self.is_over = true;
            return false;
        }
        for (wish, sender) in std::mem::take(&mut queue.wishes) {
            batch.work.wishes.push(wish);
            batch.senders.push(sender);
        }
        batch.work.fresh = batch.work.fresh.plus(std::mem::take(&mut queue.owed));
        batch.settling.append(&mut queue.settling);
        true
    }

    /// Writes what `work` makes of the counter.
    async fn write(&self, work: &Work, known: &mut Known) -> Result<Plan, Trouble> {
        let Counter { storage, key, lifetime, .. } = &*self.counter;
        for _ in 0..ATTEMPTS {
            let was_known = std::mem::replace(&mut known.is_current, false);
            if !was_known {
                known.value = storage.kv().get(key).await.map_err(|error| Trouble::of(&error))?;
            }
            let value = known.value.as_deref();
            let plan = Plan::of(value, work, known.doubt.as_ref())
                .map_err(|problem| Trouble::wrong(key, &problem))?;
            if plan.before == plan.after {
                let owes_nothing = work.owed().is_nothing();
                let is_certain = match (value, was_known) {
                    (Some(_), false) => true,
                    (Some(_), true) => owes_nothing && plan.answers.iter().all(Result::is_ok),
                    // an entry that cannot be read looks like none: whether there is none shows when it is written
                    (None, _) => owes_nothing,
                };
                if is_certain {
                    known.is_current = value.is_some();
                    known.doubt.take_if(|_| value.is_some());
                    return Ok(plan);
                }
                if was_known {
                    continue;
                }
            }
            let written = plan.after.to_string();
            match storage.kv().cas(key, value, &written, *lifetime).await {
                Ok(true) => {
                    *known = Known { value: Some(written), is_current: true, doubt: None };
                    return Ok(plan);
                }
                Ok(false) => {}
                Err(error) => {
                    // of several writes in doubt the first: a later one that was made looks like somebody else's
                    let doubt = || Doubt {
                        before: known.value.clone(),
                        written,
                        owed: work.owed(),
                        granted: plan.granted,
                    };
                    known.doubt = Some(known.doubt.take().unwrap_or_else(doubt));
                    return Err(Trouble::of(&error));
                }
            }
        }
        Err(Trouble { message: format!("{key}: others change it all the time").into(), is_outage: false })
    }
}

impl Drop for Turn {
    /// A turn that was cut off leaves the queue to the next.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut queue = self.counter.queue();
        queue.is_running = false;
        if !queue.is_empty() {
            queue.wishes.clear();
            queue.settling.clear();
        }
    }
}

impl Batch {
    fn answer(&mut self, counter: &Arc<Counter>, plan: Plan) {
        let wishes = std::mem::take(&mut self.work).wishes;
        let senders = std::mem::take(&mut self.senders);
        for ((wish, sender), answer) in wishes.into_iter().zip(senders).zip(plan.answers) {
            let grant = match answer {
                Ok(()) => Grant::Held(Hold { counter: Arc::clone(counter), amount: wish.amount }),
                Err(left) => Grant::Refused(left),
            };
            // what nobody waits for any more is dropped here, and given back by that
            drop(sender.send(Ok(grant)));
        }
        for sender in self.settling.drain(..) {
            sender.send(()).ok();
        }
        self.since = None;
    }

    /// Refuses the wishes, and keeps what has to be settled; not for ever.
    fn fail(&mut self, counter: &Counter, trouble: &Trouble, known: &mut Known) {
        self.work.wishes.clear();
        for sender in self.senders.drain(..) {
            drop(sender.send(Err(trouble.clone())));
        }
        for sender in self.settling.drain(..) {
            sender.send(()).ok();
        }
        if known.doubt.is_some() {
            self.work.tried = self.work.owed();
            self.work.fresh = Owed::default();
        }
        let Owed { less, more } = self.work.owed();
        if self.work.owed().is_nothing() {
            return;
        }
        if self.since.is_none() && !trouble.is_outage {
            tracing::warn!(key = %counter.key, error = &*trouble.message, "a counter of spend cannot be settled");
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() >= PATIENCE {
            tracing::error!(
                key = %counter.key, error = &*trouble.message, too_much = %less, too_little = %more,
                "a counter of spend could not be settled and stays as it is"
            );
            (self.work, self.since, known.doubt) = (Work::default(), None, None);
        }
    }
}

impl Trouble {
    fn of(error: &StorageError) -> Self {
        Self { message: error.to_string().into(), is_outage: error.kind == ErrorKind::Unavailable }
    }

    fn wrong(key: &Key, problem: &str) -> Self {
        Self { message: format!("{key}: {problem}").into(), is_outage: false }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counter").field("key", &self.key).finish_non_exhaustive()
    }
}
