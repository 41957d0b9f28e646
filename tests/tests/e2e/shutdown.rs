//! SIGTERM with work at hand.

use std::time::Duration;

use anyhow::Result;
use penstock_tests::gateway::{ADMIN_KEY, Builder};
use penstock_tests::http::{post, read_frame, read_on};
use penstock_tests::upstream::ScriptedUpstream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn open_streams_finish_and_new_connections_are_refused() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    let body = r#"{"model":"openai/scripted@chunks=40:delay-ms=15","stream":true,"messages":[]}"#;
    let mut response = post(gateway.at(CHAT), body).open().await?;
    let first = read_frame(response.body_mut()).await?;
    gateway.terminate()?;
    let address = gateway.url().trim_start_matches("http://").to_owned();
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let (rest, whole) = read_on(response.body_mut()).await;
    let text = [first, rest].concat();
    assert!(whole && String::from_utf8_lossy(&text).ends_with("data: [DONE]\n\n"), "the stream is whole");
    assert!(gateway.wait().await?.success());
    let journal = std::fs::read_dir(gateway.data_dir().join("journal"))?.count();
    assert_eq!(journal, 0, "nothing is left to settle");
    let report = gateway.command(&["usage", "report", "--json"])?;
    let report: serde_json::Value = serde_json::from_slice(&report.stdout)?;
    assert_eq!(
        (&report["totals"][0]["requests"], &report["totals"][0]["estimated"]),
        (&1.into(), &0.into()),
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn a_stream_past_the_deadline_ends_in_an_error_event() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let mut gateway = Builder::new()?.upstream(&upstream.url()).set("drain", "300ms").start().await?;
    let cases = [(CHAT, "openai", "data: {\"error\""), ("/v1/messages", "anthropic", "event: error\n")];
    let mut open = Vec::new();
    for (path, provider, expected) in cases {
        let body = format!(r#"{{"model":"{provider}/scripted@stall-after=2","stream":true,"messages":[]}}"#);
        let mut response = post(gateway.at(path), body).open().await?;
        read_frame(response.body_mut()).await?;
        open.push((response, expected));
    }
    gateway.terminate()?;
    for (mut response, expected) in open {
        let (rest, whole) = read_on(response.body_mut()).await;
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(whole && text.contains(expected) && text.contains("shutting down"), "{text}");
    }
    assert!(gateway.wait().await?.success(), "{}", gateway.log()?);
    let gateway = Builder::on(gateway.kill()?).start().await?;
    let rows = gateway.usage().await?;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["ended"] == "interrupted"), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn a_change_through_the_admin_api_is_waited_for() -> Result<()> {
    let mut gateway = Builder::new()?.start().await?;
    let body = r#"{"name":"acme"}"#;
    let address = gateway.url().trim_start_matches("http://").to_owned();
    let mut socket = TcpStream::connect(&address).await?;
    let head = format!(
        "POST /admin/v1/orgs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
         content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await?;
    // it is under way: somebody wants its body
    let mut wanted = [0; 25];
    socket.read_exact(&mut wanted).await?;
    assert_eq!(&wanted, b"HTTP/1.1 100 Continue\r\n\r\n");
    gateway.terminate()?;
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    // not a wait for something: this is longer than what is quiet is listened to
    tokio::time::sleep(Duration::from_secs(1)).await;
    socket.write_all(body.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    assert!(answer.starts_with("HTTP/1.1 201 ") && answer.contains("\"acme\""), "{answer}");
    assert!(gateway.wait().await?.success(), "{}", gateway.log()?);
    Ok(())
}

#[tokio::test]
async fn a_second_gateway_on_the_same_folder_is_refused() -> Result<()> {
    let gateway = Builder::new()?.start().await?;
    let second = gateway.command(&["--port=0", "serve"])?;
    let says = String::from_utf8(second.stderr)?;
    assert!(!second.status.success() && says.contains("another Penstock is running on it"), "{says}");
    Ok(())
}
