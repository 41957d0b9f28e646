//! A stand-in for Upstash: its REST API in front of a Redis.
//!
//! As much of it as a client of single commands sees: a POST of a JSON array to `/` with a bearer token is
//! answered with `{"result": …}`, or with 400 or 401 and `{"error": "…"}`.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::Failure;

/// The running front; it ends when this is dropped.
#[derive(Debug)]
pub struct Upstash {
    /// Where it is.
    pub url: String,
    task: AbortHandle,
}

impl Upstash {
    /// The token it accepts.
    pub const TOKEN: &str = "AX-token-for-tests";

    /// A front before the Redis at `redis`.
    pub async fn start(redis: &str) -> Result<Self, Failure> {
        let connection = redis::Client::open(redis)?.get_multiplexed_async_connection().await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(accept(listener, connection)).abort_handle();
        Ok(Self { url, task })
    }
}

impl Drop for Upstash {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, redis: MultiplexedConnection) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, redis.clone()));
    }
}

async fn serve(client: TcpStream, redis: MultiplexedConnection) {
    let service = service_fn(|request| {
        let redis = redis.clone();
        async move { Ok::<_, Infallible>(answer(request, redis).await) }
    });
    // a client that hangs up is no news here
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service).await;
}

async fn answer(request: Request<Incoming>, redis: MultiplexedConnection) -> Response<Full<Bytes>> {
    let expected = format!("Bearer {}", Upstash::TOKEN);
    let token = request.headers().get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if token != Some(expected.as_bytes()) {
        return refuse(StatusCode::UNAUTHORIZED, "WRONGPASS invalid or missing auth token");
    }
    if request.method() != Method::POST || request.uri().path() != "/" {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "ERR expected a POST to /");
    }
    let Ok(body) = request.into_body().collect().await else {
        return refuse(StatusCode::BAD_REQUEST, "ERR the body was cut short");
    };
    let Ok(words) = serde_json::from_slice::<Vec<String>>(&body.to_bytes()) else {
        return refuse(StatusCode::BAD_REQUEST, "ERR failed to parse the command");
    };
    match send(&words, redis).await {
        Ok(result) => respond(StatusCode::OK, &json!({ "result": result })),
        Err(error) => {
            let said = [error.code(), error.detail()].map(Option::unwrap_or_default).join(" ");
            refuse(StatusCode::BAD_REQUEST, &said)
        }
    }
}

async fn send(words: &[String], mut redis: MultiplexedConnection) -> Result<serde_json::Value, RedisError> {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word.as_bytes());
    }
    Ok(match redis.send_packed_command(&command).await?.extract_error()? {
        Value::Int(number) => number.into(),
        Value::BulkString(bytes) => String::from_utf8_lossy(&bytes).into(),
        Value::SimpleString(text) => text.into(),
        Value::Okay => "OK".into(),
        _ => serde_json::Value::Null,
    })
}

fn refuse(status: StatusCode, error: &str) -> Response<Full<Bytes>> {
    respond(status, &json!({ "error": error }))
}

fn respond(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
