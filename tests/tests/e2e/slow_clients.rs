//! Clients that take their time: what they get, and that nobody else pays for it.

use std::time::Duration;

use anyhow::{Result, ensure};
use penstock_tests::gateway::Builder;
use penstock_tests::http::{PATIENCE, post};
use penstock_tests::upstream::{Outcome, ScriptedUpstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const CHAT: &str = "/v1/chat/completions";

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).set("client.body_grace", "300ms").start().await?;
    let mut socket = TcpStream::connect(gateway.url().trim_start_matches("http://")).await?;
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    let (mut reader, mut writer) = socket.into_split();
    let trickle = tokio::spawn(async move {
        while writer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, reader.read_to_string(&mut answer)).await??;
    trickle.abort();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("the body arrived too slowly"), "{answer}");
    assert_eq!(upstream.requests().len(), 0);
    Ok(())
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() -> Result<()> {
    let gateway = Builder::new()?.set("client.head_timeout", "300ms").start().await?;
    let mut socket = TcpStream::connect(gateway.url().trim_start_matches("http://")).await?;
    socket.write_all(b"POST / HTTP/1.1\r\nhost: localhost\r\n").await?;
    let mut answer = Vec::new();
    tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await??;
    Ok(())
}

/// A socket that holds next to nothing, so that what is not read stays with the gateway.
async fn narrow(url: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4_096)?;
    Ok(socket.connect(url.trim_start_matches("http://").parse()?).await?)
}

async fn ask_for_much(socket: &mut TcpStream) -> Result<()> {
    let body = r#"{"model":"openai/scripted@size=50000000:chunks=5000","stream":true,"messages":[]}"#;
    let request =
        format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    socket.write_all(request.as_bytes()).await?;
    Ok(())
}

/// Reads one byte of each stream, a number of times, at a pace.
async fn read_slowly(sockets: &mut [TcpStream], times: usize) -> Result<()> {
    let mut byte = [0];
    for _ in 0..times {
        for socket in &mut *sockets {
            ensure!(socket.read(&mut byte).await? == 1, "the stream goes on");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_read_byte_by_byte_slows_the_provider_and_fills_no_memory() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway = Builder::new()?.upstream(&upstream.url()).start().await?;
    assert_eq!(
        post(gateway.at(CHAT), r#"{"model":"openai/scripted","messages":[]}"#).send().await?.status,
        200
    );
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = narrow(gateway.url()).await?;
        ask_for_much(&mut socket).await?;
        sockets.push(socket);
    }
    read_slowly(&mut sockets, 30).await?;
    let filled = gateway.memory()?;
    read_slowly(&mut sockets, 100).await?;
    let grown = gateway.memory()?.saturating_sub(filled);
    // 200 MB were asked for: once the buffers are full nothing more may pile up
    assert!(grown < 2 << 20, "grown by {grown} bytes");
    let open = upstream.requests();
    let open = open.iter().filter(|request| request.outcome == Outcome::Open).count();
    assert_eq!(open, 4, "the provider waits for the readers");
    drop(sockets);
    let rows = gateway.usage_of(5).await?;
    assert_eq!(rows.iter().filter(|row| row["ended"] == "client_gone").count(), 4);
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up() -> Result<()> {
    let upstream = ScriptedUpstream::start().await?;
    let gateway =
        Builder::new()?.upstream(&upstream.url()).set("client.write_stall", "500ms").start().await?;
    let mut socket = narrow(gateway.url()).await?;
    ask_for_much(&mut socket).await?;
    let rows = gateway.usage_of(1).await?;
    assert_eq!(rows[0]["ended"], "client_gone", "{}", rows[0]);
    upstream.ledger().wait_until(PATIENCE, |entries| entries[0].outcome == Outcome::ClientGone).await?;
    Ok(())
}
