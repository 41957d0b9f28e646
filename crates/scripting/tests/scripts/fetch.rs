//! `fetch`, over real sockets.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use penstock_pipeline::Loader as _;
use penstock_scripting::{ScriptLoader, ScriptOptions};

use crate::rig::{Files, pre};

/// A server that answers by path.
async fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut buffer) = (String::new(), [0; 4096]);
                while !read.contains("\r\n\r\n") || (read.starts_with("POST") && !read.ends_with("sent")) {
                    let count = stream.read(&mut buffer).await.unwrap_or(0);
                    if count == 0 {
                        return;
                    }
                    read.push_str(&String::from_utf8_lossy(&buffer[..count]));
                }
                let path = read.split(' ').nth(1).unwrap_or_default().to_owned();
                let port = address.port();
                let answer = |status: &str, headers: &str, body: &str| {
                    format!(
                        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    )
                };
                let text = match path.as_str() {
                    "/json" => answer("200 OK", "content-type: application/json\r\n", r#"{"a":[1,"ä"]}"#),
                    "/echo" => answer("201 Created", "", &read.to_ascii_lowercase()),
                    "/here" => answer("302 Found", "location: /json\r\n", ""),
                    "/name" => {
                        answer("302 Found", &format!("location: http://localhost:{port}/json\r\n"), "")
                    }
                    "/metadata" => answer("302 Found", "location: http://169.254.169.254/latest\r\n", ""),
                    "/file" => answer("302 Found", "location: file:///etc/passwd\r\n", ""),
                    "/round" => answer("302 Found", "location: /round\r\n", ""),
                    "/large" => answer("200 OK", "", &"x".repeat(300_000)),
                    "/never" => {
                        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
                        return;
                    }
                    _ => answer("404 Not Found", "", "none"),
                };
                stream.write_all(text.as_bytes()).await.ok();
            });
        }
    });
    address
}

/// What a script makes of `fetch` with these hosts allowed.
async fn fetched(hosts: &[&str], body: &str) -> serde_json::Value {
    let text = format!(
        "export default {{ name: 'm', version: '1', async pre(ctx: any) {{
            const out = await (async () => {{ {body} }})().catch((e: any) => `${{e.name}}: ${{e.message}}`);
            ctx.metadata.set('out', out ?? null); return {{ continue: true }} }} }}"
    );
    let files = Files::new(&[("m.ts", &text)]);
    let mut options: ScriptOptions = files.options();
    options.fetch.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    options.fetch.timeout = std::time::Duration::from_millis(500);
    options.fetch.limit = 100_000;
    let factories = ScriptLoader::new(options).load(&files.path("m.ts")).await.unwrap();
    let module = factories[0].make(&json!(null)).await.unwrap();
    let (context, done) = pre(&*module).await;
    done.unwrap();
    context.metadata.get("out").cloned().unwrap()
}

#[tokio::test]
async fn a_listed_host_answers() {
    let address = server().await;
    let host = address.to_string();
    let get = |path: &str, rest: &str| format!("const r = await fetch('http://{host}{path}'); {rest}");
    let json = fetched(
        &[&host],
        &get("/json", "return [r.ok, r.status, r.headers.get('Content-Type'), await r.json(), r.url]"),
    )
    .await;
    assert_eq!(
        json,
        json!([true, 200, "application/json", { "a": [1, "ä"] }, format!("http://{host}/json")])
    );
    assert_eq!(
        fetched(&[&host], &get("/none", "return [r.ok, r.status, await r.text()]")).await,
        json!([false, 404, "none"])
    );
    let redirected =
        fetched(&[&host], &get("/here", "return [r.redirected, r.status, (await r.json()).a[0]]")).await;
    assert_eq!(redirected, json!([true, 200, 1]));
    let post = format!(
        "const r = await fetch(new URL('http://{host}/echo'), {{ method: 'POST', headers: {{ 'x-a': 'b' }}, body: 'sent' }}); return await r.text()"
    );
    let echoed = fetched(&[&host], &post).await;
    let echoed = echoed.as_str().unwrap();
    assert!(
        echoed.starts_with("post /echo") && echoed.contains("x-a: b") && echoed.ends_with("sent"),
        "{echoed}"
    );
    let manual = format!(
        "const r = await fetch('http://{host}/here', {{ redirect: 'manual' }}); return [r.status, r.headers.get('location')]"
    );
    assert_eq!(fetched(&[&host], &manual).await, json!([302, "/json"]));
}

#[tokio::test]
async fn nobody_else_is_asked_not_even_by_a_redirect() {
    let address = server().await;
    let (host, port) = (address.to_string(), address.port());
    let get = |url: String| format!("return (await fetch('{url}')).status");
    let name = format!("localhost:{port}");
    for (hosts, url, said) in [
        (vec![], format!("http://{host}/json"), "is none that modules may ask"),
        (vec!["example.com"], format!("http://{host}/json"), "is none that modules may ask"),
        (vec!["127.0.0.1"], format!("http://{host}/json"), "is none that modules may ask"),
        (vec![&*host], format!("http://{host}/name"), "host \"localhost\" is none that modules may ask"),
        (
            vec![&*host],
            format!("http://{host}/metadata"),
            "host \"169.254.169.254\" is none that modules may ask",
        ),
        (
            vec![&*host],
            format!("http://{host}/file"),
            "expected an address that begins with http:// or https://",
        ),
        (vec![&*host], format!("http://{host}/round"), "it was redirected more than 20 times"),
        (vec![&*host], format!("http://{host}/large"), "its answer is larger than 100000 bytes"),
        (vec![&*host], format!("http://{host}/never"), "no answer within 0.5 s"),
        (vec!["*.localhost"], format!("http://localhost:{port}/json"), "is none that modules may ask"),
        (vec![&*host], "file:///etc/passwd".to_owned(), "expected an address that begins with"),
        (vec![&*host], "nonsense".to_owned(), "expected a whole address"),
    ] {
        let said_by = fetched(&hosts, &get(url.clone())).await;
        let text = said_by.as_str().unwrap_or_default();
        assert!(text.starts_with("TypeError: fetch") && text.contains(said), "{url}: {said_by}");
    }
    assert_eq!(fetched(&[&name], &get(format!("http://localhost:{port}/json"))).await, 200);
    let aborted = format!(
        "const c = new AbortController(); setTimeout(() => c.abort(), 5); await fetch('http://{host}/never', {{ signal: c.signal }})"
    );
    let said = fetched(&[&host], &aborted).await;
    assert!(said.as_str().is_some_and(|text| text.starts_with("AbortError")), "{said}");
}
