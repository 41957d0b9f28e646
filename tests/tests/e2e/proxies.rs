//! Providers behind a proxy: they are called through it, and never around it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Result, anyhow, ensure};
use http::Method;
use penstock_conformance::servers::authority::Authority;
use penstock_tests::front::TlsFront;
use penstock_tests::gateway::{ADMIN_KEY, Builder, Gateway};
use penstock_tests::http::{Answer, post};
use penstock_tests::proxy::{ForwardProxy, Seen, Speaks};
use penstock_tests::upstream::ScriptedUpstream;
use serde_json::{Value, json};

/// A name that no machine knows: whoever reaches it went through the proxy.
const HOST: &str = "api.provider.invalid";
const LOGIN: (&str, &str) = ("ada", "pass:word@/#");
/// The same in a URL.
const IN_URL: &str = "ada:pass%3Aword%40%2F%23@";
const BOTH: [(Speaks, &str); 2] = [(Speaks::Connect, "http"), (Speaks::Socks5, "socks5")];

async fn admin(gateway: &Gateway, method: Method, path: &str, body: &Value) -> Result<Answer> {
    let call = post(gateway.at(&format!("/admin/v1{path}")), body.to_string());
    call.method(method).key(ADMIN_KEY).send().await
}

/// Makes a provider with a credential.
async fn provider(gateway: &Gateway, name: &str, base_url: &str, proxy: Option<&str>) -> Result<()> {
    let body =
        json!({"name": name, "channel": "custom", "settings": {"base_url": base_url}, "proxy_url": proxy});
    let made = admin(gateway, Method::POST, "/providers", &body).await?;
    ensure!(made.status == 201, "{}", made.text());
    ensure!(made.json()?["has_proxy_url"] == proxy.is_some(), "{}", made.text());
    let credential = json!({"name": "main", "kind": "api_key", "secret": "sk-of-the-provider"});
    let path = format!("/providers/{name}/credentials");
    let made = admin(gateway, Method::POST, &path, &credential).await?;
    ensure!(made.status == 201, "{}", made.text());
    Ok(())
}

async fn ask(gateway: &Gateway, model: &str, stream: bool) -> Result<Answer> {
    let body = json!({"model": model, "stream": stream, "messages": []});
    post(gateway.at("/v1/chat/completions"), body.to_string()).send().await
}

/// A port where nobody listens.
fn closed() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

#[tokio::test]
async fn a_provider_is_called_through_its_proxy() -> Result<()> {
    for (speaks, scheme) in BOTH {
        let upstream = ScriptedUpstream::start().await?;
        let open = ForwardProxy::start(speaks, None, upstream.addr()).await?;
        let guarded = ForwardProxy::start(speaks, Some(LOGIN), upstream.addr()).await?;
        let gateway = Builder::new()?.start().await?;
        let base = format!("http://{HOST}/v1");
        provider(&gateway, "open", &base, Some(&format!("{scheme}://{}", open.address))).await?;
        let url = format!("{scheme}://{IN_URL}{}", guarded.address);
        provider(&gateway, "guarded", &format!("http://{HOST}:8080/v1"), Some(&url)).await?;
        for (model, stream) in
            [("open/scripted", false), ("guarded/scripted", false), ("guarded/scripted", true)]
        {
            let answer = ask(&gateway, model, stream).await?;
            ensure!(answer.status == 200, "{scheme}, {model}: {}", answer.text());
        }
        let hosts: Vec<_> =
            upstream.requests().iter().map(|request| request.header("host").map(str::to_owned)).collect();
        let host = |port: &str| Some(format!("{HOST}{port}"));
        ensure!(hosts == [host(""), host(":8080"), host(":8080")], "{scheme}: {hosts:?}");
        ensure!(open.tunnels() == [format!("{HOST}:80")], "{scheme}: {:?}", open.seen());
        let tunnels = guarded.tunnels();
        // one, or two where the second request came before the first connection was back
        ensure!(
            !tunnels.is_empty() && tunnels.iter().all(|host| *host == format!("{HOST}:8080")),
            "{tunnels:?}"
        );
        for request in upstream.requests() {
            ensure!(request.header("proxy-authorization").is_none(), "the login is for the proxy alone");
        }
        let said = format!(
            "{}{}",
            gateway.log()?,
            admin(&gateway, Method::GET, "/providers", &json!({})).await?.text()
        );
        ensure!(!said.contains("pass"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn tls_with_the_provider_is_inside_the_tunnel_and_with_the_proxy_around_it() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let authority = Authority::new().map_err(|error| anyhow!("{error}"))?;
    let folder = tempfile::tempdir()?;
    let files = authority.certify(&[HOST, "localhost"], folder.path()).map_err(|error| anyhow!("{error}"))?;
    let secure = TlsFront::start(upstream.addr(), &files.certificate, &files.key).await?;
    let root = authority.root().display().to_string();
    let gateway = Builder::new()?.variable("SSL_CERT_FILE", &root).start().await?;
    let mut proxies = Vec::new();
    for (speaks, scheme) in BOTH {
        let proxy = ForwardProxy::start(speaks, Some(LOGIN), secure.address).await?;
        let url = format!("{scheme}://{IN_URL}{}", proxy.address);
        provider(&gateway, scheme, &format!("https://{HOST}/v1"), Some(&url)).await?;
        proxies.push((scheme, proxy));
    }
    let inner = ForwardProxy::start(Speaks::Connect, Some(LOGIN), secure.address).await?;
    let front = TlsFront::start(inner.address, &files.certificate, &files.key).await?;
    let url = format!("https://{IN_URL}localhost:{}", front.address.port());
    provider(&gateway, "https", &format!("https://{HOST}/v1"), Some(&url)).await?;
    proxies.push(("https", inner));
    for (number, (name, proxy)) in proxies.iter().enumerate() {
        let answer = ask(&gateway, &format!("{name}/scripted"), true).await?;
        ensure!(answer.status == 200, "{name}: {}", answer.text());
        ensure!(proxy.tunnels() == [format!("{HOST}:443")], "{name}: {:?}", proxy.seen());
        ensure!(upstream.requests().len() == number + 1, "{name}");
    }
    // a proxy that shows a certificate of nobody's, or a provider behind it
    let stranger = Builder::new()?.start().await?;
    provider(&stranger, "https", &format!("https://{HOST}/v1"), Some(&url)).await?;
    let refused = ask(&stranger, "https/scripted", false).await?;
    ensure!(
        refused.status == 502 && refused.text().contains("its proxy cannot be reached"),
        "{}",
        refused.text()
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_login_is_refused_in_words_and_a_right_one_holds_at_once() -> Result<()> {
    let words = ["proxy authorization required", "credentials not accepted"];
    for ((speaks, scheme), words) in BOTH.into_iter().zip(words) {
        let upstream = ScriptedUpstream::start().await?;
        let proxy = ForwardProxy::start(speaks, Some(LOGIN), upstream.addr()).await?;
        let gateway = Builder::new()?.start().await?;
        let url = format!("{scheme}://ada:not-this-one@{}", proxy.address);
        provider(&gateway, "far", &format!("http://{HOST}/v1"), Some(&url)).await?;
        let refused = ask(&gateway, "far/scripted", false).await?;
        let text = refused.text();
        ensure!(refused.status == 502, "{text}");
        ensure!(text.contains("\\\"far\\\" could not be reached: its proxy gives no way to it: "), "{text}");
        ensure!(text.contains(words), "{text}");
        ensure!(!text.contains("not-this-one") && !gateway.log()?.contains("not-this-one"), "{text}");
        ensure!(!proxy.seen().is_empty() && proxy.seen().iter().all(|seen| *seen == Seen::Refused));
        ensure!(upstream.requests().is_empty(), "nobody goes around a proxy");
        let right = json!({"proxy_url": format!("{scheme}://{IN_URL}{}", proxy.address)});
        let changed = admin(&gateway, Method::PATCH, "/providers/far", &right).await?;
        ensure!(changed.status == 200, "{}", changed.text());
        let answer = ask(&gateway, "far/scripted", false).await?;
        ensure!(answer.status == 200, "{}", answer.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_that_is_down_is_a_provider_that_is_down() -> Result<()> {
    let (first, second) = (ScriptedUpstream::start().await?, ScriptedUpstream::start().await?);
    let gateway = Builder::new()?.start().await?;
    for (scheme, name) in [("http", "tunnel"), ("socks5", "socks")] {
        let url = format!("{scheme}://{}", closed()?);
        // one that could be called directly, which must not happen
        provider(&gateway, name, &format!("{}/v1", first.url()), Some(&url)).await?;
        let refused = ask(&gateway, &format!("{name}/scripted"), false).await?;
        let text = refused.text();
        ensure!(refused.status == 502, "{text}");
        ensure!(text.contains("its proxy cannot be reached: ") && text.contains("refused"), "{text}");
    }
    provider(&gateway, "near", &format!("{}/v1", second.url()), None).await?;
    let route = json!({"name": "fast", "strategy": "failover"});
    ensure!(admin(&gateway, Method::POST, "/routes", &route).await?.status == 201);
    for (tier, provider) in ["tunnel", "socks", "near"].into_iter().enumerate() {
        let member = json!({"provider": provider, "upstream_model_id": "scripted", "tier": tier});
        let made = admin(&gateway, Method::POST, "/routes/fast/members", &member).await?;
        ensure!(made.status == 201, "{}", made.text());
    }
    let answer = ask(&gateway, "fast", false).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    ensure!((first.requests().len(), second.requests().len()) == (0, 1));
    Ok(())
}

#[tokio::test]
async fn one_proxy_for_all_leaves_out_this_machine_and_whoever_says_so() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let all = ForwardProxy::start(Speaks::Connect, Some(LOGIN), upstream.addr()).await?;
    let other = ForwardProxy::start(Speaks::Socks5, None, upstream.addr()).await?;
    let url = format!("http://{IN_URL}{}", all.address);
    let file = format!(
        "[[providers]]\nname = \"filed\"\nchannel = \"custom\"\nbase_url = \"http://{HOST}/v1\"\n\
         proxy_url = \"env:THE_PROXY\"\ncredentials = [{{ name = \"main\", api_key = \"sk-1\" }}]\n"
    );
    let other_url = format!("socks5://{}", other.address);
    let builder = Builder::new()?.file(&file).variable("THE_PROXY", &other_url);
    let builder = builder.variable("GPROXY_UPSTREAM_PROXY_URL", &url);
    let shown = String::from_utf8(builder.run(&["config", "show"])?.stdout)?;
    let line = shown.lines().find(|line| line.contains("upstream_proxy_url")).unwrap_or_default();
    ensure!(line.contains("[hidden]") && line.contains("GPROXY_UPSTREAM_PROXY_URL"), "{line}");
    ensure!(!shown.contains("pass%3A") && !shown.contains(&all.address.to_string()), "{shown}");
    let gateway = builder.start().await?;
    provider(&gateway, "far", &format!("http://{HOST}/v1"), None).await?;
    provider(&gateway, "here", &format!("{}/v1", upstream.url()), None).await?;
    // an address of this machine by which it is not known
    let unnamed = format!("http://0.0.0.0:{}/v1", upstream.addr().port());
    provider(&gateway, "direct", &unnamed, Some("direct")).await?;
    let status =
        async |model: &str| -> Result<u16> { Ok(ask(&gateway, model, false).await?.status.as_u16()) };
    ensure!(status("far/scripted").await? == 200);
    ensure!(all.tunnels() == [format!("{HOST}:80")], "{:?}", all.seen());
    ensure!(status("here/scripted").await? == 200);
    ensure!(status("direct/scripted").await? == 200);
    ensure!(all.seen().len() == 1, "those are not for the proxy: {:?}", all.seen());
    ensure!(status("filed/scripted").await? == 200);
    ensure!(other.tunnels() == [format!("{HOST}:80")], "{:?}", other.seen());

    // the settings win over the configuration, while it runs
    let third = ForwardProxy::start(Speaks::Socks5, None, upstream.addr()).await?;
    let settings = json!({"instance_name": "default", "proxy_url": format!("socks5://{}", third.address)});
    let made = admin(&gateway, Method::POST, "/settings", &settings).await?;
    ensure!(made.status == 201, "{}", made.text());
    ensure!(status("far/scripted").await? == 200);
    ensure!(third.tunnels() == [format!("{HOST}:80")], "{:?}", third.seen());
    ensure!(all.seen().len() == 1, "{:?}", all.seen());
    Ok(())
}

#[tokio::test]
async fn what_is_no_proxy_is_refused_by_the_name_of_the_field() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let cases = [
        ("proxy:3128", "http://HOST:PORT"),
        ("ftp://u:geheim@p", "http://HOST:PORT"),
        ("http://u:geheim@p/way", "without path"),
        ("socks5://u:geheim@169.254.169.254:1080", "metadata service"),
    ];
    for (url, expected) in cases {
        let body = json!({"name": "x", "channel": "openai", "proxy_url": url});
        for (path, body) in [
            ("/providers", body),
            ("/settings", json!({"instance_name": "default", "proxy_url": url})),
            ("/apply", json!({"penstock": 1, "providers": [{"name": "openai", "proxy_url": url}]})),
        ] {
            let refused = admin(&gateway, Method::POST, path, &body).await?;
            let text = refused.text();
            ensure!(
                refused.status == 422 && text.contains("proxy_url") && text.contains(expected),
                "{path}: {text}"
            );
            ensure!(!text.contains("geheim"), "{text}");
        }
        for arguments in [&["config", "check"][..], &["serve"]] {
            let refused = Builder::new()?.variable("PENSTOCK_UPSTREAM_PROXY_URL", url).run(arguments)?;
            let said = String::from_utf8(refused.stderr)?;
            ensure!(refused.status.code() == Some(2), "{said}");
            ensure!(said.contains("upstream_proxy_url (PENSTOCK_UPSTREAM_PROXY_URL): expected"), "{said}");
            ensure!(said.contains(expected) && !said.contains("geheim"), "{said}");
        }
    }
    Ok(())
}
