//! Redis, Valkey and whatever else speaks their protocol, over TCP or TLS.
//!
//! One connection carries all calls. It is made when it is first needed, so that a start does not wait for a
//! server that is down, by a task of its own, so that a caller who gives up does not end the attempt for the
//! others. One that broke is replaced by the next call. (The connection manager of the driver remembers for
//! ever that a server refused its greeting, as one does that is still loading.)

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, Cmd, IntoConnectionInfo as _, RedisError, RedisResult, Value};

use super::commands::{Command, Reply, Server, refused};
use crate::{ErrorKind, Result, Retry, StorageError};

const BACKEND: &str = "redis";
/// A server that cannot be reached in this time is down.
const CONNECT: Duration = Duration::from_secs(2);
/// A server that does not answer in this time hangs; its connection is given up.
const ANSWER: Duration = Duration::from_secs(2);
/// A host that acknowledges nothing for so long is gone. Nothing else notices that while callers give up
/// before [`ANSWER`].
const SILENCE: Duration = Duration::from_secs(5);
/// A server may have closed a connection that was idle for longer, and what may not be sent twice is not
/// sent into it untried.
const IDLE: Duration = Duration::from_secs(1);

/// A connection that is there, or on its way.
type Connecting = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

/// A Redis or Valkey server.
pub struct RedisKv {
    client: Client,
    prefix: String,
    link: Mutex<Link>,
}

#[derive(Default)]
struct Link {
    connecting: Option<Connecting>,
    /// When it last answered.
    used: Option<Instant>,
}

impl RedisKv {
    /// The server at a URL such as `redis://host:6379/0` or `rediss://user:password@host`, with `prefix`
    /// before each key. Nothing is sent yet.
    pub fn open(url: &str, prefix: &str) -> Result<Self> {
        // one provider for the process; whoever was first has chosen the same
        let _ = rustls::crypto::ring::default_provider().install_default();
        // the URL has a password in it, so it is not repeated, and neither is what the driver says of it
        let invalid = |_| {
            let message = "expected a URL such as redis://host:6379/0 or rediss://user:password@host";
            StorageError::new(ErrorKind::Invalid, BACKEND, "kv.open", message)
        };
        let info = url.into_connection_info().map_err(invalid)?;
        let tcp = TcpSettings::default().set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let tcp = tcp.set_user_timeout(SILENCE);
        let client = Client::open(info.set_tcp_settings(tcp)).map_err(invalid)?;
        Ok(Self { client, prefix: prefix.to_owned(), link: Mutex::default() })
    }

    /// Nothing can go wrong while it is held.
    fn link(&self) -> MutexGuard<'_, Link> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, or the attempt to make it.
    fn connect(&self) -> Connecting {
        let mut link = self.link();
        if let Some(connecting) = &link.connecting {
            return connecting.clone();
        }
        let client = self.client.clone();
        let attempt = tokio::spawn(async move {
            let config = AsyncConnectionConfig::new()
                .set_connection_timeout(Some(CONNECT))
                .set_response_timeout(Some(ANSWER));
            client.get_multiplexed_async_connection_with_config(&config).await
        });
        let ended = |_| Err(RedisError::from(std::io::Error::other("the attempt to connect was ended")));
        let connecting = attempt.map(move |joined| joined.unwrap_or_else(ended)).boxed().shared();
        link.connecting = Some(connecting.clone());
        connecting
    }

    /// The next call makes a new connection.
    fn forget(&self, broken: &Connecting) {
        let mut link = self.link();
        if link.connecting.as_ref().is_some_and(|current| current.ptr_eq(broken)) {
            *link = Link::default();
        }
    }

    /// Sends the command once.
    async fn attempt(&self, command: &Cmd) -> RedisResult<Value> {
        let connecting = self.connect();
        let answer = match connecting.clone().await {
            // what the server refuses comes as a value
            Ok(mut connection) => {
                connection.send_packed_command(command).await.and_then(Value::extract_error)
            }
            Err(error) => Err(error),
        };
        match &answer {
            Err(error) if !is_answer(error) => self.forget(&connecting),
            _ => self.link().used = Some(Instant::now()),
        }
        answer
    }

    fn is_idle(&self) -> bool {
        self.link().used.is_some_and(|used| used.elapsed() > IDLE)
    }
}

impl fmt::Debug for RedisKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the client knows the password
        f.debug_struct("RedisKv").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Whether the server said it, over a connection that works.
fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), redis::ErrorKind::Server(_) | redis::ErrorKind::Extension)
}

#[async_trait]
impl Server for RedisKv {
    fn name(&self) -> &'static str {
        BACKEND
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    async fn send(&self, command: Command<'_>) -> Result<Reply> {
        let Command { operation, may_repeat, words } = command;
        let mut packed = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
        for word in &words {
            packed.arg(word.as_bytes());
        }
        if !may_repeat && self.is_idle() {
            // whatever it says: the command finds a connection that works, or there is none
            let _ = self.attempt(&redis::cmd("PING")).await;
        }
        let answer = match self.attempt(&packed).await {
            Err(error) if may_repeat && error.is_connection_dropped() => self.attempt(&packed).await,
            answer => answer,
        };
        match answer {
            Ok(value) => reply(operation, value),
            Err(error) => Err(failed(operation, may_repeat, error)),
        }
    }
}

fn reply(operation: &'static str, value: Value) -> Result<Reply> {
    let senseless = |message| StorageError::new(ErrorKind::Internal, BACKEND, operation, message);
    match value {
        Value::Nil => Ok(Reply::Nothing),
        Value::Int(number) => Ok(Reply::Number(number)),
        Value::Okay => Ok(Reply::Text("OK".to_owned())),
        Value::SimpleString(text) => Ok(Reply::Text(text)),
        Value::BulkString(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Reply::Text(text)),
            Err(_) => Err(senseless("expected a text, found bytes that are none")),
        },
        _ => Err(senseless("expected a text, a number or nothing, found another kind of answer")),
    }
}

fn failed(operation: &'static str, may_repeat: bool, error: RedisError) -> StorageError {
    if is_answer(&error) {
        let said = [error.code(), error.detail()].map(Option::unwrap_or_default).join(" ");
        return refused(BACKEND, operation, &said);
    }
    if error.kind() == redis::ErrorKind::AuthenticationFailed {
        let message = "the server does not accept the login";
        return StorageError::new(ErrorKind::Denied, BACKEND, operation, message).with_source(error);
    }
    let retry = if may_repeat || error.is_connection_refusal() { Retry::Later } else { Retry::Unknown };
    StorageError::new(ErrorKind::Unavailable, BACKEND, operation, "the server cannot be reached")
        .with_retry(retry)
        .with_source(error)
}
