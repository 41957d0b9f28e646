//! Child processes: started on free ports, watched, measured, stopped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::interrupt;

/// How long a process may take to end once it is asked to.
const STOP: Duration = Duration::from_secs(30);
/// The kernel's tick, in which `/proc/PID/stat` counts: a hundredth of a second on every Linux.
const TICK: Duration = Duration::from_millis(10);
/// From this part of the machine on, what other processes take disturbs a measurement.
pub(crate) const DISTURBED: f64 = 0.04;
/// How long others are waited for.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running process that has said where it listens.
#[derive(Debug)]
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    /// Kept open: a process that lost its output might behave differently.
    _stdout: BufReader<ChildStdout>,
    log: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a process and waits for the first line of its output, which must name its address. Its
    /// standard error goes to `log`.
    pub(crate) fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Self> {
        let stderr = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().with_context(|| format!("{name} could not be started"))?;
        if let Err(error) = interrupt::adopt(Pid::from_child(&child)) {
            child.kill()?;
            return Err(error);
        }
        let stdout = child.stdout.take().context("a child without output")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line.split_whitespace().find_map(|word| {
            let word = word.strip_prefix("http://").unwrap_or(word);
            word.parse().ok()
        });
        let log = log.to_owned();
        let Some(address) = address else {
            drop(child.kill());
            child.wait()?;
            bail!("{name} did not say where it listens, but {line:?}: {}", last_words(&log));
        };
        Ok(Self { name, child, _stdout: stdout, log, address })
    }

    /// An error if the process has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended ({status}): {}", self.name, last_words(&self.log)),
        }
    }

    /// The processor time it has used.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        Cpu::of(self.child.id())
    }

    /// The memory it holds.
    pub(crate) fn memory(&self) -> Result<Memory> {
        Memory::of(self.child.id())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.check()?;
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let start = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(start.elapsed() < STOP, "{} did not end within {} s", self.name, STOP.as_secs());
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // both fail only on a process that is gone already
        drop(self.child.kill());
        drop(self.child.wait());
        interrupt::forget(Pid::from_child(&self.child));
    }
}

/// The end of a log, for a message.
fn last_words(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// A reading of a process's processor time; the default one is from before it was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cpu {
    /// Of each thread that is alive, exact.
    threads: BTreeMap<u32, Duration>,
    /// Of all threads there ever were, in ticks.
    ticks: Duration,
}

impl Cpu {
    fn of(id: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{id}/task"))? {
            let entry = entry?;
            let thread = entry.file_name().to_string_lossy().parse()?;
            // a thread may end between the listing and the reading
            if let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) {
                let used = text.split_whitespace().next().context("an empty schedstat")?;
                threads.insert(thread, Duration::from_nanos(used.parse()?));
            }
        }
        Ok(Self { threads, ticks: ticks(&fs::read_to_string(format!("/proc/{id}/stat"))?)? })
    }

    /// What was used since `earlier`: to the nanosecond, unless threads have taken their count with
    /// them, which shows in that the ticks say clearly more.
    pub(crate) fn since(&self, earlier: &Self) -> Duration {
        let before = |thread| earlier.threads.get(thread).copied().unwrap_or_default();
        let exact = self.threads.iter().map(|(thread, used)| used.saturating_sub(before(thread))).sum();
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        if exact + 3 * TICK < ticks { ticks } else { exact }
    }
}

/// User and system time of `/proc/PID/stat`. The name in it may hold anything, so it is cut off first.
fn ticks(stat: &str) -> Result<Duration> {
    let (_, rest) = stat.rsplit_once(')').context("a stat without a name")?;
    let fields: Vec<_> = rest.split_whitespace().skip(11).take(2).collect();
    let total: u32 = fields.iter().map(|field| field.parse::<u32>()).sum::<Result<_, _>>()?;
    Ok(TICK * total)
}

/// The processor time of this process and of everything it has started, in ticks.
pub(crate) fn family() -> Result<(Duration, Duration)> {
    let own = std::process::id();
    let mut known = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        // a process may end between the listing and the reading
        if let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) {
            let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
            known.insert(id, (parent.and_then(|id| id.parse().ok()).unwrap_or(0), ticks(&stat)?));
        }
    }
    let is_ours = |id: u32| {
        let parents =
            std::iter::successors(Some(id), |id| known.get(id).map(|(parent, _): &(u32, _)| *parent));
        parents.skip(1).take(known.len()).any(|parent| parent == own)
    };
    let started = known.iter().filter(|(id, _)| is_ours(**id)).map(|(_, (_, used))| *used).sum();
    Ok((known.get(&own).map_or(Duration::ZERO, |(_, used)| *used), started))
}

/// Processor time of this process and of the whole machine, to tell how much others took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    at: Instant,
    busy: Duration,
    own: Duration,
}

impl Machine {
    /// A reading now.
    pub(crate) fn read() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        let fields = stat.lines().next().unwrap_or_default().split_whitespace().skip(1);
        let fields = fields.map(str::parse::<u32>).collect::<Result<Vec<_>, _>>()?;
        // user, nice, system and stolen time; interrupts are nobody's
        let busy = [0, 1, 2, 7].iter().filter_map(|at| fields.get(*at)).sum::<u32>();
        let own = ticks(&fs::read_to_string("/proc/self/stat")?)?;
        Ok(Self { at: Instant::now(), busy: TICK * busy, own })
    }

    /// Waits until others leave the machine alone, or have been waited for long enough.
    pub(crate) fn wait_until_quiet() -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let before = Self::read()?;
            std::thread::sleep(Duration::from_millis(500));
            if Self::read()?.others_since(&before, Duration::ZERO) < DISTURBED {
                break;
            }
        }
        Ok(())
    }

    /// The part of the machine that neither this process nor the measured ones, which used `known`,
    /// had since `earlier`: 0 to 1.
    pub(crate) fn others_since(&self, earlier: &Self, known: Duration) -> f64 {
        let ours = self.own.saturating_sub(earlier.own) + known;
        let others = self.busy.saturating_sub(earlier.busy).saturating_sub(ours);
        let cores = u32::try_from(std::thread::available_parallelism().map_or(1, usize::from)).unwrap_or(1);
        others.as_secs_f64() / ((self.at - earlier.at) * cores).as_secs_f64().max(1e-9)
    }
}

/// What a process holds in memory, in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Resident, with what it shares with others.
    pub(crate) resident: u64,
    /// The same, shared pages counted in part.
    pub(crate) proportional: u64,
    /// Of it, what is no file: heap and stacks.
    pub(crate) anonymous: u64,
}

impl Memory {
    fn of(id: u32) -> Result<Self> {
        let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup"))?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
            kib.map(|kib: u64| kib * 1024).with_context(|| format!("no {name} in smaps_rollup"))
        };
        Ok(Self { resident: field("Rss:")?, proportional: field("Pss:")?, anonymous: field("Anonymous:")? })
    }
}
