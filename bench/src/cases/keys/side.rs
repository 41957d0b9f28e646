//! A store with so many keys, and what a gateway on it needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use penstock_control::accounts::{NewKey, new_key};
use penstock_control::{
    Change, ChangeSet, ControlStore as _, Dsn, Permission, Record, Scope, Store, User, UserKey,
};
use penstock_core::{KeyId, OrgId, Secret, Timestamp, UserId};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Pace, progress};
use crate::bodies::{Dialect, GPT, chat, request};
use crate::load::{Closed, Until};
use crate::process::{Cpu, Machine, Process};
use crate::rig;
use crate::statistics::{micros, number};

const ADMIN: &str = "an-admin-key-of-the-bench";
/// Keys of one user.
const OF_A_USER: u32 = 10;
/// Users of one change of the store, when it is filled.
const AT_ONCE: u32 = 100;
/// Keys of the load that goes through them all over the store, at the most.
const SPREAD: usize = 3_200;
const IDLE: Duration = Duration::from_secs(4);
/// Changes of one round, and how long the process is given to rest after each.
const CHANGES: u32 = 5;
const REST: Duration = Duration::from_millis(1_500);
const CONNECTIONS: u32 = 32;
const SECONDS: u64 = 4;
const WHEN: Timestamp = Timestamp(1_784_116_800_000);

/// See the module.
pub(super) struct Side {
    keys: u32,
    /// With each key of one user.
    of_one: Arc<[Bytes]>,
    /// With keys from all over the store, if it has more users.
    spread: Option<Arc<[Bytes]>>,
    folder: TempDir,
}

/// What one round found.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    pub(super) keys: u32,
    pub(super) start_ms: f64,
    pub(super) start_cpu_ms: f64,
    pub(super) resident: u64,
    pub(super) anonymous: u64,
    /// The middle of this round's changes.
    pub(super) change_ms: f64,
    /// Of each change.
    pub(super) change_cpu_ms: f64,
    /// Of requests with the keys of one user.
    pub(super) request_cpu_us: f64,
    /// Of requests with one key after the other, each of another user.
    pub(super) spread_cpu_us: Option<f64>,
    pub(super) answers: u64,
    /// During the load.
    pub(super) others: f64,
}

impl Side {
    pub(super) fn prepare(keys: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        std::fs::create_dir(&data)?;
        let all = tokio::runtime::Runtime::new()?.block_on(fill(&data.join("penstock.db"), keys))?;
        let asking = |key: &Secret<String>| {
            request(Dialect::OpenaiChat, key.expose(), &chat(Dialect::OpenaiChat, GPT))
        };
        let each = usize::try_from(OF_A_USER)?;
        let one = all.chunks(each).nth(all.len() / each / 2).context("a side without keys")?;
        let spread =
            (all.len() > each).then(|| all.iter().step_by(all.len().div_ceil(SPREAD)).map(asking).collect());
        Ok(Self { keys, of_one: one.iter().map(asking).collect(), spread, folder })
    }

    pub(super) fn round(&mut self, pace: Pace, upstream: &Process) -> Result<Figures> {
        let first = self.of_one.first().context("a side without keys")?.clone();
        let start = Instant::now();
        let mut gateway = rig::gateway_with_admin(self.folder.path(), upstream.address, ADMIN)?;
        let address = gateway.address;
        let mut asked = Closed::new(address, first, 1, Until::Once).run()?.answers;
        let (start_ms, start_cpu) =
            (start.elapsed().as_secs_f64() * 1e3, gateway.cpu()?.since(&Cpu::default()));
        std::thread::sleep(if pace.quick { IDLE / 4 } else { IDLE });
        let memory = gateway.memory()?;

        let mut changes = Vec::new();
        let before = gateway.cpu()?;
        for _ in 0..CHANGES {
            let start = Instant::now();
            asked += change(&gateway)?;
            changes.push(start.elapsed().as_secs_f64() * 1e3);
            std::thread::sleep(REST);
        }
        let change_cpu = gateway.cpu()?.since(&before);

        let of_one = load(pace, (&gateway, upstream), &self.of_one)?;
        let spread =
            self.spread.as_ref().map(|spread| load(pace, (&gateway, upstream), spread)).transpose()?;
        let both = [Some(&of_one), spread.as_ref()].into_iter().flatten();
        asked += both.clone().map(|load| load.answers).sum::<u64>();
        let others = both.map(|load| load.others).fold(0.0, f64::max);
        rig::in_the_books(address, asked)?;
        gateway.check()?;
        gateway.stop()?;

        let figures = Figures {
            keys: self.keys,
            start_ms,
            start_cpu_ms: micros(start_cpu) / 1e3,
            resident: memory.resident,
            anonymous: memory.anonymous,
            change_ms: crate::statistics::median(&changes),
            change_cpu_ms: micros(change_cpu) / 1e3 / f64::from(CHANGES),
            request_cpu_us: of_one.cpu_us,
            spread_cpu_us: spread.map(|load| load.cpu_us),
            answers: of_one.answers,
            others,
        };
        progress(&format!(
            "{} keys: start {start_ms:.1} ms, {:.1} MB, a change {:.1} ms and {:.1} ms CPU, a request {:.1} µs, others {:.0} %",
            self.keys,
            number(memory.resident) / 1e6,
            figures.change_ms,
            figures.change_cpu_ms,
            figures.request_cpu_us,
            others * 100.0
        ))?;
        Ok(figures)
    }
}

/// What one round of requests found.
struct Load {
    answers: u64,
    cpu_us: f64,
    others: f64,
}

/// Sends these requests in turn, as many as go, and waits until they are in the books.
fn load(pace: Pace, (gateway, upstream): (&Process, &Process), requests: &Arc<[Bytes]>) -> Result<Load> {
    let (before, machine, server) = (gateway.cpu()?, Machine::read()?, upstream.cpu()?);
    let until = Until::Time(pace.time(SECONDS));
    let load = Closed::new(gateway.address, Bytes::new(), CONNECTIONS, until);
    let done = Closed { requests: Arc::clone(requests), ..load }.run()?;
    rig::settled(gateway.address)?;
    let used = gateway.cpu()?.since(&before);
    let others = Machine::read()?.others_since(&machine, used + upstream.cpu()?.since(&server));
    Ok(Load { answers: done.answers, cpu_us: micros(used) / number(done.answers), others })
}

/// Makes a key, and asks with it; as many answers as there were.
fn change(gateway: &Process) -> Result<u64> {
    let made = rig::post(gateway.address, "/admin/v1/users/user0/keys", ADMIN, &json!({"label": "new"}))?;
    let made: Value = serde_json::from_str(&made).context("what was said of a new key is no JSON")?;
    let key = made["key"].as_str().context("a new key was not shown")?;
    let request = request(Dialect::OpenaiChat, key, &chat(Dialect::OpenaiChat, GPT));
    Ok(Closed::new(gateway.address, request, 1, Until::Once).run()?.answers)
}

/// Makes so many keys, and returns them in order.
async fn fill(file: &std::path::Path, keys: u32) -> Result<Vec<Secret<String>>> {
    let store = Store::open(&Dsn::Sqlite(file.to_owned())).await?;
    let org = store.load().await?.records.default_org().context("no organisation")?.id;
    let mut all = Vec::new();
    let users = keys / OF_A_USER;
    for first in (0..users).step_by(usize::try_from(AT_ONCE)?) {
        let mut changes = ChangeSet::default();
        for number in first..users.min(first + AT_ONCE) {
            let user = UserId(-1 - i64::from(number));
            changes.changes.push(Change::Put(owner(user, org, number)));
            changes.changes.push(Change::Put(permission(user)));
            for _ in 0..OF_A_USER {
                let (key, secret) = new_key(user, NewKey::default(), WHEN)?;
                let id = KeyId(-1_000_000 - i64::try_from(all.len())?);
                changes.changes.push(Change::Put(Record::UserKey(UserKey { id, ..key })));
                all.push(secret);
            }
        }
        store.commit(&changes).await?;
    }
    store.close().await?;
    Ok(all)
}

fn owner(id: UserId, org_id: OrgId, number: u32) -> Record {
    Record::User(User {
        id,
        name: format!("user{number}"),
        org_id,
        team_id: None,
        password: None,
        is_admin: false,
        enabled: true,
        created_at: WHEN,
        updated_at: WHEN,
    })
}

fn permission(user: UserId) -> Record {
    Record::Permission(Permission {
        id: -2_000_000 + user.0,
        scope: Scope::User(user),
        route_pattern: "*".to_owned(),
        created_at: WHEN,
        updated_at: WHEN,
    })
}
