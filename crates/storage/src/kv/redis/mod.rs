//! Redis, Valkey and whatever else speaks their protocol, over TCP or TLS: one server, or a cluster.
//!
//! `link` is the way to one server, `cluster` finds the one that has a key. A connection is made when it
//! is first needed, and one that broke is replaced. A command that may not be repeated is never sent again
//! when it may have been done.

mod cluster;
mod link;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::io::tcp::TcpSettings;
use redis::{Cmd, IntoConnectionInfo as _, Value};

use self::cluster::{Cluster, Failed};
use super::commands::{Command, Reply, Server, refused};
use crate::{ErrorKind, Result, Retry, StorageError};

const BACKEND: &str = "redis";
/// A host that acknowledges nothing for so long is gone. Nothing else notices that while callers give up
/// before a link does.
const SILENCE: Duration = Duration::from_secs(5);

/// A Redis or Valkey server, or a cluster of them.
pub struct RedisKv {
    cluster: Cluster,
    prefix: String,
}

impl RedisKv {
    /// The server at a URL such as `redis://host:6379/0` or `rediss://user:password@host`, with `prefix`
    /// before each key; the whole cluster, if it is a node of one. Nothing is sent yet.
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
        let cluster = Cluster::of(info.set_tcp_settings(tcp)).map_err(invalid)?;
        Ok(Self { cluster, prefix: prefix.to_owned() })
    }
}

impl fmt::Debug for RedisKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the servers are known with their passwords
        f.debug_struct("RedisKv").field("prefix", &self.prefix).finish_non_exhaustive()
    }
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
        let Command { operation, may_repeat, words } = &command;
        let mut packed = Cmd::with_capacity(words.len(), words.iter().map(|word| word.len()).sum());
        for word in words {
            packed.arg(word.as_bytes());
        }
        match self.cluster.send(&packed, command.key(), *may_repeat).await {
            Ok(value) => reply(operation, value),
            Err(failure) => Err(failed(operation, *may_repeat, failure)),
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

fn failed(operation: &'static str, may_repeat: bool, failure: Failed) -> StorageError {
    let Failed { error, node, is_partial } = failure;
    if link::is_answer(&error) {
        let said = [error.code(), error.detail()].map(Option::unwrap_or_default).join(" ");
        return refused(BACKEND, operation, &said).with_partial(is_partial);
    }
    let server = node.server().addr();
    if error.kind() == redis::ErrorKind::AuthenticationFailed {
        let message = format!("the server at {server} does not accept the login");
        return StorageError::new(ErrorKind::Denied, BACKEND, operation, message).with_source(error);
    }
    let retry = if may_repeat || error.is_connection_refusal() { Retry::Later } else { Retry::Unknown };
    let message = format!("the server at {server} cannot be reached");
    StorageError::new(ErrorKind::Unavailable, BACKEND, operation, message)
        .with_retry(retry)
        .with_partial(is_partial)
        .with_source(error)
}
