//! The local, durable log of begun and finished requests.
//!
//! A request that is about to reach a provider leaves a begin record; when it is answered, broken off
//! or abandoned it leaves exactly one end record, written before its client sees the last byte. The
//! write reaches the kernel at once, so that `kill -9` loses nothing; the disk follows in groups of at
//! most 100 ms. Settlements are applied to the control store later and then acknowledged, which leaves
//! a record as well: the store forgets in time what it was told, and would take it for new. A segment
//! goes away when everything in it is acknowledged. Segments go oldest first: an end record must not
//! disappear before the begin record it answers, nor an acknowledgement before what it is of.
//!
//! No request waits for another here, and only the `strict` mode waits for the disk.

mod record;
mod recover;
mod segment;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use penstock_core::{Clock, RequestId, SystemClock};

use self::record::{Draft, Kind};
use self::segment::Segment;
use crate::Settlement;
use crate::settlement::Journaled;

pub use self::recover::Recovered;

/// How often what was written is brought to the disk.
const SYNC_INTERVAL: Duration = Duration::from_millis(100);

/// Segments that wait to be written: the next one, and one more where a file is at hand.
const SPARES: usize = 2;

/// Ids of one record, which has to fit into a segment.
const APPLIED: usize = 500;

/// When a response may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Durability {
    /// Once the record is with the kernel: survives the process, not a power cut of the last 100 ms.
    #[default]
    Group,
    /// Once the record is on the disk.
    Strict,
}

/// What gives when the byte cap is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WhenFull {
    /// New requests are refused.
    #[default]
    BlockNew,
    /// Requests go on, and what they use is noted as long as the disk takes it; what else is logged of them is
    /// given up.
    DropLogsKeepUsage,
}

/// Sizes and policy.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// Bytes of one segment.
    pub segment_bytes: u64,
    /// Bytes of all segments, those of earlier processes included; past it the policy holds.
    pub max_bytes: u64,
    /// The policy.
    pub when_full: WhenFull,
    /// When a response may go on.
    pub durability: Durability,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            max_bytes: 1 << 30,
            when_full: WhenFull::BlockNew,
            durability: Durability::Group,
        }
    }
}

/// Why a request cannot be journaled.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The byte cap is reached: the control store has been away for long.
    #[error("the journal is full: settlements are not reaching the control store")]
    Full,
    /// The record is larger than a segment.
    #[error("a record of {0} bytes does not fit into the journal")]
    TooLarge(u64),
    /// The disk does not take it.
    #[error("the journal cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// A begun request's claim on the journal. It is given back by [`Journal::acknowledge`] or
/// [`Journal::void`]; a ticket that is merely dropped keeps its segments until the next start, where
/// the request is found and settled.
#[derive(Debug)]
#[must_use = "a begun request has to be ended"]
pub struct Ticket {
    request_id: RequestId,
    begin: Arc<Segment>,
    end: Option<Arc<Segment>>,
}

/// See the module.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    housekeeper: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    dir: PathBuf,
    options: JournalOptions,
    current: ArcSwap<Segment>,
    /// Full segments, oldest first, and those prepared to come next.
    rest: Mutex<Rest>,
    wake: Condvar,
    stop: AtomicBool,
    open: AtomicU64,
    pending: AtomicU64,
    /// What an earlier process has left, until it is settled: bytes on the disk, and of `pending`.
    recovered_bytes: AtomicU64,
    recovered_rows: AtomicU64,
}

#[derive(Debug, Default)]
struct Rest {
    full: VecDeque<Arc<Segment>>,
    /// The next ones, with the ids behind the current one's.
    spares: VecDeque<Segment>,
}

impl Journal {
    /// Opens the journal in `dir`, and says what an earlier process left there. The caller settles
    /// that and then calls [`Self::forget`].
    pub fn open(dir: &Path, options: JournalOptions) -> io::Result<(Self, Recovered)> {
        std::fs::create_dir_all(dir)?;
        let recovered = recover::read(dir)?;
        let next = recovered.segments.last().map_or(1, |(last, _)| last + 1);
        let current = Segment::create(dir, next, options.segment_bytes)?;
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            current: ArcSwap::from_pointee(current),
            rest: Mutex::default(),
            wake: Condvar::new(),
            stop: AtomicBool::new(false),
            open: AtomicU64::new(0),
            pending: AtomicU64::new(recovered.settlements.len() as u64),
            recovered_bytes: AtomicU64::new(recovered.bytes),
            recovered_rows: AtomicU64::new(recovered.settlements.len() as u64),
        });
        let housekeeper = std::thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.keep_house()
        })?;
        Ok((Self { shared, housekeeper: Mutex::new(Some(housekeeper)) }, recovered))
    }

    /// Removes the segments of `recovered`, now that everything in them is in the store. One in which
    /// something could not be read is put aside under another name, for someone to look at.
    pub fn forget(&self, recovered: &Recovered) -> io::Result<()> {
        let rows = self.shared.recovered_rows.swap(0, Ordering::Relaxed);
        self.shared.pending.fetch_sub(rows, Ordering::Relaxed);
        recovered.segments.iter().try_for_each(|(id, damaged)| {
            let path = segment::path(&self.shared.dir, *id);
            if *damaged { std::fs::rename(&path, aside(&path)) } else { std::fs::remove_file(path) }
        })?;
        self.shared.recovered_bytes.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Notes that a request is about to reach a provider. `if_lost` is what it owes should nothing
    /// else be heard of it.
    pub fn begin(&self, if_lost: &Settlement) -> Result<Ticket, JournalError> {
        let limit = match self.shared.options.when_full {
            WhenFull::BlockNew => Limit::Cap,
            WhenFull::DropLogsKeepUsage => Limit::None,
        };
        let begin = self.shared.append(Kind::Begin, if_lost, limit).inspect_err(|error| {
            if matches!(error, JournalError::Io(_)) {
                // the record may be there all the same, and the request is refused now
                drop(self.shared.note(Kind::Void, &if_lost.request_id));
            }
        })?;
        self.shared.open.fetch_add(1, Ordering::Relaxed);
        Ok(Ticket { request_id: if_lost.request_id, begin, end: None })
    }

    /// Notes that a begun request goes to another provider: it is the one that will owe.
    pub fn begin_again(&self, ticket: &mut Ticket, if_lost: &Settlement) -> Result<(), JournalError> {
        let begin = self.shared.append(Kind::Begin, if_lost, Limit::None)?;
        std::mem::replace(&mut ticket.begin, begin).release();
        Ok(())
    }

    /// Notes what an ended request owes. The cap does not hold here: what was begun must end.
    pub fn end(&self, ticket: &mut Ticket, settlement: &Settlement) -> Result<(), JournalError> {
        let written = self.shared.append(Kind::End, settlement, Limit::None);
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        self.shared.pending.fetch_add(1, Ordering::Relaxed);
        ticket.end = Some(written?);
        Ok(())
    }

    /// Notes that a begun request owes nothing: no provider answered it.
    pub fn void(&self, ticket: &Ticket) -> Result<(), JournalError> {
        let written = self.shared.note(Kind::Void, &ticket.request_id);
        self.shared.open.fetch_sub(1, Ordering::Relaxed);
        // also if the record is missing: at worst the request is settled as interrupted after a crash,
        // whereas a segment that is held for ever would hold all later ones
        ticket.begin.release();
        written
    }

    /// Notes that the store has the settlements.
    pub fn acknowledge(&self, tickets: &[Ticket]) {
        for some in tickets.chunks(APPLIED) {
            let ids: Vec<_> = some.iter().map(|ticket| ticket.request_id).collect();
            // before anything is let go of, so that it goes no sooner than what it is of
            if let Err(error) = self.shared.note(Kind::Applied, ids.as_slice()) {
                // the store knows them as long as it keeps their rows
                tracing::debug!(%error, rows = ids.len(), "what is settled may be looked at again");
            }
        }
        self.shared.pending.fetch_sub(tickets.len() as u64, Ordering::Relaxed);
        for ticket in tickets {
            if let Some(end) = &ticket.end {
                end.release();
            }
            ticket.begin.release();
        }
    }

    /// Begun requests that have not ended.
    pub fn open_requests(&self) -> u64 {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// Ended requests that the store does not have yet.
    pub fn pending(&self) -> u64 {
        self.shared.pending.load(Ordering::Relaxed)
    }

    /// Whether its segments have reached the byte cap.
    pub fn is_full(&self) -> bool {
        self.shared.is_full(&self.shared.rest())
    }

    /// Whether logs have to give way to what was used.
    pub fn drops_logs(&self) -> bool {
        self.shared.options.when_full == WhenFull::DropLogsKeepUsage && self.is_full()
    }

    /// Stops the housekeeping; what is still owed stays on disk. Without anything owed the folder is
    /// left empty.
    pub fn close(&self) -> io::Result<()> {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake.notify_all();
        let housekeeper = self.housekeeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(housekeeper) = housekeeper {
            drop(housekeeper.join());
        }
        let current = self.shared.current.load();
        current.sync()?;
        let mut rest = self.shared.rest();
        for spare in rest.spares.drain(..) {
            std::fs::remove_file(&spare.path)?;
        }
        let empty = rest.full.is_empty() && current.held() == 0;
        if empty { std::fs::remove_file(&current.path) } else { Ok(()) }
    }
}

/// A name under which a segment is kept: ids are used again, so the time belongs to it.
fn aside(path: &Path) -> PathBuf {
    path.with_extension(format!("{}.damaged", SystemClock.now()))
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::debug!(%error, "the journal's last segment stays");
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Limit {
    Cap,
    None,
}

impl Shared {
    fn rest(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(
        &self,
        kind: Kind,
        record: &(impl Journaled + ?Sized),
        limit: Limit,
    ) -> Result<Arc<Segment>, JournalError> {
        let mut record = Draft::new(record);
        if record.size() > self.options.segment_bytes {
            return Err(JournalError::TooLarge(record.size()));
        }
        loop {
            let current = self.current.load_full();
            if current.append(kind, &mut record)? {
                // what the store has is on its disk; this only spares a look
                if self.options.durability == Durability::Strict && kind != Kind::Applied {
                    // nobody has it who could let go of it
                    current.sync_now().inspect_err(|_| current.release())?;
                }
                return Ok(current);
            }
            self.roll(&current, limit)?;
        }
    }

    /// Appends a record that holds nothing: no one waits for what it says.
    fn note(&self, kind: Kind, record: &(impl Journaled + ?Sized)) -> Result<(), JournalError> {
        self.append(kind, record, Limit::None).map(|segment| segment.release())
    }

    /// Puts the next segment in the place of `full`, unless another writer just did.
    fn roll(&self, full: &Arc<Segment>, limit: Limit) -> Result<(), JournalError> {
        let mut rest = self.rest();
        if self.current.load().id != full.id {
            return Ok(());
        }
        if limit == Limit::Cap && self.is_full(&rest) {
            return Err(JournalError::Full);
        }
        let next = match rest.spares.pop_front() {
            Some(spare) => spare,
            None => Segment::create(&self.dir, full.id + 1, self.options.segment_bytes)?,
        };
        rest.full.push_back(Arc::clone(full));
        self.current.store(Arc::new(next));
        self.wake.notify_all();
        Ok(())
    }

    /// Whether one segment more would be past the cap.
    fn is_full(&self, rest: &Rest) -> bool {
        self.is_past_cap(rest.full.len() + 2)
    }

    /// Whether so many segments are.
    fn is_past_cap(&self, segments: usize) -> bool {
        let recovered = self.recovered_bytes.load(Ordering::Relaxed);
        segments as u64 * self.options.segment_bytes + recovered > self.options.max_bytes
    }

    fn keep_house(&self) {
        let mut failing = false;
        while !self.stop.load(Ordering::Acquire) {
            let tidied = self.tidy();
            match &tidied {
                Err(error) if !failing => tracing::error!(%error, "the journal's housekeeping fails"),
                Ok(()) if failing => tracing::info!("the journal's housekeeping works again"),
                _ => {}
            }
            failing = tidied.is_err();
            let rest = self.rest();
            drop(self.wake.wait_timeout(rest, SYNC_INTERVAL));
        }
    }

    /// Lets go of the segments whose records are all in the store, syncs, and prepares the next segment.
    /// Letting go stands first: on a full disk it is what lets the rest succeed.
    fn tidy(&self) -> io::Result<()> {
        metrics::gauge!("penstock_journal_open_requests").set(gauge(&self.open));
        metrics::gauge!("penstock_journal_pending_settlements").set(gauge(&self.pending));
        while let Some(done) = self.take_done() {
            self.let_go(&done)?;
        }
        let full: Vec<_> = self.rest().full.iter().cloned().collect();
        full.iter().try_for_each(|segment| segment.sync())?;
        self.current.load().sync()?;
        self.prepare()
    }

    fn take_done(&self) -> Option<Arc<Segment>> {
        let mut rest = self.rest();
        rest.full.front().filter(|oldest| oldest.held() == 0)?;
        rest.full.pop_front()
    }

    /// Makes a later segment of a finished one, or removes it.
    fn let_go(&self, done: &Segment) -> io::Result<()> {
        let mut rest = self.rest();
        let segments = rest.full.len() + 1 + rest.spares.len();
        if rest.spares.len() == SPARES || self.is_past_cap(segments + 1) {
            return std::fs::remove_file(&done.path);
        }
        let spare = Segment::reuse(done, &self.dir, self.next_id(&rest))
            .inspect_err(|_| drop(std::fs::remove_file(&done.path)))?;
        rest.spares.push_back(spare);
        Ok(())
    }

    /// Makes the next segment ready, so that the writer who needs it does not wait for the disk.
    fn prepare(&self) -> io::Result<()> {
        let mut rest = self.rest();
        if rest.spares.is_empty() {
            let next = Segment::create(&self.dir, self.next_id(&rest), self.options.segment_bytes)?;
            rest.spares.push_back(next);
        }
        Ok(())
    }

    fn next_id(&self, rest: &Rest) -> u64 {
        rest.spares.back().map_or_else(|| self.current.load().id, |spare| spare.id) + 1
    }
}

fn gauge(value: &AtomicU64) -> f64 {
    f64::from(u32::try_from(value.load(Ordering::Relaxed)).unwrap_or(u32::MAX))
}
