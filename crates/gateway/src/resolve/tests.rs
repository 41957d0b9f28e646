use std::time::{Duration, Instant};

use http::HeaderMap;
use penstock_core::{Dialect, Operation, RequestId, Secret};
use penstock_providers::AuthScheme;

use super::*;
use crate::exchange::PathModel;
use crate::{OwnKey, PresentedKey, ProviderSpec, Request, RouteSpec, RoutingSpec};

impl Request {
    /// A request with this body, from anyone in open mode, just now.
    pub(crate) fn sample(dialect: Dialect, operation: Operation, body: &str) -> Self {
        let at = Timestamp(1_700_000_000_000);
        Self {
            id: RequestId::new(at),
            at,
            arrived: Instant::now(),
            caller: Caller::Open,
            dialect,
            operation,
            provider: None,
            path_model: None,
            headers: HeaderMap::new(),
            query: None,
            body: body.to_owned().into(),
        }
    }

    /// A request to Gemini, whose model and action stand in the path.
    pub(crate) fn gemini(operation: Operation, model: &str, action: &str) -> Self {
        let path_model = Some(PathModel { model: model.to_owned(), action: action.to_owned() });
        Self { path_model, ..Self::sample(Dialect::Gemini, operation, "{}") }
    }
}

impl Exchange {
    /// A chat request for `model`.
    pub(crate) fn chat(model: &str) -> Self {
        let body = String::from_utf8(json_string(model).into()).unwrap();
        let body = format!(r#"{{"model":{body},"messages":[]}}"#);
        Self::open(Request::sample(Dialect::OpenaiChat, Operation::Generate, &body)).unwrap()
    }

    /// The same from another caller.
    pub(crate) fn asked_by(mut self, caller: Caller) -> Self {
        self.request.caller = caller;
        self
    }

    /// The same under the path of a provider.
    pub(crate) fn scoped(mut self, provider: &str) -> Self {
        self.request.provider = Some(provider.to_owned());
        self
    }
}

impl Caller {
    /// A caller with a provider key of their own.
    pub(crate) fn own_key(text: &str, scheme: AuthScheme) -> Self {
        let key = PresentedKey { secret: Secret::from(text.to_owned()), scheme };
        Self::OwnKey(OwnKey { key, tenant: "byok:0123456789abcdef".into() })
    }
}

impl Candidate {
    /// `model` at this provider, with its first credential.
    pub(crate) fn sample(provider: ProviderSpec, model: &str) -> Self {
        let routing = routing_of(RoutingSpec { providers: vec![provider], ..RoutingSpec::default() });
        let provider = Arc::clone(&routing.providers()[0]);
        let credential = provider.credentials.first().cloned();
        Self { provider, credential, model: model.into() }
    }
}

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn routing_of(spec: RoutingSpec) -> Routing {
    Routing::new(spec, ProviderTable::builtin()).unwrap()
}

/// OpenAI, Anthropic and OpenRouter with a few routes; Gemini and others for own keys.
fn usual() -> RoutingSpec {
    let alias = |alias: &str, target: &str| (alias.to_owned(), target.to_owned());
    RoutingSpec {
        providers: vec![
            ProviderSpec::sample("anthropic"),
            ProviderSpec::sample("openai"),
            ProviderSpec::sample("openrouter").listing(&["meta/llama", "claude-sonnet"]),
        ],
        routes: vec![
            RouteSpec::sample("gpt-4.1", &[("anthropic", "claude-opus"), ("openai", "gpt-5")]),
            RouteSpec::sample("openai/gpt-4o-mini", &[("openrouter", "mini")]),
        ],
        aliases: vec![
            alias("best", "gpt-4.1"),
            alias("4o", "openai/gpt-4o"),
            alias("llama", "meta/llama"),
            alias("gpt-(x+)", "openai/gpt-$1"),
            alias("lost", "nowhere"),
        ],
        own_keys: true,
        ..RoutingSpec::default()
    }
}

/// What a request resolves to: members as `provider/model`, then the name that permissions speak of.
fn resolved(exchange: &Exchange, routing: &Routing) -> Result<(Vec<String>, String), String> {
    let resolution = resolve(exchange, routing, &Catalogue::default()).map_err(|error| error.to_string())?;
    let member = |(provider, model): &(Arc<Provider>, Arc<str>)| format!("{} {model}", provider.name);
    Ok((resolution.members.iter().map(member).collect(), resolution.full_name))
}

#[test]
fn a_route_comes_before_a_provider_and_a_provider_before_whoever_lists_the_model() {
    let routing = routing_of(usual());
    for (requested, members, full_name) in [
        ("gpt-4.1", &["anthropic claude-opus", "openai gpt-5"][..], "gpt-4.1"),
        ("openai/gpt-4o-mini", &["openrouter mini"], "openai/gpt-4o-mini"),
        ("openai/gpt-4.1", &["openai gpt-4.1"], "openai/gpt-4.1"),
        ("openai/whatever/it is", &["openai whatever/it is"], "openai/whatever/it is"),
        ("openrouter/openai/gpt-4o", &["openrouter openai/gpt-4o"], "openrouter/openai/gpt-4o"),
        ("gpt-4o", &["openai gpt-4o"], "openai/gpt-4o"),
        ("claude-haiku", &["anthropic claude-haiku"], "anthropic/claude-haiku"),
        ("meta/llama", &["openrouter meta/llama"], "openrouter/meta/llama"),
        // nobody configured it, but a caller with a key of their own may mean it
        ("gemini-pro", &["gemini gemini-pro"], "gemini/gemini-pro"),
        ("groq/llama", &["groq llama"], "groq/llama"),
        ("best", &["anthropic claude-opus", "openai gpt-5"], "gpt-4.1"),
        ("4o", &["openai gpt-4o"], "openai/gpt-4o"),
        ("llama", &["openrouter meta/llama"], "openrouter/meta/llama"),
        ("gpt-xx", &["openai gpt-xx"], "openai/gpt-xx"),
    ] {
        let (found, name) = resolved(&Exchange::chat(requested), &routing).unwrap();
        assert_eq!(
            (found.as_slice(), name.as_str()),
            (members_of(members).as_slice(), full_name),
            "{requested}"
        );
    }
}

fn members_of(members: &[&str]) -> Vec<String> {
    members.iter().map(ToString::to_string).collect()
}

#[test]
fn of_those_who_list_a_model_the_configured_come_first_and_then_who_speaks_the_dialect() {
    let lists = |channel: &str, model: &str| ProviderSpec::sample(channel).listing(&[model]);
    let asked = |spec: RoutingSpec, dialect| {
        let request = Request::sample(dialect, Operation::Generate, r#"{"model":"gemini-pro"}"#);
        resolved(&Exchange::open(request).unwrap(), &routing_of(spec)).unwrap().1
    };
    let spec = |providers| RoutingSpec { providers, own_keys: true, ..RoutingSpec::default() };
    let both = || spec(vec![lists("anthropic", "gemini-pro"), lists("openai", "gemini-pro")]);
    for (dialect, expected) in
        [(Dialect::OpenaiChat, "openai/gemini-pro"), (Dialect::AnthropicMessages, "anthropic/gemini-pro")]
    {
        assert_eq!(asked(both(), dialect), expected, "{dialect}");
    }
    // Google itself would need no translation, but nobody configured it
    let only = asked(spec(vec![lists("mistral", "gemini-pro")]), Dialect::AnthropicMessages);
    assert_eq!(only, "mistral/gemini-pro");
    let neither = spec(vec![lists("mistral", "gemini-pro"), lists("cohere", "gemini-pro")]);
    assert_eq!(asked(neither, Dialect::AnthropicMessages), "mistral/gemini-pro");
}

#[test]
fn under_the_path_of_a_provider_its_own_names_hold() {
    let routing = routing_of(usual());
    for (provider, requested) in [
        ("openai", "gpt-4.1"),
        ("openai", "best"),
        ("openrouter", "openai/gpt-4o-mini"),
        ("openai", "anthropic/claude-opus"),
        ("anthropic", "gpt-4o"),
        ("gemini", "any"),
    ] {
        let (members, name) = resolved(&Exchange::chat(requested).scoped(provider), &routing).unwrap();
        assert_eq!(members, [format!("{provider} {requested}")]);
        assert_eq!(name, format!("{provider}/{requested}"));
    }
    for (provider, message) in [
        ("opnai", "no provider \"opnai\": did you mean \"openai\"?"),
        ("zzz", "no provider \"zzz\""),
        ("", "no provider \"\""),
    ] {
        let error = resolve(&Exchange::chat("gpt-4o").scoped(provider), &routing, &Catalogue::default());
        let expected = GatewayError::NotFound { message: message.to_owned(), code: "provider_not_found" };
        assert_eq!(error.unwrap_err(), expected);
    }
}

#[test]
fn a_route_brings_its_timeouts_along() {
    let idle = TimeoutOverrides { idle: Some(Duration::from_secs(7)), ..TimeoutOverrides::default() };
    let mut spec = usual();
    spec.routes[0].timeouts = idle;
    let routing = routing_of(spec);
    for (requested, timeouts) in [("best", idle), ("gpt-4o", TimeoutOverrides::default())] {
        let resolution = resolve(&Exchange::chat(requested), &routing, &Catalogue::default()).unwrap();
        assert_eq!(resolution.timeouts, timeouts, "{requested}");
    }
}

#[test]
fn an_unknown_model_is_answered_with_names_that_are_near_and_no_others() {
    let routing = routing_of(RoutingSpec {
        providers: vec![
            ProviderSpec::sample("openai").listing(&["omega-large", "omega-small", "omega-smaller", "tiny"]),
            ProviderSpec::sample("groq").listing(&["omega-smallish", "tiny"]),
        ],
        routes: vec![RouteSpec::sample("quick", &[("openai", "tiny")])],
        // gemini-* is known, but only to those with own keys
        own_keys: true,
        ..RoutingSpec::default()
    });
    for (requested, near) in [
        ("quik", &["quick"][..]),
        ("tinny", &["tiny"]),
        ("omega-smal", &["omega-small", "omega-smaller", "omega-smallish"]),
        ("opnai/tiny", &["openai/tiny"]),
        ("openai/", &["openai/tiny", "openai/omega-large", "openai/omega-small"]),
        ("zzz", &[]),
        ("gemni-pro", &[]),
        ("a\"\n", &[]),
    ] {
        let near: Vec<_> = near.iter().map(|name| format!("{name:?}")).collect();
        let rest = match near.as_slice() {
            [] => ": see GET /v1/models, or name it as \"provider/model\"".to_owned(),
            near => format!(": did you mean {}?", near.join(" or ")),
        };
        let message = format!("no model {requested:?}{rest}");
        let error = resolve(&Exchange::chat(requested), &routing, &Catalogue::default()).unwrap_err();
        assert_eq!(error, GatewayError::NotFound { message, code: "model_not_found" });
        assert_eq!(error.param(), Some("model"));
    }
}

#[test]
fn the_models_of_the_catalogue_are_near_as_well() {
    let text =
        "version = \"1\"\n[[model]]\nprovider = \"openai\"\nid = \"omega\"\ninput = \"1\"\noutput = \"2\"";
    let catalogue = Catalogue::parse(text).unwrap();
    let routing =
        routing_of(RoutingSpec { providers: vec![ProviderSpec::sample("openai")], ..RoutingSpec::default() });
    let error = resolve(&Exchange::chat("omeg"), &routing, &catalogue).unwrap_err();
    assert_eq!(error.to_string(), "no model \"omeg\": did you mean \"omega\"?");
    assert_eq!(resolve(&Exchange::chat("omega"), &routing, &catalogue).unwrap().members.len(), 1);
}

/// Candidates as `provider/model credential`.
fn candidates_of(requested: &str, caller: &Caller, routing: &Routing) -> Result<Vec<String>, String> {
    let resolution = resolve(&Exchange::chat(requested), routing, &Catalogue::default()).unwrap();
    let found = candidates(&resolution, caller, ProviderTable::builtin(), NOW);
    let shown = |candidate: Candidate| {
        let credential = candidate.credential.map_or_else(|| "-".to_owned(), |found| found.name.to_string());
        format!("{}/{} {credential}", candidate.provider.name, candidate.model)
    };
    found.map(|found| found.into_iter().map(shown).collect()).map_err(|error| {
        assert_eq!(error.class().status, 401, "{error}");
        error.to_string()
    })
}

fn two_by_two() -> Routing {
    let with = |channel: &str| {
        let credential = |name: &str| (name.to_owned(), Secret::from(format!("{name}-secret")));
        ProviderSpec { credentials: vec![credential("a"), credential("b")], ..ProviderSpec::sample(channel) }
    };
    routing_of(RoutingSpec {
        providers: vec![with("openai"), with("groq")],
        routes: vec![RouteSpec::sample("fast", &[("groq", "llama"), ("openai", "mini")])],
        ..RoutingSpec::default()
    })
}

#[test]
fn each_member_is_tried_with_each_credential_and_those_that_cool_last() {
    let routing = two_by_two();
    let tried = || candidates_of("fast", &Caller::Open, &routing).unwrap();
    assert_eq!(tried(), ["groq/llama a", "groq/llama b", "openai/mini a", "openai/mini b"]);

    let cool = |provider: &str, place: usize, since: Timestamp| {
        routing.provider(provider).unwrap().credentials[place].cool(since, Duration::from_secs(30));
    };
    cool("groq", 0, NOW);
    cool("openai", 0, Timestamp(NOW.0 - 29_999));
    cool("openai", 1, Timestamp(NOW.0 - 30_000));
    assert_eq!(tried(), ["groq/llama b", "openai/mini b", "groq/llama a", "openai/mini a"]);

    cool("groq", 1, NOW);
    cool("openai", 1, NOW);
    let all = tried();
    assert_eq!(all, ["groq/llama a", "groq/llama b", "openai/mini a", "openai/mini b"], "better than none");
}

#[test]
fn an_own_key_goes_to_the_first_member_only_and_without_any_credential() {
    let routing = two_by_two();
    for (requested, expected) in [("fast", "groq/llama -"), ("openai/mini", "openai/mini -")] {
        let caller = Caller::own_key("sk-unknown-maker", AuthScheme::Bearer);
        assert_eq!(candidates_of(requested, &caller, &routing), Ok(vec![expected.to_owned()]));
    }
    routing.provider("groq").unwrap().credentials[0].cool(NOW, Duration::from_secs(30));
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
