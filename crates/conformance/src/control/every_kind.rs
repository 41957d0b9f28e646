//! One record of each kind, which come back as they were.

use std::sync::Arc;

use penstock_control::{
    Alias, Change, ChangeSet, ControlStore, Credential, DEFAULT_INSTANCE, EVERY_PROVIDER, Implementation,
    InstanceSettings, Kept, KeyDigest, KeyTombstone, Kind, Org, Permission, Provider, ProviderModel,
    ProviderRuleSet, Quota, RateLimit, Record, Route, RouteMember, RoutingRule, Rule, RuleKind, RuleSet,
    Scope, Team, User, UserKey, Window,
};
use penstock_core::{
    CredentialId, CredentialStrategy, Dialect, KeyId, Operation, OrgId, ProviderId, RouteId, RouteStrategy,
    RuleSetId, Secret, TeamId, Timestamp, UserId,
};
use serde_json::json;

use super::{Harness, MADE};
use crate::case::{cases, equal, holds};
use crate::{Failure, Outcome};

cases! { "control", dyn Harness:
    every_kind_of_record_comes_back_as_it_was;
    every_kind_of_record_can_be_changed;
    a_name_that_not_every_database_takes_is_refused;
    a_natural_key_is_free_again_in_the_same_commit;
}

/// One of each, in the order of kinds, which refer to each other by the temporary ids -1, -2 and so on.
#[rustfmt::skip]
pub(super) fn one_of_each() -> Vec<Record> {
    let (at, org, team, user) = (MADE, OrgId(-1), TeamId(-2), UserId(-3));
    let (provider, rule_set, route) = (ProviderId(-6), RuleSetId(-10), RouteId(-13));
    let secret = |text: &str| (&Secret::from(text.to_owned())).into();
    vec![
        Org { id: org, name: "acme".into(), description: Some("a \u{1f41f}".into()), enabled: true, created_at: at, updated_at: at }.into(),
        Team { id: team, org_id: org, name: "core".into(), enabled: true, created_at: at, updated_at: at }.into(),
        User { id: user, name: "ada".into(), org_id: org, team_id: Some(team), password: Some(Secret::from("$argon2id$x".to_owned())), is_admin: true, enabled: true, created_at: at, updated_at: at }.into(),
        UserKey { id: KeyId(-4), user_id: user, digest: KeyDigest::of("sk-pen-ada"), sealed_key: Some(secret("sk-pen-ada")), label: Some("laptop".into()), prefix: "sk-pen-ada".into(), tier: "local".into(), pipeline: Some("cost-guard".into()), expires_at: Some(Timestamp(9)), enabled: true, created_at: at, updated_at: at }.into(),
        KeyTombstone { id: -5, digest: KeyDigest::of("sk-pen-old"), created_at: at, updated_at: at }.into(),
        Provider { id: provider, name: "openai".into(), channel: "openai".into(), label: Some("OpenAI".into()), settings: json!({"base_url": "https://api.example.com/v1", "n": 1.5}), credential_strategy: CredentialStrategy::Sticky, proxy_url: Some(secret("http://me:pass@proxy")), enabled: true, created_at: at, updated_at: at }.into(),
        Credential { id: CredentialId(-7), provider_id: provider, name: "main".into(), kind: "api_key".into(), secret: secret("sk-live"), weight: 100, rpm_limit: Some(60), tpm_limit: None, enabled: true, created_at: at, updated_at: at }.into(),
        ProviderModel { id: -8, provider_id: provider, model_id: "gpt-4o-mini".into(), display_name: None, pricing: Some(json!({"input": "0.15", "output": "0.60"})), context_window: Some(128_000), max_output_tokens: Some(16_384), capabilities: Some(json!({"vision": true})), enabled: true, created_at: at, updated_at: at }.into(),
        RoutingRule { id: -9, provider_id: provider, operation: Operation::Generate, kind: Dialect::AnthropicMessages, implementation: Implementation::TransformTo, dest_operation: Some(Operation::Generate), dest_kind: Some(Dialect::OpenaiChat), created_at: at, updated_at: at }.into(),
        RuleSet { id: rule_set, name: "house".into(), description: None, enabled: true, created_at: at, updated_at: at }.into(),
        Rule { id: -11, rule_set_id: rule_set, kind: RuleKind::SystemText, config: json!({"text": "be brief", "where": "append"}), filter_model: Some("gpt-*".into()), filter_operations: Some(json!(["generate"])), filter_header: None, sort_order: 1, enabled: true, created_at: at, updated_at: at }.into(),
        ProviderRuleSet { id: -12, provider_id: provider, rule_set_id: rule_set, sort_order: 0, enabled: false, created_at: at, updated_at: at }.into(),
        Route { id: route, name: "fast".into(), strategy: RouteStrategy::Weighted, settings: Some(json!({"on_loss": "reject"})), description: None, enabled: true, created_at: at, updated_at: at }.into(),
        RouteMember { id: -14, route_id: route, provider_id: Kept(provider), upstream_model_id: "gpt-4o-mini".into(), tier: 1, weight: 3, enabled: true, created_at: at, updated_at: at }.into(),
        Alias { id: -15, provider: EVERY_PROVIDER.into(), alias: "gpt-4(.*)".into(), target: "fast".into(), sort_order: 2, enabled: true, created_at: at, updated_at: at }.into(),
        Permission { id: -16, scope: Scope::Team(team), route_pattern: "fast".into(), created_at: at, updated_at: at }.into(),
        RateLimit { id: -17, scope: Scope::User(user), route_pattern: "*".into(), rpm: Some(60), rpd: None, tpm: Some(100_000), tokens_per_day: None, max_parallel: Some(4), created_at: at, updated_at: at }.into(),
        Quota { id: -18, scope: Scope::Key(KeyId(-4)), window: Window::Month, limit: "500.000000000001".parse().unwrap_or_default(), created_at: at, updated_at: at }.into(),
        InstanceSettings { id: -19, instance_name: DEFAULT_INSTANCE.into(), usage_enabled: true, log_downstream: true, log_upstream: false, capture_bodies: true, capture_max_bytes: Some(65_536), redaction: Some(json!(["x-secret"])), retention_days: Some(30), body_retention_days: None, max_database_mb: Some(512), proxy_url: None, created_at: at, updated_at: at }.into(),
    ]
}

/// Commits one of each, and returns them as they are then.
pub(super) async fn with_one_of_each(store: &dyn ControlStore) -> Result<Vec<Record>, Failure> {
    let changes = one_of_each().into_iter().map(Change::Put).collect();
    let made = store.commit(&ChangeSet { changes, ..ChangeSet::default() }).await?;
    let records = store.load().await?.records;
    let found = one_of_each().into_iter().map(|record| {
        let id = made.id(record.id()).ok_or_else(|| Failure::new("a temporary id got no real one"))?;
        let found = records.record(record.kind(), id);
        found.ok_or_else(|| Failure::new(format!("there is no {} {id}", record.kind().noun())))
    });
    found.collect()
}

async fn every_kind_of_record_comes_back_as_it_was(harness: Arc<dyn Harness>) -> Outcome {
    let kinds: Vec<Kind> = one_of_each().iter().map(Record::kind).collect();
    equal("the kinds", kinds.as_slice(), Kind::ALL)?;
    let made = with_one_of_each(&*harness.store()).await?;
    // another node reads them from where they are kept
    let records = harness.node().await?.load().await?.records;
    for record in &made {
        let found = records.record(record.kind(), record.id());
        equal(record.kind().noun(), found.as_ref(), Some(record))?;
    }
    let Some(Record::Quota(quota)) = made.iter().find(|record| record.kind() == Kind::Quota) else {
        return Err(Failure::new("there is no quota"));
    };
    equal("an amount", quota.limit.to_string().as_str(), "500.000000000001")?;
    let Some(Record::Credential(credential)) = made.iter().find(|one| one.kind() == Kind::Credential) else {
        return Err(Failure::new("there is no credential"));
    };
    equal("a secret", credential.secret.as_str(), "open:sk-live")
}

async fn every_kind_of_record_can_be_changed(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let mut made = with_one_of_each(&*store).await?;
    for record in &mut made {
        match record {
            Record::Org(org) => org.description = None,
            Record::Team(team) => team.enabled = false,
            Record::User(user) => user.password = None,
            Record::UserKey(key) => key.expires_at = None,
            Record::KeyTombstone(tombstone) => tombstone.updated_at = Timestamp(2),
            Record::Provider(provider) => provider.settings = json!({}),
            Record::Credential(credential) => credential.weight = 0,
            Record::ProviderModel(model) => model.pricing = None,
            Record::RoutingRule(rule) => rule.dest_kind = None,
            Record::RuleSet(set) => set.description = Some(String::new()),
            Record::Rule(rule) => rule.config = json!({"text": "x".repeat(100_000)}),
            Record::ProviderRuleSet(attachment) => attachment.enabled = true,
            Record::Route(route) => route.strategy = RouteStrategy::Cheapest,
            Record::RouteMember(member) => member.tier = -1,
            Record::Alias(alias) => alias.target = "slow".into(),
            Record::Permission(permission) => permission.route_pattern = "*".into(),
            Record::RateLimit(limit) => limit.rpm = None,
            Record::Quota(quota) => quota.window = Window::Day,
            Record::InstanceSettings(settings) => settings.retention_days = None,
        }
    }
    let changes = made.iter().cloned().map(Change::Put).collect();
    store.commit(&ChangeSet { changes, ..ChangeSet::default() }).await?;
    let records = harness.node().await?.load().await?.records;
    made.iter().try_for_each(|record| {
        let found = records.record(record.kind(), record.id());
        equal(record.kind().noun(), found.as_ref(), Some(record))
    })
}

async fn a_name_that_not_every_database_takes_is_refused(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let org = |name: String| {
        let org =
            Org { id: OrgId(-1), name, description: None, enabled: true, created_at: MADE, updated_at: MADE };
        ChangeSet::of(Change::Put(org.into()))
    };
    let longest = "\u{1f41f}".repeat(255);
    store.commit(&org(longest.clone())).await?;
    let Err(error) = store.commit(&org(format!("{longest}x"))).await else {
        return Err(Failure::new("expected a refusal of 256 characters"));
    };
    equal(
        "the refusal",
        error.to_string().as_str(),
        "organisation.name: expected at most 255 characters, found 256",
    )?;
    holds("the longest is there", store.load().await?.records.orgs.named(&longest).is_some())
}

async fn a_natural_key_is_free_again_in_the_same_commit(harness: Arc<dyn Harness>) -> Outcome {
    let store = harness.store();
    let made = with_one_of_each(&*store).await?;
    let Some(Record::Permission(old)) = made.iter().find(|one| one.kind() == Kind::Permission) else {
        return Err(Failure::new("there is no permission"));
    };
    let again = Permission { id: -1, ..old.clone() };
    let changes = ChangeSet::of(Change::Delete(Kind::Permission, old.id)).and(Change::Put(again.into()));
    let id = store.commit(&changes).await?.id(-1);
    let permissions = store.load().await?.records.permissions;
    let found: Vec<_> = permissions.iter().map(|one| (Some(one.id), one.route_pattern.as_str())).collect();
    equal("the permissions", found, [(id, "fast")])
}
