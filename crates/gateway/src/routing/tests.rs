use std::time::Duration;

use super::*;
use crate::Timeouts;
use penstock_core::{Dialect, Operation, Secret};
use penstock_providers::{Catalogue, Price};

impl ProviderSpec {
    /// A provider that is called like its channel, with the credential `main`.
    pub(crate) fn sample(channel: &str) -> Self {
        Self {
            name: channel.to_owned(),
            channel: channel.to_owned(),
            credentials: vec![CredentialSpec::sample("main", &format!("key-of-{channel}"))],
            ..Self::default()
        }
    }

    /// The same under another name.
    pub(crate) fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// The same at another place.
    pub(crate) fn at(self, base_url: &str) -> Self {
        Self { base_url: Some(base_url.to_owned()), ..self }
    }

    /// The same, with these models and no price for them.
    pub(crate) fn listing(self, models: &[&str]) -> Self {
        let model = |model: &&str| ModelSpec { id: (*model).to_owned(), ..ModelSpec::default() };
        Self { models: models.iter().map(model).collect(), ..self }
    }
}

impl CredentialSpec {
    /// A credential of the configuration.
    pub(crate) fn sample(name: &str, secret: &str) -> Self {
        Self::new(name, Secret::from(secret.to_owned()))
    }
}

impl AliasSpec {
    /// An alias of whatever is asked for without a provider.
    pub(crate) fn sample(alias: &str, target: &str) -> Self {
        Self { provider: None, alias: alias.to_owned(), target: target.to_owned() }
    }
}

impl RouteSpec {
    /// A route to these providers and models.
    pub(crate) fn sample(name: &str, members: &[(&str, &str)]) -> Self {
        let member = |(provider, model): &(&str, &str)| MemberSpec {
            provider: (*provider).to_owned(),
            model: (*model).to_owned(),
            tier: 0,
            weight: 1,
        };
        let members = members.iter().map(member).collect();
        Self { name: name.to_owned(), members, ..Self::default() }
    }
}

fn aliases(pairs: &[(&str, &str)]) -> Vec<AliasSpec> {
    pairs.iter().map(|(alias, target)| AliasSpec::sample(alias, target)).collect()
}

fn routing_of(spec: RoutingSpec) -> Result<Routing, RoutingError> {
    Routing::new(spec, ProviderTable::builtin())
}

fn of_providers(providers: Vec<ProviderSpec>) -> RoutingSpec {
    RoutingSpec { providers, ..RoutingSpec::default() }
}

fn of_route(name: &str, members: &[(&str, &str)]) -> RoutingSpec {
    let providers = vec![ProviderSpec::sample("openai"), ProviderSpec::sample("groq")];
    RoutingSpec { routes: vec![RouteSpec::sample(name, members)], own_keys: true, ..of_providers(providers) }
}

fn message(spec: RoutingSpec) -> String {
    routing_of(spec).unwrap_err().to_string()
}

#[test]
fn a_configuration_that_cannot_work_is_refused_in_words() {
    let openai = || ProviderSpec::sample("openai");
    let channels = list(ProviderTable::builtin().rows().map(|row| row.name.as_str()));
    let member = [("openai", "gpt-4o")];
    let twice = RoutingSpec {
        routes: vec![RouteSpec::sample("fast", &member), RouteSpec::sample("fast", &member)],
        ..of_providers(vec![openai()])
    };
    for (spec, expected) in [
        (of_providers(vec![openai(), openai()]), "provider \"openai\" is configured twice".to_owned()),
        (twice, "route \"fast\" is configured twice".to_owned()),
        (
            of_providers(vec![ProviderSpec::sample("opnai").named("mine")]),
            format!("provider \"mine\": unknown channel \"opnai\": expected one of {channels}"),
        ),
        (
            of_providers(vec![ProviderSpec::sample("custom").named("mine")]),
            "provider \"mine\": `base_url` is missing: channel \"custom\" has no default".to_owned(),
        ),
        (
            of_providers(vec![openai().named(" ")]),
            "provider name \" \": expected a name that is not empty".to_owned(),
        ),
        (of_route(" ", &member), "route name \" \": expected a name that is not empty".to_owned()),
        (of_route("fast", &[]), "route \"fast\" has no members that are in use".to_owned()),
        (
            of_route("fast", &[("openai", "gpt-4o"), ("gorq", "llama")]),
            "route \"fast\": unknown provider \"gorq\": configure it, or name one of openai, groq".to_owned(),
        ),
        (
            // it is there for callers with own keys, which a route cannot count on
            of_route("fast", &[("gemini", "gemini-pro")]),
            "route \"fast\": unknown provider \"gemini\": configure it, or name one of openai, groq"
                .to_owned(),
        ),
        (
            RoutingSpec { routes: vec![RouteSpec::sample("fast", &member)], ..RoutingSpec::default() },
            "route \"fast\": unknown provider \"openai\": configure it, or name one of (none)".to_owned(),
        ),
    ] {
        assert_eq!(message(spec), expected);
    }
}

#[test]
fn a_provider_name_can_stand_in_a_path_and_is_no_path_of_the_gateway() {
    let of = |name: &str| routing_of(of_providers(vec![ProviderSpec::sample("openai").named(name)]));
    for name in ["openai", "My-openai_2.5", "v2", "v1beta1", "apis"] {
        assert!(of(name).is_ok(), "{name}");
    }
    for name in ["a/b", "a b", "ä", "a:b", "a%2Fb", "a?"] {
        let expected = format!(
            "provider name {name:?}: expected letters, digits, '-', '_' and '.' only, since it stands in paths"
        );
        assert_eq!(of(name).unwrap_err().to_string(), expected);
    }
    for name in ["v1", "v1beta", "admin", "healthz", "readyz", "metrics", "version", "api"] {
        let expected =
            format!("provider name {name:?}: expected a name that is not one of the gateway's own paths");
        assert_eq!(of(name).unwrap_err().to_string(), expected);
    }
    assert!(routing_of(of_route("v1/any thing", &[("openai", "gpt-4o")])).is_ok(), "routes stand in no path");
}

#[test]
fn a_secret_that_no_header_can_carry_is_refused_without_being_shown() {
    let with = |secret: &str| {
        let credentials = vec![CredentialSpec::sample("good", "sk-1"), CredentialSpec::sample("bad", secret)];
        of_providers(vec![ProviderSpec { credentials, ..ProviderSpec::sample("openai") }])
    };
    for secret in ["s3cr3t\r\nx-evil: 1", "s3cr3t\nx", "s3cr3t\0x"] {
        assert_eq!(
            message(with(secret)),
            "provider \"openai\": credential \"bad\" holds characters that no HTTP header can carry"
        );
    }
    let routing = routing_of(with(" s3cr3t\r\n")).unwrap();
    let (name, value) = routing.provider("openai").unwrap().credentials[1].header.as_ref().unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", "Bearer s3cr3t"));
    assert!(!format!("{routing:?}").contains("s3cr3t"));
}

fn at(base_url: &str) -> Result<Routing, RoutingError> {
    routing_of(of_providers(vec![ProviderSpec::sample("openai").at(base_url)]))
}

#[test]
fn a_base_url_is_an_http_address_and_nothing_more() {
    let scheme = "expected http:// or https://";
    let url = "expected a URL such as https://api.example.com/v1";
    for (base_url, problem) in [
        ("ftp://api.example.com", scheme),
        ("api.example.com", scheme),
        ("/v1", scheme),
        ("https://api.example.com/v1?version=2", "expected neither a query nor a fragment"),
        ("", url),
        ("https://", scheme),
        ("https://api.example.com/a b", url),
        ("api.example.com/v1", url),
    ] {
        // a query may hold a secret, and is not shown
        let shown = base_url.split('?').next().unwrap().trim_end_matches('/');
        let expected = format!("provider \"openai\": `base_url` is {shown:?}: {problem}");
        assert_eq!(at(base_url).unwrap_err().to_string(), expected);
    }
    for base_url in ["http://localhost:1234/v1", "https://api.example.com/v1", "https://api.example.com/v1//"]
    {
        let routing = at(base_url).unwrap();
        let provider = routing.provider("openai").unwrap();
        let expected = base_url.trim_end_matches('/');
        assert_eq!(provider.base_url, expected);
        let endpoint = provider.endpoint(Operation::Generate, Dialect::OpenaiChat).unwrap();
        assert_eq!(*endpoint, *format!("{expected}/chat/completions"));
    }
}

#[test]
fn a_base_url_with_a_password_is_refused_and_not_shown() {
    for (base_url, shown) in [
        ("https://ada:s3cr3t@api.example.com/v1", "https://…@api.example.com/v1"),
        ("https://s3cr3t@api.example.com", "https://…@api.example.com"),
        ("https://ada:s3cr3t@169.254.169.254", "https://…@169.254.169.254"),
        ("ftp://ada:s3cr3t@api.example.com", "ftp://…@api.example.com"),
        ("https://ada:s3@cr3t@api.example.com", "https://…@api.example.com"),
        ("https://ada:s3cr3t@api.example.com/a b", "https://…@api.example.com/a b"),
    ] {
        let error = at(base_url).unwrap_err();
        let RoutingError::BadBaseUrl { url, .. } = &error else { panic!("{error:?}") };
        assert_eq!(url, shown);
        assert!(!error.to_string().contains("s3"), "{error}");
    }
}

#[test]
fn a_secret_in_a_malformed_base_url_is_not_shown_either() {
    for base_url in [
        "ada:s3cr3t@api.example.com",
        "ada:s3cr3t@api.example.com/v1",
        "https:/ada:s3cr3t@api.example.com",
        "https://api.example.com/v1?key=s3cr3t",
    ] {
        let error = at(base_url).unwrap_err().to_string();
        assert!(!error.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn a_base_url_with_a_fragment_is_refused() {
    // the paths of endpoints would become part of it, and be lost
    assert!(matches!(at("https://api.example.com/v1#"), Err(RoutingError::BadBaseUrl { .. })));
    assert!(matches!(at("https://api.example.com/v1#part"), Err(RoutingError::BadBaseUrl { .. })));
}

const METADATA: &str = "this is the metadata service of a cloud, which holds the machine's own credentials";

fn is_refused_as_metadata(base_url: &str) -> bool {
    matches!(at(base_url), Err(RoutingError::BadBaseUrl { problem, .. }) if problem == METADATA)
}

#[test]
fn the_metadata_services_of_clouds_are_no_providers() {
    for base_url in [
        "http://169.254.169.254",
        "http://169.254.169.254:80/latest/meta-data/",
        "https://metadata.google.internal/computeMetadata/v1",
        "http://[fd00:ec2::254]/latest",
    ] {
        assert!(is_refused_as_metadata(base_url), "{base_url}");
    }
    for base_url in ["http://169.254.169.25", "http://metadata.example.com", "http://[fd00:ec2::253]"] {
        assert!(at(base_url).is_ok(), "{base_url}");
    }
}

#[test]
fn the_metadata_services_are_known_in_every_spelling() {
    for base_url in [
        "http://Metadata.Google.Internal/computeMetadata/v1",
        "http://metadata.google.internal./computeMetadata/v1",
        "http://[FD00:EC2::254]/latest",
        "http://[fd00:ec2:0:0:0:0:0:254]/latest",
        "http://[::ffff:169.254.169.254]/latest",
        "http://2852039166/latest",
    ] {
        assert!(is_refused_as_metadata(base_url), "{base_url}");
    }
}

#[test]
fn the_first_alias_that_matches_the_whole_name_holds() {
    let aliases = aliases(&[
        ("gpt-4", "openai/gpt-4o"),
        ("claude-(.+)-latest", "anthropic/claude-$1"),
        ("(?P<maker>[a-z]+):(.*)", "${maker}/${2}-x"),
        ("claude-.*", "never for -latest"),
        ("a|bb", "either"),
        ("[mn]", "$0$0"),
    ]);
    let routing = routing_of(RoutingSpec { aliases, ..RoutingSpec::default() }).unwrap();
    for (requested, expected) in [
        ("gpt-4", "openai/gpt-4o"),
        ("gpt-4o", "gpt-4o"),
        ("my-gpt-4", "my-gpt-4"),
        ("gpt-4\n", "gpt-4\n"),
        ("claude-opus-latest", "anthropic/claude-opus"),
        ("claude-opus", "never for -latest"),
        ("groq:llama", "groq/llama-x"),
        ("a", "either"),
        ("bb", "either"),
        ("ab", "ab"),
        ("xbb", "xbb"),
        ("m", "mm"),
        // what an alias leads to is not looked up again
        ("openai/gpt-4o", "openai/gpt-4o"),
    ] {
        assert_eq!(routing.unaliased(requested), expected, "{requested}");
    }
}

#[test]
fn an_alias_that_is_no_regular_expression_is_refused() {
    for alias in ["(", "[a", "*", "a)"] {
        let spec = RoutingSpec { aliases: aliases(&[("ok", "x"), (alias, "y")]), ..RoutingSpec::default() };
        match routing_of(spec) {
            Err(RoutingError::BadAlias { alias: named, problem }) => {
                assert_eq!(named, alias);
                assert!(!problem.is_empty());
            }
            other => panic!("{alias}: {other:?}"),
        }
    }
}

#[test]
fn no_alias_gets_out_of_matching_the_whole_name() {
    // no regular expression by itself, though one between the brackets that are put around it
    let aliases = aliases(&[("a)|(?:b", "y")]);
    let routing = routing_of(RoutingSpec { aliases, ..RoutingSpec::default() });
    assert!(matches!(routing, Err(RoutingError::BadAlias { .. })), "{routing:?}");
}

#[test]
fn rows_that_nobody_configured_are_there_for_own_keys_behind_those_that_somebody_did() {
    let spec = |own_keys| RoutingSpec {
        own_keys,
        ..of_providers(vec![
            ProviderSpec::sample("groq"),
            ProviderSpec::sample("openai").named("work"),
            ProviderSpec::sample("custom").named("gemini").at("https://gemini.example"),
        ])
    };
    let names = |routing: &Routing| -> Vec<_> {
        routing.providers().iter().map(|provider| provider.name.to_string()).collect()
    };
    assert_eq!(names(&routing_of(spec(false)).unwrap()), ["groq", "work", "gemini"]);

    let public = names(&routing_of(spec(true)).unwrap());
    assert!(public.contains(&"anthropic".to_owned()) && !public.contains(&"ollama".to_owned()), "{public:?}");
    let routing = routing_of(RoutingSpec { local_providers: true, ..spec(true) }).unwrap();
    let names = names(&routing);
    assert_eq!(names[..3], ["groq", "work", "gemini"]);
    let rows = ProviderTable::builtin().rows().filter(|row| row.base_url.is_some());
    let rest: Vec<_> =
        rows.map(|row| row.name.as_str()).filter(|row| !["groq", "gemini"].contains(row)).collect();
    assert_eq!(names[3..], rest);
    for provider in routing.providers() {
        assert_eq!(provider.configured, names[..3].contains(&provider.name.to_string()), "{provider:?}");
    }
    let gemini = routing.provider("gemini").unwrap();
    assert_eq!((&*gemini.row.name, &*gemini.base_url), ("custom", "https://gemini.example"));
    assert_eq!(routing.provider("openai").unwrap().credentials.len(), 0);
    assert!(routing.provider("azure_openai").is_none(), "it has no address of its own");
}

#[test]
fn a_local_provider_needs_no_credential_and_takes_one() {
    let header = |spec: ProviderSpec| {
        let routing = routing_of(of_providers(vec![spec])).unwrap();
        let credentials = &routing.providers()[0].credentials;
        let header = credentials[0].header.clone();
        (credentials.len(), credentials[0].name.to_string(), header.map(|(name, _)| name.to_string()))
    };
    let bare = ProviderSpec { credentials: vec![], ..ProviderSpec::sample("ollama") };
    assert_eq!(header(bare), (1, "none".to_owned(), None));
    let with_key = header(ProviderSpec::sample("ollama"));
    assert_eq!(with_key, (1, "main".to_owned(), Some("authorization".to_owned())));
    let remote = ProviderSpec { credentials: vec![], ..ProviderSpec::sample("openai") };
    assert!(routing_of(of_providers(vec![remote])).unwrap().providers()[0].credentials.is_empty());
}

#[test]
fn a_provider_lists_and_serves_its_own_models_or_else_those_of_the_catalogue() {
    let row = "provider = \"openai\"\nid = \"gpt-listed\"\ninput = \"1\"\noutput = \"2\"";
    let catalogue = Catalogue::parse(&format!("version = \"1\"\n[[model]]\n{row}")).unwrap();
    let own = Price { input: "7".parse().unwrap(), ..Price::default() };
    let listed = |id: &str, price| ModelSpec { id: id.to_owned(), price, ..ModelSpec::default() };
    let models = vec![listed("mine", Some(own.clone())), listed("gpt-listed", None)];
    let work = ProviderSpec { models, ..ProviderSpec::sample("openai").named("work") };
    let routing = routing_of(of_providers(vec![ProviderSpec::sample("openai"), work])).unwrap();
    let [openai, work] = routing.providers() else { panic!() };
    assert_eq!(openai.listed(&catalogue), ["gpt-listed"]);
    assert_eq!(work.listed(&catalogue), ["mine", "gpt-listed"]);
    for (model, by_openai, by_work) in
        [("gpt-listed", true, true), ("gpt-any", true, false), ("mine", false, true), ("x", false, false)]
    {
        let serves = (openai.serves(model, &catalogue), work.serves(model, &catalogue));
        assert_eq!(serves, (by_openai, by_work), "{model}");
    }
    let listed = &catalogue.get("openai", "gpt-listed").unwrap().price;
    assert_eq!(work.price("mine", &catalogue), Some(&own));
    assert_eq!(work.price("gpt-listed", &catalogue), Some(listed));
    assert_eq!(openai.price("mine", &catalogue), None);
}

#[test]
fn a_provider_waits_as_long_as_it_says_and_else_as_long_as_all_do() {
    let seconds = Duration::from_secs;
    let overrides = TimeoutOverrides { idle: Some(seconds(5)), ..TimeoutOverrides::default() };
    let slow = ProviderSpec { timeouts: overrides, ..ProviderSpec::sample("groq") };
    let timeouts = Timeouts { connect: seconds(3), ..Timeouts::default() };
    let spec = RoutingSpec { timeouts, ..of_providers(vec![ProviderSpec::sample("openai"), slow]) };
    let routing = routing_of(spec).unwrap();
    assert_eq!(routing.provider("openai").unwrap().timeouts, timeouts);
    assert_eq!(routing.provider("groq").unwrap().timeouts, Timeouts { idle: seconds(5), ..timeouts });
}
