//! What a gateway with some hundred callers would hand over, the same in every run.

use anyhow::{Context as _, Result};
use penstock_control::{
    Change, ChangeSet, ControlStore as _, KeyDigest, Org, Quota, Record, Scope, Settlement, Store, User,
    UserKey, Window,
};
use penstock_core::{
    Dialect, Ended, KeyId, Operation, OrgId, RequestId, Timestamp, Usage, UsageSource, Usd, UserId,
};

const ORGS: i64 = 4;
const USERS: i64 = 40;
const KEYS: i64 = 100;
/// Provider, model, and what a million tokens of its output cost.
const MODELS: [(&str, &str, &str); 6] = [
    ("openai", "gpt-4o-mini", "0.60"),
    ("openai", "gpt-4o", "10"),
    ("openai", "text-embedding-3-small", "0.02"),
    ("anthropic", "claude-sonnet-5", "15"),
    ("anthropic", "claude-haiku-5", "5"),
    ("groq", "llama-3.3-70b-versatile", "0.79"),
];
/// When the first request arrives: Wednesday 2026-07-15 12:00 UTC.
const BEGIN: Timestamp = Timestamp(1_784_116_800_000);
/// Milliseconds between two requests: so many that a run touches some hours.
const STEP: i64 = 20;

/// A source of settlements.
pub(super) struct Traffic {
    keys: Vec<(KeyId, UserId, OrgId)>,
    prices: Vec<Usd>,
    made: i64,
    cost: Usd,
}

impl Traffic {
    /// Makes the records that settlements belong to.
    pub(super) async fn prepare(store: &Store) -> Result<Self> {
        let limit: Usd = "1000000".parse()?;
        let quota = |id, scope, window| {
            Record::Quota(Quota { id, scope, window, limit, created_at: BEGIN, updated_at: BEGIN })
        };
        let mut changes = ChangeSet::default();
        changes.changes.extend((0..ORGS).flat_map(|number| {
            let quota = quota(-1_000 - number, Scope::Org(OrgId(-1 - number)), Window::Month);
            [org(-1 - number), quota].map(Change::Put)
        }));
        changes.changes.extend((0..USERS).flat_map(|number| {
            let quota = quota(-2_000 - number, Scope::User(UserId(-100 - number)), Window::Day);
            [user(-100 - number, OrgId(-1 - number % ORGS)), quota].map(Change::Put)
        }));
        let key_of = |number| key(-3_000 - number, UserId(-100 - number % USERS));
        changes.changes.extend((0..KEYS).map(|number| Change::Put(key_of(number))));
        let made = store.commit(&changes).await?;
        let id = |temporary| made.id(temporary).context("a record that was not made");
        let keys = (0..KEYS).map(|number| {
            let user = number % USERS;
            Ok((KeyId(id(-3_000 - number)?), UserId(id(-100 - user)?), OrgId(id(-1 - user % ORGS)?)))
        });
        let prices = MODELS.iter().map(|(_, _, price)| price.parse());
        Ok(Self {
            keys: keys.collect::<Result<_>>()?,
            prices: prices.collect::<Result<_, _>>()?,
            made: 0,
            cost: Usd::ZERO,
        })
    }

    /// How many were made.
    pub(super) fn made(&self) -> u64 {
        self.made.unsigned_abs()
    }

    /// What all of them cost.
    pub(super) fn cost(&self) -> Usd {
        self.cost
    }

    /// The next ones, in the order in which they end.
    pub(super) fn batch(&mut self, size: usize) -> Result<Vec<Settlement>> {
        (0..size).map(|_| self.next()).collect()
    }

    fn next(&mut self) -> Result<Settlement> {
        // steps that share no factor with what they walk through
        let turn = usize::try_from(self.made)?;
        let (key_id, user_id, org_id) = self.keys[turn * 37 % self.keys.len()];
        let which = turn * 7 / 3 % MODELS.len();
        let (provider, model, _) = MODELS[which];
        let at = Timestamp(BEGIN.0 + self.made * STEP);
        let output = u64::try_from(100 + turn * 13 % 700)?;
        let usage = Usage { input: output * 4, output, ..Usage::default() };
        let cost = self.prices[which].for_tokens(output);
        self.made += 1;
        self.cost += cost;
        let raw = format!(
            r#"{{"prompt_tokens":{},"completion_tokens":{output},"total_tokens":{},"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0}}}}"#,
            output * 4,
            output * 5
        );
        Ok(Settlement {
            request_id: RequestId::new(at),
            at,
            route: format!("{provider}/{model}").into(),
            provider: provider.into(),
            credential: Some("main".into()),
            org_id: Some(org_id),
            team_id: None,
            user_id: Some(user_id),
            key_id: Some(key_id),
            tenant: None,
            operation: Operation::Generate,
            dialect: Dialect::OpenaiChat,
            model: model.into(),
            usage,
            raw_usage: Some(raw.into()),
            cost: Some(cost),
            price_version: Some("2026-07-01".into()),
            latency_ms: 800 + output,
            ttft_ms: Some(240),
            source: UsageSource::Upstream,
            ended: Ended::Complete,
        })
    }
}

fn org(id: i64) -> Record {
    Record::Org(Org {
        id: OrgId(id),
        name: format!("org{id}"),
        description: None,
        enabled: true,
        created_at: BEGIN,
        updated_at: BEGIN,
    })
}

fn user(id: i64, org_id: OrgId) -> Record {
    Record::User(User {
        id: UserId(id),
        name: format!("user{id}"),
        org_id,
        team_id: None,
        password: None,
        is_admin: false,
        enabled: true,
        created_at: BEGIN,
        updated_at: BEGIN,
    })
}

fn key(id: i64, user_id: UserId) -> Record {
    Record::UserKey(UserKey {
        id: KeyId(id),
        user_id,
        digest: KeyDigest::of(&format!("key{id}")),
        sealed_key: None,
        label: None,
        prefix: "sk-pen-bench".to_owned(),
        tier: "local".to_owned(),
        pipeline: None,
        expires_at: None,
        enabled: true,
        created_at: BEGIN,
        updated_at: BEGIN,
    })
}
