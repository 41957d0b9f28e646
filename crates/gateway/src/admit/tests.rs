use penstock_control::{
    KeyDigest, KeyLookup, Loaded, Org, Permission, Record, Records, Scope, Snapshot, Team, User, UserKey,
};
use penstock_core::{KeyId, OrgId, TeamId, Timestamp, UserId};
use penstock_providers::{AuthScheme, Catalogue, ProviderTable};

use super::*;
use crate::Routing;
use crate::models::list;
use crate::resolve::resolve;
use crate::{ProviderSpec, RouteSpec, RoutingSpec};

const KEY: Scope = Scope::Key(KeyId(4));
const USER: Scope = Scope::User(UserId(3));
const TEAM: Scope = Scope::Team(TeamId(2));
const ORG: Scope = Scope::Org(OrgId(1));

impl Caller {
    /// Ada with her key, and these permissions in the records.
    pub(crate) fn user(permissions: &[(Scope, &str)]) -> Self {
        let at = Timestamp(1);
        let digest = KeyDigest::of("sk-pen-ada");
        let org = Org {
            id: OrgId(1),
            name: "acme".to_owned(),
            description: None,
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let team = Team {
            id: TeamId(2),
            org_id: OrgId(1),
            name: "core".to_owned(),
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let user = User {
            id: UserId(3),
            name: "ada".to_owned(),
            org_id: OrgId(1),
            team_id: Some(TeamId(2)),
            password: None,
            is_admin: false,
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let key = UserKey {
            id: KeyId(4),
            user_id: UserId(3),
            digest,
            sealed_key: None,
            label: None,
            prefix: "sk-pen-a".to_owned(),
            tier: "local".to_owned(),
            pipeline: None,
            expires_at: None,
            enabled: true,
            created_at: at,
            updated_at: at,
        };
        let permission = |(id, (scope, pattern)): (i64, &(Scope, &str))| Permission {
            id,
            scope: *scope,
            route_pattern: (*pattern).to_owned(),
            created_at: at,
            updated_at: at,
        };
        let mut records: Vec<Record> = vec![org.into(), team.into(), user.into(), key.into()];
        records.extend((1..).zip(permissions).map(permission).map(Record::from));
        let records = Records::of(records).unwrap();
        match Snapshot::new(Loaded { records, version: 1 }).key(&digest, at) {
            KeyLookup::Valid(principal) => Self::User(principal),
            other => panic!("{other:?}"),
        }
    }
}

fn routing() -> Routing {
    let spec = RoutingSpec {
        providers: vec![ProviderSpec::sample("openai"), ProviderSpec::sample("anthropic")],
        routes: vec![RouteSpec::sample("fast", &[("openai", "gpt-4o-mini")])],
        aliases: vec![crate::AliasSpec::sample("mini", "openai/gpt-4o-mini")],
        ..RoutingSpec::default()
    };
    Routing::new(spec, ProviderTable::builtin()).unwrap()
}

/// Admits as the executor does: with the full name, if the model resolved to one.
fn admitted(exchange: &Exchange) -> Result<(), GatewayError> {
    let routing = routing();
    let resolution = resolve(exchange.asked(), &routing, &Catalogue::default());
    admit(exchange, resolution.ok().map(|found| found.full_name).as_deref())
}

#[test]
fn what_any_of_key_user_team_and_organisation_may_use_is_allowed() {
    let asks = |permissions: &[(Scope, &str)], model: &str| {
        admitted(&Exchange::chat(model).asked_by(Caller::user(permissions))).is_ok()
    };
    let patterns = [(KEY, "openai/*"), (USER, "anthropic/claude-*"), (TEAM, "fast"), (ORG, "*-mini")];
    for (scope, pattern) in patterns {
        let models = ["openai/gpt-4o", "anthropic/claude-opus", "fast", "openai/o3-mini"];
        let alone: Vec<_> = models.iter().map(|model| asks(&[(scope, pattern)], model)).collect();
        let expected = match scope {
            Scope::Key(_) => [true, false, false, true],
            Scope::User(_) => [false, true, false, false],
            Scope::Team(_) => [false, false, true, false],
            Scope::Org(_) => [false, false, false, true],
        };
        assert_eq!(alone, expected, "{scope:?}");
        assert!(models.iter().all(|model| asks(&patterns, model)));
    }
    for foreign in
        [Scope::Key(KeyId(3)), Scope::User(UserId(4)), Scope::Team(TeamId(1)), Scope::Org(OrgId(2))]
    {
        assert!(!asks(&[(foreign, "*")], "fast"), "{foreign:?}");
    }
}

#[test]
fn a_name_is_allowed_as_it_was_asked_for_and_under_the_provider_it_goes_to() {
    for (pattern, model, allowed) in [
        ("openai/*", "gpt-4o", true),
        ("openai/gpt-4o", "gpt-4o", true),
        ("gpt-4o", "gpt-4o", true),
        ("anthropic/*", "gpt-4o", false),
        ("openai/*", "mini", true),
        ("mini", "mini", true),
        ("openai/gpt-4o", "openai/gpt-4o-mini", false),
        ("openai/gpt-4?", "openai/gpt-4o", true),
        ("fast", "fast", true),
        // what a route leads to is its own business
        ("openai/*", "fast", false),
        ("*", "no-such-model", true),
        ("OPENAI/*", "gpt-4o", false),
    ] {
        let outcome = admitted(&Exchange::chat(model).asked_by(Caller::user(&[(USER, pattern)])));
        assert_eq!(outcome.is_ok(), allowed, "{pattern} {model}: {outcome:?}");
    }
}

#[test]
fn under_the_path_of_a_provider_the_permission_is_for_that_provider() {
    for (pattern, provider, model, allowed) in [
        ("openai/*", "openai", "gpt-4o", true),
        ("openai/*", "anthropic", "gpt-4o", false),
        ("anthropic/gpt-4o", "anthropic", "gpt-4o", true),
        // a model whose name looks like a permission elsewhere
        ("openai/*", "anthropic", "openai/gpt-4o", false),
        ("fast", "openai", "fast", false),
        ("openai/*", "no-such-provider", "gpt-4o", false),
    ] {
        let exchange = Exchange::chat(model).scoped(provider).asked_by(Caller::user(&[(USER, pattern)]));
        let outcome = admitted(&exchange);
        assert_eq!(outcome.is_ok(), allowed, "{pattern} {provider} {model}: {outcome:?}");
    }
}

#[test]
fn who_has_no_permission_may_use_nothing() {
    let permission = "GET /v1/models lists what it may use";
    let list = "GET /v1/models lists what it may use";
    for (provider, model, shown, hint) in [
        (None, "fast", "fast", permission),
        (None, "gpt-4o", "gpt-4o", permission),
        (None, "openai/any", "openai/any", permission),
        (Some("openai"), "gpt-4o", "openai/gpt-4o", permission),
        (None, "no-such-model", "no-such-model", list),
        (Some("nobody"), "gpt-4o", "nobody/gpt-4o", list),
    ] {
        let mut exchange = Exchange::chat(model).asked_by(Caller::user(&[]));
        if let Some(provider) = provider {
            exchange = exchange.scoped(provider);
        }
        let expected = format!("this key may not use the model {shown:?}: {hint}");
        let error = admitted(&exchange).unwrap_err();
        assert_eq!(error, GatewayError::Forbidden(expected));
        assert_eq!(error.class().status, 403);
    }
}

#[test]
fn permissions_are_for_our_keys_only() {
    for caller in [Caller::Open, Caller::own_key("sk-proj-1", AuthScheme::Bearer)] {
        for model in ["fast", "gpt-4o", "no-such-model"] {
            assert_eq!(admitted(&Exchange::chat(model).asked_by(caller.clone())), Ok(()), "{model}");
        }
    }
}

/// What the lists show to a key with this permission and `admit` then refuses, and how much they show.
fn listed_in_vain(pattern: &str) -> (Vec<String>, usize) {
    let (routing, catalogue) = (routing(), Catalogue::builtin());
    let caller = Caller::user(&[(USER, pattern)]);
    let (mut in_vain, mut shown) = (Vec::new(), 0);
    for scope in [None, Some("openai"), Some("anthropic")] {
        for id in list(&routing, catalogue, &caller, scope).unwrap().into_keys() {
            let mut exchange = Exchange::chat(&id).asked_by(caller.clone());
            if let Some(scope) = scope {
                exchange = exchange.scoped(scope);
            }
            shown += 1;
            if admitted(&exchange).is_err() {
                in_vain.push(id);
            }
        }
    }
    (in_vain, shown)
}

#[test]
fn what_is_listed_may_be_asked_for() {
    for pattern in ["*", "openai/*", "openai/gpt-4o", "fast"] {
        let (in_vain, shown) = listed_in_vain(pattern);
        assert!(in_vain.is_empty() && shown > 0, "{pattern}: {in_vain:?} of {shown}");
    }
    assert_eq!(listed_in_vain("nothing"), (vec![], 0));
}

#[test]
fn what_is_listed_for_a_permission_without_a_provider_may_be_asked_for() {
    for pattern in ["gpt-4o", "gpt-*"] {
        let (in_vain, _) = listed_in_vain(pattern);
        assert!(in_vain.is_empty(), "{pattern}: {in_vain:?}");
    }
}
