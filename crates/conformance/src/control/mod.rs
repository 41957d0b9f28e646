//! What every control store has to do.

pub mod bundles;
pub mod changes;
pub mod deletions;
pub mod every_kind;
pub mod logs;
pub mod records;
pub mod rollups;
pub mod settlements;
pub mod shared;

use std::sync::Arc;

use async_trait::async_trait;
use penstock_control::{
    Change, ChangeSet, ControlStore, KeyDigest, Permission, Record, Scope, Settlement, User, UserKey,
};
use penstock_core::{
    Dialect, Ended, KeyId, Operation, OrgId, RequestId, Timestamp, Usage, UsageSource, UserId,
};

use crate::{Case, Failure};

/// A store of its own for a case.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The store, empty at first.
    fn store(&self) -> Arc<dyn ControlStore>;

    /// The same data, as another node sees it.
    async fn node(&self) -> Result<Arc<dyn ControlStore>, Failure>;

    /// Another store, of which nothing is there yet, opened by so many nodes at once.
    async fn start_together(&self, nodes: usize) -> Result<Vec<Arc<dyn ControlStore>>, Failure>;
}

/// Every case, by what it is about.
pub const GROUPS: &[&[Case<dyn Harness>]] = &[
    records::CASES,
    every_kind::CASES,
    deletions::CASES,
    changes::CASES,
    settlements::CASES,
    rollups::CASES,
    logs::CASES,
    shared::CASES,
    bundles::CASES,
];

/// When everything was made.
const MADE: Timestamp = Timestamp(1);

/// The organisation everyone starts in.
async fn default_org(store: &dyn ControlStore) -> Result<OrgId, Failure> {
    let loaded = store.load().await?;
    let org = loaded.records.default_org().ok_or_else(|| Failure::new("there is no default organisation"))?;
    Ok(org.id)
}

fn user(id: i64, name: &str, org: OrgId) -> Change {
    Change::Put(Record::User(User {
        id: UserId(id),
        name: name.to_owned(),
        org_id: org,
        team_id: None,
        password: None,
        is_admin: false,
        enabled: true,
        created_at: MADE,
        updated_at: MADE,
    }))
}

fn key(id: i64, user: i64, text: &str) -> UserKey {
    UserKey {
        id: KeyId(id),
        user_id: UserId(user),
        digest: KeyDigest::of(text),
        sealed_key: None,
        label: None,
        prefix: text.to_owned(),
        tier: "local".to_owned(),
        pipeline: None,
        expires_at: None,
        enabled: true,
        created_at: MADE,
        updated_at: MADE,
    }
}

fn put(key: UserKey) -> ChangeSet {
    ChangeSet::of(Change::Put(Record::UserKey(key)))
}

/// The key of [`with_ada`].
const ADA: &str = "sk-pen-ada";

/// Makes Ada with a key, who may use what `openai/*` covers.
async fn with_ada(store: &dyn ControlStore) -> Result<UserKey, Failure> {
    let permission = Permission {
        id: -3,
        scope: Scope::User(UserId(-1)),
        route_pattern: "openai/*".to_owned(),
        created_at: MADE,
        updated_at: MADE,
    };
    let changes = ChangeSet::of(user(-1, "ada", default_org(store).await?))
        .and(Change::Put(Record::UserKey(key(-2, -1, ADA))))
        .and(Change::Put(Record::Permission(permission)));
    let made = store.commit(&changes).await?;
    let id = |temporary| made.id(temporary).ok_or_else(|| Failure::new("a temporary id got no real one"));
    Ok(key(id(-2)?, id(-1)?, ADA))
}

/// A plain row that arrived at that time.
fn settlement(at: i64) -> Settlement {
    Settlement {
        request_id: RequestId::new(Timestamp(at)),
        at: Timestamp(at),
        route: "fast".into(),
        provider: "openai".into(),
        credential: Some("main".into()),
        org_id: None,
        team_id: None,
        user_id: None,
        key_id: None,
        tenant: None,
        operation: Operation::Generate,
        dialect: Dialect::OpenaiChat,
        model: "gpt-4o-mini".into(),
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        raw_usage: Some(r#"{"prompt_tokens":10}"#.into()),
        cost: "0.0000045".parse().ok(),
        price_version: Some("test".into()),
        latency_ms: 12,
        ttft_ms: Some(3),
        source: UsageSource::Upstream,
        ended: Ended::Interrupted,
    }
}
