use std::time::{Duration, Instant};

use http::HeaderMap;
use penstock_core::{Dialect, Operation, RequestId, Secret, Timestamp};
use penstock_providers::{AuthScheme, ProviderTable};

use super::*;
use crate::exchange::{Exchange, PathModel};
use crate::{AliasSpec, Caller, OwnKey, PresentedKey, ProviderSpec, Request, RouteSpec, RoutingSpec};

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
            trace: None,
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

pub(crate) fn routing_of(spec: RoutingSpec) -> Routing {
    Routing::new(spec, ProviderTable::builtin()).unwrap()
}

/// OpenAI, Anthropic and OpenRouter with a few routes; Gemini and others for own keys.
pub(crate) fn usual() -> RoutingSpec {
    let alias = AliasSpec::sample;
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
    let resolution =
        resolve(exchange.asked(), routing, &Catalogue::default()).map_err(|error| error.to_string())?;
    let member = |member: &Member| format!("{} {}", member.provider.name, member.model);
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
        let error =
            resolve(Exchange::chat("gpt-4o").scoped(provider).asked(), &routing, &Catalogue::default());
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
        let resolution = resolve(Exchange::chat(requested).asked(), &routing, &Catalogue::default()).unwrap();
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
        ("a\"\\", &[]),
    ] {
        let near: Vec<_> = near.iter().map(|name| format!("{name:?}")).collect();
        let rest = match near.as_slice() {
            [] => ": see GET /v1/models, or name it as \"provider/model\"".to_owned(),
            near => format!(": did you mean {}?", near.join(" or ")),
        };
        let message = format!("no model {requested:?}{rest}");
        let error = resolve(Exchange::chat(requested).asked(), &routing, &Catalogue::default()).unwrap_err();
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
    let error = resolve(Exchange::chat("omeg").asked(), &routing, &catalogue).unwrap_err();
    assert_eq!(error.to_string(), "no model \"omeg\": did you mean \"omega\"?");
    assert_eq!(resolve(Exchange::chat("omega").asked(), &routing, &catalogue).unwrap().members.len(), 1);
}

#[test]
fn aliases_are_followed_until_a_name_stands_for_something() {
    let mut spec = usual();
    spec.aliases = [
        ("team-(.*)", "house-$1"),
        ("house-(.*)", "best-$1"),
        ("best-large", "gpt-4.1"),
        ("gpt-4.1", "never, since that is a route"),
        ("loop-a", "loop-b"),
        ("loop-b", "loop-a"),
        ("specific", "gpt-4o"),
        ("gpt-4o", "never, since somebody serves it"),
    ]
    .map(|(alias, target)| AliasSpec::sample(alias, target))
    .to_vec();
    // checked first where it is asked for by itself
    spec.aliases.retain(|alias| alias.alias != "gpt-4o");
    let routing = routing_of(spec);
    let name = |requested: &str| resolved(&Exchange::chat(requested), &routing).map(|(_, name)| name);
    assert_eq!(name("team-large"), Ok("gpt-4.1".to_owned()));
    assert_eq!(name("specific"), Ok("openai/gpt-4o".to_owned()));
    for lost in ["loop-a", "loop-b", "team-small", "gpt-4.1"] {
        assert!(name(lost).unwrap_err().starts_with("no model"), "{lost}");
    }
}

#[test]
fn a_providers_own_aliases_hold_under_its_name_and_no_other() {
    let mut spec = usual();
    let own = |alias: &str, target: &str| AliasSpec {
        provider: Some("openai".to_owned()),
        ..AliasSpec::sample(alias, target)
    };
    spec.aliases.extend([own("latest-(.+)", "gpt-$1"), own("claude-x", "gpt-5")]);
    let routing = routing_of(spec);
    for (exchange, expected) in [
        (Exchange::chat("openai/latest-9"), "openai/gpt-9"),
        (Exchange::chat("latest-9").scoped("openai"), "openai/gpt-9"),
        // whoever lists what the alias leads to serves the alias
        (Exchange::chat("latest-9"), "openai/gpt-9"),
        (Exchange::chat("anthropic/latest-9"), "anthropic/latest-9"),
        (Exchange::chat("claude-x").scoped("anthropic"), "anthropic/claude-x"),
    ] {
        assert_eq!(resolved(&exchange, &routing).unwrap().1, expected);
    }
}

#[test]
fn a_disabled_model_is_there_for_nobody() {
    let mut spec = usual();
    spec.providers[1].disabled_models.insert("gpt-5".to_owned());
    let routing = routing_of(spec);
    let refused = resolved(&Exchange::chat("openai/gpt-5"), &routing).unwrap_err();
    assert_eq!(refused, "the model \"gpt-5\" of provider \"openai\" is disabled");
    assert!(resolved(&Exchange::chat("gpt-5"), &routing).is_err());
    let (members, _) = resolved(&Exchange::chat("gpt-4.1"), &routing).unwrap();
    assert_eq!(members, ["anthropic claude-opus"], "nor as a member");
}
