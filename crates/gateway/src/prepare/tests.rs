use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf as _;
use http_body::Body;
use penstock_core::{Dialect, Operation, SystemClock};
use penstock_providers::AuthScheme;

use super::*;
use crate::plan::plan;
use crate::{ProviderSpec, Request};

const KEY_HEADERS: [&str; 4] = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];

fn exchange(dialect: Dialect, operation: Operation, body: &str) -> Exchange {
    Exchange::open(Request::sample(dialect, operation, body)).unwrap()
}

fn chat(body: &str) -> Exchange {
    exchange(Dialect::OpenaiChat, Operation::Generate, body)
}

fn candidate(channel: &str, model: &str) -> Candidate {
    Candidate::sample(ProviderSpec::sample(channel).at("https://api.example.com/base"), model)
}

/// The headers that go on, of those that came.
fn forwarded(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    keep_forwarded(&mut headers);
    headers
}

fn known(on_loss: OnLoss) -> Knowledge<'static> {
    Knowledge { catalogue: Catalogue::builtin(), clock: &SystemClock, on_loss }
}

/// Plans and prepares as the executor does.
fn prepared(exchange: &Exchange, candidate: &Candidate) -> Prepared {
    let plan = plan(exchange, candidate).unwrap();
    prepare(exchange, &forwarded(&exchange.request.headers), candidate, plan, known(OnLoss::Warn)).unwrap()
}

fn sent_headers(exchange: &Exchange, candidate: &Candidate) -> HeaderMap {
    prepared(exchange, candidate).request.into_parts().0.headers
}

fn with_headers(pairs: &[(&'static str, &str)]) -> Exchange {
    let mut exchange = chat(r#"{"model":"m"}"#);
    for (name, value) in pairs {
        exchange.request.headers.append(*name, value.parse().unwrap());
    }
    exchange
}

fn text(mut pieces: Pieces) -> String {
    let announced = pieces.size_hint().exact();
    let mut bytes = Vec::new();
    while let Poll::Ready(Some(frame)) =
        Pin::new(&mut pieces).poll_frame(&mut Context::from_waker(Waker::noop()))
    {
        let mut slices = frame.unwrap().into_data().unwrap();
        bytes.extend_from_slice(&slices.copy_to_bytes(slices.remaining()));
    }
    assert!(pieces.is_end_stream());
    assert_eq!(announced, Some(bytes.len() as u64), "the announced length is the real one");
    String::from_utf8(bytes).unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn the_model_is_patched_only_where_it_differs_and_only_in_its_bytes() {
    let odd = concat!(
        " { \"temperature\" : 1.0,\n\t\"model\"  :\t\"fast\" ,\"max\":2e3, \"seed\":18446744073709551616,",
        "\"x\":{\"model\":\"fast\"},\"s\":\"\\u00e9\\/\"}\r\n"
    );
    let replaced = odd.replacen("\"fast\" ,", "\"gpt-4o\" ,", 1);
    assert_ne!(odd, replaced);
    let quoted = r#"{"model":"we\"ird\\é\n"}"#;
    for (body, model, expected) in [
        (odd, "fast", odd),
        (odd, "gpt-4o", &replaced),
        // another spelling of the same name
        (r#"{"model":"gpt\u002d4o"}"#, "gpt-4o", r#"{"model":"gpt\u002d4o"}"#),
        (r#"{"model":"a\/b"}"#, "a/b", r#"{"model":"a\/b"}"#),
        (r#"{"model":"a\/b"}"#, "b", r#"{"model":"b"}"#),
        (
            r#"{"messages":[{"model":"m"}],"mod\u0065l":"m"}"#,
            "n",
            r#"{"messages":[{"model":"m"}],"mod\u0065l":"n"}"#,
        ),
        (r#"{"model":"m"}"#, "we\"ird\\é\n", quoted),
        (r#"{"model":"M"}"#, "m", r#"{"model":"m"}"#),
    ] {
        let prepared = prepared(&chat(body), &candidate("openai", model));
        assert_eq!(text(prepared.request.into_body()), expected);
        assert!(!prepared.strip_usage);
    }
}

#[test]
fn a_model_in_the_body_of_a_dialect_that_names_it_in_the_path_is_the_clients() {
    let body = Bytes::from_static(br#"{"model": "models/other", "contents":[]}"#);
    let request = Request { body, ..Request::gemini(Operation::Generate, "fast", "generateContent") };
    let prepared = prepared(&Exchange::open(request).unwrap(), &candidate("gemini", "gemini-pro"));
    assert_eq!(text(prepared.request.into_body()), r#"{"model": "models/other", "contents":[]}"#);
}

#[test]
fn usage_is_asked_for_in_chat_streams_of_providers_that_want_to_be_asked() {
    use Dialect::{AnthropicMessages, OpenaiChat, OpenaiResponses};
    let stream = r#"{"model":"m","stream":true}"#;
    let asked = r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#;
    let whole = r#"{"model":"m","stream":false}"#;
    let already = r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#;
    let declined = r#"{"model":"m","stream":true,"stream_options":{"include_usage":false}}"#;
    for (channel, dialect, body, expected) in [
        ("openai", OpenaiChat, stream, asked),
        ("groq", OpenaiChat, stream, asked),
        ("openai", OpenaiChat, declined, already),
        ("openai", OpenaiChat, already, already),
        ("openai", OpenaiChat, whole, whole),
        ("openai", OpenaiResponses, stream, stream),
        ("mistral", OpenaiChat, stream, stream),
        ("openrouter", OpenaiChat, stream, stream),
        ("anthropic", AnthropicMessages, stream, stream),
        ("ollama", AnthropicMessages, stream, stream),
    ] {
        let exchange = exchange(dialect, Operation::Generate, body);
        for model in ["m", "another"] {
            let prepared = prepared(&exchange, &candidate(channel, model));
            assert_eq!(prepared.strip_usage, body != expected, "{channel} {dialect} {body}");
            let expected = expected.replacen("\"m\"", &format!("\"{model}\""), 1);
            assert_eq!(text(prepared.request.into_body()), expected, "{channel} {dialect} {body}");
        }
    }
}

#[test]
fn what_holds_a_key_or_speaks_of_the_clients_hop_ends_here() {
    let ending = [
        ("authorization", "Bearer sk-pen-1"),
        ("x-api-key", "sk-pen-1"),
        ("x-goog-api-key", "sk-pen-1"),
        ("api-key", "sk-pen-1"),
        ("proxy-authorization", "Basic sk-pen-1"),
        ("cookie", "session=sk-pen-1"),
        ("host", "gateway.example"),
        ("content-length", "13"),
        ("transfer-encoding", "chunked"),
        ("connection", "keep-alive, X-Hop-One ,x-hop-two"),
        ("connection", "x-hop-three"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
        ("trailer", "x-sum"),
        ("expect", "100-continue"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
        ("origin", "http://localhost"),
        ("referer", "http://localhost/page"),
        ("x-request-id", "mine"),
        ("x-real-ip", "10.0.0.1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "gateway.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-user", "ada"),
        ("x-original-forwarded-for", "10.0.0.1"),
        ("cf-connecting-ip", "10.0.0.1"),
        ("cf-ray", "8-AMS"),
        ("cf-access-jwt-assertion", "ey"),
        ("cdn-loop", "cloudflare"),
        ("true-client-ip", "10.0.0.1"),
        ("fastly-client-ip", "10.0.0.1"),
        ("fly-client-ip", "10.0.0.1"),
        ("x-client-ip", "10.0.0.1"),
        ("x-cluster-client-ip", "10.0.0.1"),
        ("x-envoy-external-address", "10.0.0.1"),
        ("x-azure-clientip", "10.0.0.1"),
        ("x-appengine-user-ip", "10.0.0.1"),
        ("x-amzn-trace-id", "Root=1-6"),
        ("x-amzn-oidc-accesstoken", "ey"),
        ("x-cloud-trace-context", "1/2"),
        ("x-auth-request-email", "ada@example.com"),
        ("x-goog-iap-jwt-assertion", "ey"),
        ("x-goog-authenticated-user-email", "ada@example.com"),
        ("x-ms-client-principal-name", "ada"),
        ("x-ms-token-aad-access-token", "ey"),
        ("tailscale-user-login", "ada"),
        ("remote-user", "ada"),
        ("x-hop-one", "1"),
        ("x-hop-two", "2"),
        ("x-hop-three", "3"),
        ("x-hop-three", "4"),
    ];
    for pair in &ending {
        let mut one = vec![*pair];
        one.extend(ending.iter().filter(|(name, _)| *name == "connection"));
        let left = forwarded(&with_headers(&one).request.headers);
        assert_eq!(left.len(), 1, "{pair:?}: {left:?}");
    }
    let left = forwarded(&with_headers(&ending).request.headers);
    let left: Vec<_> = left.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(left, [("accept-encoding", "identity")]);
}

#[test]
fn what_stands_in_front_of_a_provider_is_told_what_it_wants() {
    let spec = ProviderSpec::sample("openai").at("https://llm.example.com");
    let headers = vec![("CF-Access-Client-Id".to_owned(), "ours".to_owned().into())];
    let candidate = Candidate::sample(ProviderSpec { headers, ..spec }, "m");
    let sent = sent_headers(&with_headers(&[("cf-access-client-id", "the client's")]), &candidate);
    assert_eq!(header(&sent, "cf-access-client-id"), ["ours"]);
}

#[test]
fn headers_that_nobody_here_knows_go_on_as_they_came() {
    let passing = [
        ("anthropic-beta", "context-1m-2025-08-07"),
        ("anthropic-beta", "next,another"),
        ("x-stainless-lang", "python"),
        ("user-agent", "client/1"),
        ("accept", "text/event-stream"),
        ("traceparent", "00-1-2-03"),
        ("x-hop-one", "named by no connection header"),
        ("x-never-heard-of", "\u{e4}"),
        ("x-goog-api-client", "genai-js/1"),
        ("x-amzn-bedrock-guardrailidentifier", "g1"),
        ("x-ms-client-request-id", "1"),
        ("client-version", "1"),
        ("cfo", "1"),
    ];
    let exchange = with_headers(&passing);
    let sent = sent_headers(&exchange, &candidate("openai", "m"));
    for name in exchange.request.headers.keys() {
        let came: Vec<_> = exchange.request.headers.get_all(name).iter().collect();
        assert_eq!(sent.get_all(name).iter().collect::<Vec<_>>(), came, "{name}");
    }
    // and beside them only what the gateway adds
    assert_eq!(sent.len(), passing.len() + ["accept-encoding", "content-type", "authorization"].len());
}

#[test]
fn an_answer_is_wanted_uncompressed() {
    let connection = [("connection", "accept-encoding"), ("accept-encoding", "gzip")];
    for pairs in [&[][..], &[("accept-encoding", "gzip"), ("accept-encoding", "br")], &connection] {
        let sent = sent_headers(&with_headers(pairs), &candidate("openai", "m"));
        assert_eq!(header(&sent, "accept-encoding"), ["identity"]);
    }
}

#[test]
fn what_a_provider_always_wants_is_added_only_where_the_client_did_not_send_it() {
    let messages = |pairs: &[(&'static str, &str)]| {
        let mut exchange = with_headers(pairs);
        exchange.request.dialect = Dialect::AnthropicMessages;
        sent_headers(&exchange, &candidate("anthropic", "m"))
    };
    let bare = messages(&[]);
    assert_eq!(header(&bare, "anthropic-version"), ["2023-06-01"]);
    assert_eq!(header(&bare, "content-type"), ["application/json"]);
    let own =
        messages(&[("anthropic-version", "2099-01-01"), ("content-type", "application/json; charset=x")]);
    assert_eq!(header(&own, "anthropic-version"), ["2099-01-01"]);
    assert_eq!(header(&own, "content-type"), ["application/json; charset=x"]);
    let other = sent_headers(&with_headers(&[]), &candidate("openai", "m"));
    assert!(header(&other, "anthropic-version").is_empty());
}

/// The headers with keys in a request of `caller`, who also sent every such header.
fn keys_sent(caller: Caller, channel: &str, credential: bool) -> Vec<(&'static str, String)> {
    let sent = KEY_HEADERS.map(|name| (name, "sk-of-the-client"));
    let mut candidate = candidate(channel, "m");
    if !credential {
        candidate.credential = None;
    }
    let dialect = candidate.provider.row.dialects(Operation::Generate).next().unwrap();
    let mut exchange = with_headers(&sent).asked_by(caller);
    exchange.request.dialect = dialect;
    let headers = sent_headers(&exchange, &candidate);
    for name in KEY_HEADERS {
        assert!(headers.get_all(name).iter().all(HeaderValue::is_sensitive), "{name}");
    }
    let found = KEY_HEADERS
        .iter()
        .flat_map(|name| header(&headers, name).into_iter().map(|key| (*name, key.to_owned())));
    found.collect()
}

#[test]
fn the_credential_travels_as_its_provider_has_it_and_no_other_key_does() {
    for (channel, name, value) in [
        ("openai", "authorization", "Bearer key-of-openai"),
        ("anthropic", "x-api-key", "key-of-anthropic"),
        ("gemini", "x-goog-api-key", "key-of-gemini"),
        ("azure_openai", "api-key", "key-of-azure_openai"),
        ("ollama", "authorization", "Bearer key-of-ollama"),
    ] {
        let expected = [(name, value.to_owned())];
        assert_eq!(keys_sent(Caller::Open, channel, true), expected);
        let own = Caller::own_key("sk-of-the-client", AuthScheme::Bearer);
        assert_eq!(keys_sent(own, channel, true), expected, "an own key never joins a credential");
    }
}

#[test]
fn an_own_key_travels_as_it_came_where_its_provider_takes_that() {
    use AuthScheme::{ApiKey, Bearer, XApiKey, XGoogApiKey};
    for (channel, came, name, value) in [
        ("openai", Bearer, "authorization", "Bearer k1"),
        ("openai", XApiKey, "authorization", "Bearer k1"),
        ("openai", XGoogApiKey, "authorization", "Bearer k1"),
        ("anthropic", XApiKey, "x-api-key", "k1"),
        ("anthropic", Bearer, "authorization", "Bearer k1"),
        ("anthropic", XGoogApiKey, "x-api-key", "k1"),
        ("gemini", XGoogApiKey, "x-goog-api-key", "k1"),
        ("gemini", Bearer, "authorization", "Bearer k1"),
        ("gemini", ApiKey, "x-goog-api-key", "k1"),
        ("azure_openai", ApiKey, "api-key", "k1"),
        ("azure_openai", XApiKey, "api-key", "k1"),
        ("lmstudio", XApiKey, "x-api-key", "k1"),
        ("lmstudio", XGoogApiKey, "authorization", "Bearer k1"),
    ] {
        let sent = keys_sent(Caller::own_key(" k1 ", came), channel, false);
        assert_eq!(sent, [(name, value.to_owned())], "{channel} {came:?}");
    }
    assert_eq!(keys_sent(Caller::Open, "openai", false), []);
    assert_eq!(keys_sent(Caller::own_key("k\n1", Bearer), "openai", false), []);
}

fn gemini_request(model: &str, action: &str, query: Option<&str>) -> Result<Prepared, GatewayError> {
    let request = Request::gemini(Operation::Generate, "as it was asked for", action);
    let request = Request { query: query.map(str::to_owned), ..request };
    let exchange = Exchange::open(request).unwrap();
    let plan = Plan::Passthrough { ask_for_usage: false };
    prepare(&exchange, &HeaderMap::new(), &candidate("gemini", model), plan, known(OnLoss::Warn))
}

#[test]
fn the_query_goes_on_behind_the_path() {
    for (query, shown) in
        [(None, ""), (Some("beta=true"), "?beta=true"), (Some("a=%20b&c&d=/?"), "?a=%20b&c&d=/?")]
    {
        let mut exchange = chat(r#"{"model":"m"}"#);
        exchange.request.query = query.map(str::to_owned);
        let sent = prepared(&exchange, &candidate("openai", "m")).request;
        assert_eq!(sent.uri().to_string(), format!("https://api.example.com/base/chat/completions{shown}"));
        assert_eq!(sent.method(), Method::POST);
        let sent = gemini_request("m", "streamGenerateContent", query).unwrap().request;
        let path = "https://api.example.com/base/v1beta/models/m:streamGenerateContent";
        assert_eq!(sent.uri().to_string(), format!("{path}{shown}"));
    }
}

#[test]
fn a_query_that_no_url_can_carry_is_refused() {
    let error = gemini_request("m", "generateContent", Some("a b")).unwrap_err();
    assert_eq!(error, GatewayError::invalid("the model's name or the query cannot stand in a URL"));
}

#[test]
fn a_model_stands_in_the_path_letter_for_letter() {
    for (model, action, path) in [
        ("gemini-2.5-pro", "generateContent", "gemini-2.5-pro:generateContent"),
        ("gemini-2.5-pro", "streamGenerateContent", "gemini-2.5-pro:streamGenerateContent"),
        ("models/gemini", "countTokens", "models/gemini:countTokens"),
        ("a?key=b", "generateContent", "a%3Fkey=b:generateContent"),
        ("a#b", "generateContent", "a%23b:generateContent"),
        ("a b\t", "generateContent", "a%20b%09:generateContent"),
        ("größe", "generateContent", "gr%C3%B6%C3%9Fe:generateContent"),
        ("a%2Fb", "generateContent", "a%252Fb:generateContent"),
        ("a\\b", "generateContent", "a%5Cb:generateContent"),
        ("{action}", "generateContent", "%7Baction%7D:generateContent"),
        ("a&b;c", "generateContent", "a%26b%3Bc:generateContent"),
    ] {
        // `=` may stand in a path, encoded or not
        let uri = gemini_request(model, action, None).unwrap().request.uri().to_string();
        let expected = format!("https://api.example.com/base/v1beta/models/{path}");
        assert_eq!(uri.replace("%3D", "="), expected, "{model}");
    }
}

/// The path as servers understand it: `%2E` is a dot to them (RFC 3986, 6.2.2.2), and dots are walked.
fn walked(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment.replace("%2E", ".").replace("%2e", ".").as_str() {
            "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

/// Whether a request for `model` is refused, or stays under the base path of its provider.
fn stays_inside(model: &str) -> bool {
    let uri = match gemini_request(model, "generateContent", None) {
        Ok(prepared) => prepared.request.uri().clone(),
        Err(error) => return error.class().status == 400,
    };
    let path = walked(uri.path());
    let inside = path.strip_prefix("/base/v1beta/models/");
    uri.authority().is_some_and(|authority| authority == "api.example.com")
        && uri.query().is_none()
        && inside.is_some_and(|rest| rest.ends_with(":generateContent"))
}

#[test]
fn no_model_leads_to_another_host_or_path() {
    for model in [
        "",
        ".",
        "..",
        "...",
        "x..y",
        "..%2F..%2Fx",
        "..\\..\\x",
        "//evil.example/x",
        "@evil.example",
        ":8080/x",
        "?/../x",
        "#/x",
    ] {
        assert!(stays_inside(model), "{model}");
    }
}

#[test]
fn no_model_climbs_out_of_its_path() {
    for model in ["../..", "../../x", "a/../../../x", "./../x", "/../../x"] {
        assert!(stays_inside(model), "{model}");
    }
}

#[test]
fn a_translated_request_is_one_of_the_other_dialect_in_every_respect() {
    let mut exchange = chat(r#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#);
    exchange.request.query = Some("beta=true".to_owned());
    for (name, value) in [("openai-beta", "x"), ("x-stainless-lang", "python"), ("x-own", "kept")] {
        exchange.request.headers.append(name, value.parse().unwrap());
    }
    let prepared = prepared(&exchange, &candidate("anthropic", "claude-x"));
    let back = prepared.back.unwrap();
    assert_eq!((back.from, back.to), (Dialect::AnthropicMessages, Dialect::OpenaiChat));
    let (parts, body) = prepared.request.into_parts();
    assert_eq!(parts.uri, "https://api.example.com/base/v1/messages");
    assert_eq!(header(&parts.headers, "anthropic-version"), ["2023-06-01"]);
    assert_eq!(header(&parts.headers, "x-own"), ["kept"]);
    for gone in ["openai-beta", "x-stainless-lang"] {
        assert!(header(&parts.headers, gone).is_empty(), "{gone}");
    }
    let sent = text(body);
    let expected = r#"{"model":"claude-x","messages":[{"role":"user","content":"hi"}],"max_tokens":5}"#;
    assert_eq!(sent, expected);
}

#[test]
fn a_route_may_refuse_what_cannot_be_carried_whole() {
    let body = r#"{"model":"m","max_tokens":5,"seed":7,"messages":[{"role":"user","content":"hi"}]}"#;
    let (exchange, candidate) = (chat(body), candidate("anthropic", "claude-x"));
    let plan = plan(&exchange, &candidate).unwrap();
    let prepare = |on_loss| prepare(&exchange, &HeaderMap::new(), &candidate, plan, known(on_loss));
    assert_eq!(prepare(OnLoss::Warn).unwrap().back.unwrap().losses[0].path, "seed");
    let error = prepare(OnLoss::Reject).unwrap_err();
    assert_eq!(error.class().status, 422);
    assert!(error.to_string().ends_with("the route rejects losses: dropped seed"), "{error}");
}

#[test]
fn a_limit_that_nobody_knows_is_asked_for() {
    let exchange = chat(r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#);
    let candidate = candidate("anthropic", "claude-unheard-of");
    let plan = plan(&exchange, &candidate).unwrap();
    let error = prepare(&exchange, &HeaderMap::new(), &candidate, plan, known(OnLoss::Warn)).unwrap_err();
    assert_eq!(error.class().status, 400);
    assert!(error.to_string().ends_with("send `max_tokens` or `max_completion_tokens`"), "{error}");
}

#[test]
fn a_carrier_makes_a_request_of_the_same_dialect_leave_out_what_belongs_to_others() {
    let body = concat!(
        r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes","#,
        r#""reasoning_details":[{"type":"reasoning.text","index":0,"text":"hm","#,
        r#""signature":"penstock:anthropic_messages/anthropic:c2ln"}]}]}"#
    );
    let prepared = prepared(&chat(body), &candidate("openai", "gpt-4o"));
    assert!(prepared.back.is_none(), "the answer passes as it is");
    let expected = r#"{"model":"gpt-4o","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes"}]}"#;
    assert_eq!(text(prepared.request.into_body()), expected);
}

#[test]
fn whose_account_pays_is_not_the_clients_choice_with_the_gateways_credential() {
    let named =
        [("openai-organization", "org-1"), ("openai-project", "proj-1"), ("x-goog-user-project", "p")];
    let exchange = with_headers(&named);
    let sent = sent_headers(&exchange, &candidate("openai", "m"));
    assert!(named.iter().all(|(name, _)| !sent.contains_key(*name)), "{sent:?}");
    let own = Candidate { credential: None, ..candidate("openai", "m") };
    let sent = sent_headers(&exchange, &own);
    assert!(named.iter().all(|(name, _)| sent.contains_key(*name)), "{sent:?}");
}
