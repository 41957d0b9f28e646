use std::collections::BTreeMap;
use std::time::Duration;

use penstock_core::{CredentialStrategy, HealthState, KeyId, RouteStrategy};
use penstock_providers::{AuthScheme, Price};

use super::*;
use crate::exchange::Exchange;
use crate::health::{BreakerSettings, Limits};
use crate::resolve::resolve;
use crate::resolve::tests::{routing_of, usual};
use crate::routing::Routing;
use crate::{CredentialSpec, ModelSpec, ProviderSpec, RouteSpec, RoutingSpec};

impl Candidate {
    /// `model` at this provider, with its first credential.
    pub(crate) fn sample(provider: ProviderSpec, model: &str) -> Self {
        let routing = routing_of(RoutingSpec { providers: vec![provider], ..RoutingSpec::default() });
        let provider = Arc::clone(&routing.providers()[0]);
        let credential = provider.credentials.first().cloned();
        Self { provider, credential, model: model.into(), latency: None }
    }
}

impl Credential {
    /// Leaves it alone until then.
    fn set_aside(&self, model: &str, until: Timestamp) {
        let settings = BreakerSettings::default();
        let permit = self.health.enter(model, &settings, NOW).unwrap();
        permit.refused(HealthState::AuthDead, until, "unauthorized", NOW);
    }

    /// Opens its breaker.
    fn break_it(&self, model: &str) {
        let settings = BreakerSettings { consecutive_failures: 1, ..BreakerSettings::default() };
        self.health.enter(model, &settings, NOW).unwrap().failed("server_error", NOW);
    }
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// Candidates as `provider/model credential`, at some time, with some luck.
fn chosen(
    requested: &str,
    caller: &Caller,
    routing: &Routing,
    (now, seed): (Timestamp, u128),
) -> Result<Vec<String>, GatewayError> {
    let catalogue = Catalogue::default();
    let resolution = resolve(Exchange::chat(requested).asked(), routing, &catalogue).unwrap();
    let circumstances = Circumstances {
        caller,
        table: ProviderTable::builtin(),
        catalogue: &catalogue,
        tokens: 100,
        now,
        chance: Chance::of(seed),
    };
    let shown = |candidate: Candidate| {
        let credential = candidate.credential.map_or_else(|| "-".to_owned(), |found| found.name.to_string());
        format!("{}/{} {credential}", candidate.provider.name, candidate.model)
    };
    Ok(candidates(&resolution, circumstances)?.into_iter().map(shown).collect())
}

fn candidates_of(requested: &str, caller: &Caller, routing: &Routing) -> Result<Vec<String>, String> {
    chosen(requested, caller, routing, (NOW, 1)).map_err(|error| {
        assert_eq!(error.class().status, 401, "{error}");
        error.to_string()
    })
}

/// How often each stands first, of so many requests.
fn firsts(requested: &str, routing: &Routing, requests: u128) -> BTreeMap<String, u32> {
    let mut counted = BTreeMap::new();
    for seed in 0..requests {
        let mixed = seed.wrapping_mul(0x1234_5678_9abc_def0_0fed_cba9_8765_4321);
        let mut found = chosen(requested, &Caller::Open, routing, (NOW, mixed)).unwrap();
        *counted.entry(found.swap_remove(0)).or_default() += 1;
    }
    counted
}

fn with_credentials(channel: &str, names: &[&str]) -> ProviderSpec {
    let credential = |name: &&str| CredentialSpec::sample(name, &format!("{name}-secret"));
    ProviderSpec { credentials: names.iter().map(credential).collect(), ..ProviderSpec::sample(channel) }
}

fn two_by_two() -> Routing {
    routing_of(RoutingSpec {
        providers: vec![with_credentials("openai", &["a", "b"]), with_credentials("groq", &["a", "b"])],
        routes: vec![RouteSpec::sample("fast", &[("groq", "llama"), ("openai", "mini")])],
        ..RoutingSpec::default()
    })
}

/// Three members, of which the last stands in a tier of its own.
fn of_strategy(strategy: RouteStrategy) -> RoutingSpec {
    let mut route = RouteSpec::sample("fast", &[("openai", "a"), ("groq", "b"), ("mistral", "c")]);
    route.strategy = strategy;
    route.members[2].tier = 1;
    let providers = ["openai", "groq", "mistral"].map(ProviderSpec::sample).to_vec();
    RoutingSpec { providers, routes: vec![route], ..RoutingSpec::default() }
}

#[test]
fn each_member_is_tried_with_each_credential_and_those_left_alone_last() {
    let routing = two_by_two();
    let tried = || candidates_of("fast", &Caller::Open, &routing).unwrap();
    assert_eq!(tried(), ["groq/llama a", "groq/llama b", "openai/mini a", "openai/mini b"]);

    let leave = |provider: &str, place: usize, until: i64| {
        routing.provider(provider).unwrap().credentials[place].set_aside("any", Timestamp(NOW.0 + until));
    };
    leave("groq", 0, 30_000);
    leave("openai", 0, 1);
    leave("openai", 1, 0);
    assert_eq!(tried(), ["groq/llama b", "openai/mini b", "openai/mini a", "groq/llama a"]);

    leave("groq", 1, 20_000);
    leave("openai", 1, 40_000);
    let all = tried();
    assert_eq!(all, ["openai/mini a", "groq/llama b", "groq/llama a", "openai/mini b"], "better than none");
}

#[test]
fn whose_breaker_is_open_is_not_asked_and_a_lone_one_is_not_either() {
    let routing = two_by_two();
    let credential =
        |provider: &str, place: usize| Arc::clone(&routing.provider(provider).unwrap().credentials[place]);
    credential("groq", 0).break_it("llama");
    let found = candidates_of("fast", &Caller::Open, &routing).unwrap();
    assert_eq!(found, ["groq/llama b", "openai/mini a", "openai/mini b"]);
    let other = candidates_of("groq/other", &Caller::Open, &routing).unwrap();
    assert_eq!(other, ["groq/other a", "groq/other b"], "a breaker is for one model");

    credential("groq", 1).break_it("llama");
    let refused = chosen("groq/llama", &Caller::Open, &routing, (NOW, 1)).unwrap_err();
    assert_eq!((refused.class().status, refused.retry_after()), (503, Some(5)), "{refused}");
    assert!(refused.to_string().contains("nobody can be asked for \"groq/llama\""), "{refused}");
    let later = chosen("groq/llama", &Caller::Open, &routing, (NOW.plus(Duration::from_secs(5)), 1));
    assert_eq!(later.unwrap(), ["groq/llama a", "groq/llama b"], "one of them may find out");
}

#[test]
fn members_take_turns_and_their_tier_comes_first() {
    let routing = routing_of(of_strategy(RouteStrategy::RoundRobin));
    let counted = firsts("fast", &routing, 100);
    assert_eq!(counted, BTreeMap::from([("groq/b main".to_owned(), 50), ("openai/a main".to_owned(), 50)]));
    let found = candidates_of("fast", &Caller::Open, &routing).unwrap();
    assert_eq!(found, ["openai/a main", "groq/b main", "mistral/c main"]);
    // of those that are left each has its share, and a tier without any gives way to the next
    let leave = |provider: &str| {
        let credentials = &routing.provider(provider).unwrap().credentials;
        credentials[0].set_aside("any", NOW.plus(Duration::from_secs(9)));
    };
    leave("openai");
    assert_eq!(firsts("fast", &routing, 10), BTreeMap::from([("groq/b main".to_owned(), 10)]));
    leave("groq");
    assert_eq!(firsts("fast", &routing, 10), BTreeMap::from([("mistral/c main".to_owned(), 10)]));
}

#[test]
fn weights_are_kept_and_what_has_none_is_tried_last() {
    let mut spec = of_strategy(RouteStrategy::Weighted);
    spec.routes[0].members[2].tier = 0;
    for (member, weight) in spec.routes[0].members.iter_mut().zip([3, 1, 0]) {
        member.weight = weight;
    }
    let routing = routing_of(spec);
    let counted = firsts("fast", &routing, 4_000);
    let share = |name: &str| counted.get(name).copied().unwrap_or(0);
    assert!((2_850..3_150).contains(&share("openai/a main")), "{counted:?}");
    assert_eq!(share("openai/a main") + share("groq/b main"), 4_000, "{counted:?}");
    let found = candidates_of("fast", &Caller::Open, &routing).unwrap();
    assert_eq!(found[2], "mistral/c main");
}

#[test]
fn the_cheapest_comes_first_and_what_has_no_price_last() {
    let priced = |channel: &str, model: &str, input: &str| {
        let price = Price { input: input.parse().unwrap(), ..Price::default() };
        let models = vec![ModelSpec { id: model.to_owned(), price: Some(price), ..ModelSpec::default() }];
        ProviderSpec { models, ..ProviderSpec::sample(channel) }
    };
    let mut spec = of_strategy(RouteStrategy::Cheapest);
    spec.routes[0].members[2].tier = 0;
    spec.providers[1] = priced("groq", "b", "0.2");
    spec.providers[2] = priced("mistral", "c", "0.1");
    let found = candidates_of("fast", &Caller::Open, &routing_of(spec)).unwrap();
    assert_eq!(found, ["mistral/c main", "groq/b main", "openai/a main"]);
}

#[test]
fn the_fastest_comes_first_and_old_figures_are_renewed_by_one_request() {
    let routing = routing_of(of_strategy(RouteStrategy::LeastLatency));
    let measured = |place: usize, millis: u64| {
        let member = &routing.route("fast").unwrap().members[place];
        member.latency.as_ref().unwrap().measured(Duration::from_millis(millis), NOW);
    };
    let first = |now| chosen("fast", &Caller::Open, &routing, (now, 1)).unwrap().swap_remove(0);
    assert_eq!([first(NOW), first(NOW)], ["openai/a main", "groq/b main"], "each is tried");
    measured(0, 80);
    measured(1, 20);
    assert_eq!([first(NOW), first(NOW)], ["groq/b main", "groq/b main"]);
    let later = NOW.plus(Duration::from_secs(31));
    let found = [first(later), first(later), first(later)];
    assert_eq!(found, ["groq/b main", "openai/a main", "groq/b main"], "each finds out once");
    (0..20).for_each(|_| measured(1, 400));
    assert_eq!(first(NOW), "openai/a main");
}

#[test]
fn credentials_are_taken_as_their_provider_says() {
    let routing = |strategy, weights: [u64; 3]| {
        let mut provider = with_credentials("openai", &["a", "b", "c"]);
        provider.credential_strategy = Some(strategy);
        for (credential, weight) in provider.credentials.iter_mut().zip(weights) {
            credential.weight = weight;
        }
        routing_of(RoutingSpec { providers: vec![provider], ..RoutingSpec::default() })
    };
    let turns = firsts("openai/m", &routing(CredentialStrategy::RoundRobin, [1; 3]), 30);
    assert_eq!(turns.values().copied().collect::<Vec<_>>(), [10, 10, 10], "{turns:?}");

    let drawn = firsts("openai/m", &routing(CredentialStrategy::Weighted, [6, 3, 1]), 4_000);
    let drawn: Vec<_> = drawn.values().copied().collect();
    assert!((2_250..2_550).contains(&drawn[0]) && (300..500).contains(&drawn[2]), "{drawn:?}");

    let used = routing(CredentialStrategy::LeastUsed, [1; 3]);
    let spend = |place: usize| {
        assert!(used.providers()[0].credentials[place].health.spend(Limits::default(), 1, NOW));
    };
    [0, 0, 1].into_iter().for_each(spend);
    let found = candidates_of("openai/m", &Caller::Open, &used).unwrap();
    assert_eq!(found, ["openai/m c", "openai/m b", "openai/m a"]);
}

#[test]
fn a_caller_sticks_to_a_credential_and_only_those_of_one_that_goes_move() {
    let mut provider = with_credentials("openai", &["a", "b", "c"]);
    provider.credential_strategy = Some(CredentialStrategy::Sticky);
    let routing = routing_of(RoutingSpec { providers: vec![provider], ..RoutingSpec::default() });
    let Caller::User(principal) = Caller::user(&[]) else { panic!() };
    let caller = |id| {
        let mut principal = (*principal).clone();
        principal.key_id = KeyId(id);
        Caller::User(Arc::new(principal))
    };
    let firsts = || -> Vec<_> {
        let first = |id| chosen("openai/m", &caller(id), &routing, (NOW, 7)).unwrap().swap_remove(0);
        (0..90).map(first).collect()
    };
    let before = firsts();
    assert_eq!(before, firsts());
    for name in ["a", "b", "c"] {
        let own = before.iter().filter(|first| first.ends_with(name)).count();
        assert!((15..=45).contains(&own), "{own} callers of {name}");
    }
    let gone = &routing.providers()[0].credentials[0];
    gone.set_aside("any", NOW.plus(Duration::from_secs(9)));
    for (was, is) in before.iter().zip(firsts()) {
        assert!(was.ends_with('a') || *was == is, "{was} {is}");
        assert!(!is.ends_with('a'));
    }
}

#[test]
fn a_credential_without_budget_is_not_asked() {
    let mut provider = with_credentials("openai", &["a", "b"]);
    provider.credentials[0].limits = Limits { requests: Some(2), tokens: None };
    provider.credentials[1].limits = Limits { requests: None, tokens: Some(150) };
    let routing = routing_of(RoutingSpec { providers: vec![provider], ..RoutingSpec::default() });
    let found = |now| chosen("openai/m", &Caller::Open, &routing, (now, 1));
    let spend = |place: usize, now| {
        let credential = &routing.providers()[0].credentials[place];
        credential.health.spend(credential.limits, 100, now)
    };
    assert_eq!(found(NOW).unwrap(), ["openai/m a", "openai/m b"]);
    assert!(spend(0, NOW) && spend(0, NOW) && !spend(0, NOW));
    assert_eq!(found(NOW).unwrap(), ["openai/m b"]);
    assert!(spend(1, NOW) && !spend(1, NOW));
    assert_eq!(found(NOW).unwrap_err().class().status, 503);
    let later = NOW.plus(Duration::from_mins(2));
    assert_eq!(found(later).unwrap(), ["openai/m a", "openai/m b"]);
}

#[test]
fn a_route_whose_members_are_all_gone_says_so() {
    let routing = RoutingSpec {
        providers: vec![ProviderSpec::sample("openai")],
        withheld: ["groq".to_owned()].into(),
        routes: vec![RouteSpec::sample("fast", &[("groq", "b")])],
        ..RoutingSpec::default()
    };
    let (routing, problems) =
        Routing::build(routing, ProviderTable::builtin(), &crate::health::Board::default());
    assert_eq!(problems.len(), 1, "{problems:?}");
    let refused = chosen("fast", &Caller::Open, &routing, (NOW, 1)).unwrap_err();
    assert_eq!(refused.class().status, 502);
    assert!(refused.to_string().contains("no member of the route \"fast\" is in use"), "{refused}");
}

#[test]
fn an_own_key_goes_to_the_first_member_only_and_without_any_credential() {
    let routing = two_by_two();
    for (requested, expected) in [("fast", "groq/llama -"), ("openai/mini", "openai/mini -")] {
        let caller = Caller::own_key("sk-unknown-maker", AuthScheme::Bearer);
        assert_eq!(candidates_of(requested, &caller, &routing), Ok(vec![expected.to_owned()]));
    }
    routing.provider("groq").unwrap().credentials[0].break_it("llama");
    let caller = Caller::own_key("gsk_mine", AuthScheme::Bearer);
    assert_eq!(candidates_of("fast", &caller, &routing), Ok(vec!["groq/llama -".to_owned()]));
}

/// The requested model, the own key, and, where it must not go, the label of its owner and the provider.
type OwnKeyCase = (&'static str, &'static str, Option<(&'static str, &'static str)>);

const OWN_KEYS: &[OwnKeyCase] = &[
    ("openai/gpt-4o", "sk-proj-1", None),
    ("openai/gpt-4o", "sk-1", None),
    ("openai/gpt-4o", "sk-ant-1", Some(("Anthropic", "openai"))),
    ("openai/gpt-4o", "sk-or-1", Some(("OpenRouter", "openai"))),
    ("openai/gpt-4o", "gsk_1", Some(("Groq", "openai"))),
    ("openai/gpt-4o", "AIza1", Some(("Google Gemini", "openai"))),
    ("anthropic/claude-opus", "sk-ant-1", None),
    ("anthropic/claude-opus", "sk-proj-1", Some(("OpenAI", "anthropic"))),
    ("gpt-4.1", "sk-ant-1", None),
    // the second member is OpenAI's, but an own key goes to the first
    ("gpt-4.1", "sk-proj-1", Some(("OpenAI", "anthropic"))),
    ("groq/llama", "gsk_1", None),
    ("work/gpt-4o", "sk-proj-1", None),
    ("work/gpt-4o", "sk-ant-1", Some(("Anthropic", "work"))),
    // called like the key's owner, but following another row
    ("gemini/any", "AIza1", Some(("Google Gemini", "gemini"))),
];

fn for_own_keys() -> Routing {
    let mut spec = usual();
    spec.providers.push(ProviderSpec::sample("openai").named("work"));
    spec.providers.push(ProviderSpec::sample("custom").named("gemini").at("https://gemini.example"));
    routing_of(spec)
}

#[test]
fn an_own_key_that_tells_its_provider_goes_nowhere_else() {
    let routing = for_own_keys();
    for (requested, key, refused) in OWN_KEYS {
        let found = candidates_of(requested, &Caller::own_key(key, AuthScheme::Bearer), &routing);
        match refused {
            None => assert_eq!(found.unwrap().len(), 1, "{requested} {key}"),
            Some((label, provider)) => assert_eq!(
                found.unwrap_err(),
                format!(
                    "the key that was sent looks like one of {label}, but this model is served by \
                     {provider:?}: it was not forwarded"
                ),
                "{requested} {key}"
            ),
        }
    }
}

#[test]
fn without_any_credential_the_variable_that_would_bring_one_is_named() {
    let routing = routing_of(usual());
    for (requested, message) in [
        (
            "gemini-pro",
            "there is no credential for provider \"gemini\": start Penstock with GEMINI_API_KEY set, \
             or send your own key",
        ),
        (
            "groq/llama",
            "there is no credential for provider \"groq\": start Penstock with GROQ_API_KEY set, \
             or send your own key",
        ),
    ] {
        assert_eq!(candidates_of(requested, &Caller::Open, &routing), Err(message.to_owned()));
        let own = candidates_of(requested, &Caller::own_key("k", AuthScheme::Bearer), &routing);
        assert_eq!(own.unwrap().len(), 1);
    }
}

#[test]
fn a_member_without_credentials_is_passed_over() {
    let bare = ProviderSpec { credentials: vec![], ..ProviderSpec::sample("openai") };
    let routing = routing_of(RoutingSpec {
        providers: vec![bare, ProviderSpec::sample("groq")],
        routes: vec![RouteSpec::sample("fast", &[("openai", "mini"), ("groq", "llama")])],
        ..RoutingSpec::default()
    });
    let found = candidates_of("fast", &Caller::Open, &routing);
    assert_eq!(found, Ok(vec!["groq/llama main".to_owned()]));
}
