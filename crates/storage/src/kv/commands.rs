//! The operations as commands of Redis, for every server that takes them, however they travel.
//!
//! Each touches exactly one key, so that a cluster always has one node for it. What needs more than one
//! command is a script, sent whole each time: servers keep its compiled form by themselves, and one that has
//! just taken over needs nobody to tell it.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;

use super::{Keep, Key, KvStore, Remaining, Ttl, milliseconds};
use crate::{ErrorKind, Result, StorageError};

/// Numbers travel as texts: a number of a script is a float, and exact up to 2^53 only.
/// Key; what to add, the lifetime of a new entry in milliseconds, negative for one that is over.
const INCR: &str = "\
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('INCRBY', KEYS[1], ARGV[1])
  return redis.call('GET', KEYS[1])
end
if string.sub(ARGV[2], 1, 1) ~= '-' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return ARGV[1]";

/// Key; the new value, its lifetime as above or empty, and what is expected, or nothing for no entry.
const CAS: &str = "\
local found = redis.call('GET', KEYS[1])
if found ~= (ARGV[3] or false) then
  return 0
end
if ARGV[2] == '' then
  redis.call('SET', KEYS[1], ARGV[1])
elseif string.sub(ARGV[2], 1, 1) == '-' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1";

/// A server that takes commands of Redis.
#[async_trait]
pub(super) trait Server: fmt::Debug + Send + Sync {
    /// Which backend it is.
    fn name(&self) -> &'static str;

    /// What stands before each key.
    fn prefix(&self) -> &str;

    /// Sends a command, and returns its answer.
    async fn send(&self, command: Command<'_>) -> Result<Reply>;
}

/// What to send.
#[derive(Debug)]
pub(super) struct Command<'a> {
    /// For which operation.
    pub(super) operation: &'static str,
    /// Doing it twice is like doing it once.
    pub(super) may_repeat: bool,
    pub(super) words: Vec<Cow<'a, str>>,
}

#[cfg(feature = "redis")]
impl Command<'_> {
    /// The one key that it touches, as it is sent; `None` if it touches none.
    pub(super) fn key(&self) -> Option<&str> {
        // a script is followed by the number of its keys
        let at = if self.words.first().is_some_and(|word| word == "EVAL") { 3 } else { 1 };
        self.words.get(at).map(AsRef::as_ref)
    }
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Number(i64),
    Text(String),
}

/// What a server refused, in words of its own.
pub(super) fn refused(backend: &'static str, operation: &'static str, said: &str) -> StorageError {
    let code = said.split_ascii_whitespace().next().unwrap_or_default();
    let says = |part| said.contains(part);
    let kind = match code {
        "WRONGTYPE" => ErrorKind::Conflict,
        "OOM" => ErrorKind::Full,
        "NOAUTH" | "WRONGPASS" | "NOPERM" => ErrorKind::Denied,
        // redirections too, which were followed as far as makes sense: the cluster is being changed, or at odds
        // with itself
        "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "READONLY" | "TRYAGAIN" | "MISCONF"
        | "NOREPLICAS" | "MOVED" | "ASK" => ErrorKind::Unavailable,
        _ if says("is not an integer") || says("would overflow") => ErrorKind::Conflict,
        _ if says("max request size") => ErrorKind::Unsupported,
        _ if says("limit exceeded") => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    };
    // what follows would be the command itself, and values in it
    let said = said.split_once(", with args").map_or(said, |(said, _)| said);
    StorageError::new(kind, backend, operation, format!("the server answered {said:?}"))
}

/// The lifetime as the scripts take it.
fn lifetime(ttl: Ttl) -> Cow<'static, str> {
    match ttl {
        Ttl::Forever => Cow::Borrowed(""),
        Ttl::Expired => Cow::Borrowed("-1"),
        Ttl::For(lifetime) => Cow::Owned(milliseconds(lifetime).to_string()),
    }
}

/// The command that writes `value`, with `NX` to do so only if there is none.
fn set<'a>(key: Cow<'a, str>, value: &'a str, ttl: Ttl, condition: Option<&'a str>) -> Vec<Cow<'a, str>> {
    let mut words = vec!["SET".into(), key, value.into()];
    if let Ttl::For(_) = ttl {
        words.extend(["PX".into(), lifetime(ttl)]);
    }
    words.extend(condition.map(Cow::Borrowed));
    words
}

/// What the operations share.
struct Call<'a, S: ?Sized> {
    server: &'a S,
    operation: &'static str,
    may_repeat: bool,
}

impl<S: Server + ?Sized> Call<'_, S> {
    async fn send(self, words: Vec<Cow<'_, str>>) -> Result<Reply> {
        let Self { server, operation, may_repeat } = self;
        server.send(Command { operation, may_repeat, words }).await
    }

    fn key<'a>(&self, key: &'a Key) -> Cow<'a, str> {
        match self.server.prefix() {
            "" => Cow::Borrowed(key.as_str()),
            prefix => Cow::Owned(format!("{prefix}{key}")),
        }
    }
}

/// Doing it twice is like doing it once.
fn repeatable<'a, S: Server>(server: &'a S, operation: &'static str) -> Call<'a, S> {
    Call { server, operation, may_repeat: true }
}

/// Doing it twice is not.
fn once<'a, S: Server>(server: &'a S, operation: &'static str) -> Call<'a, S> {
    Call { server, operation, may_repeat: false }
}

#[async_trait]
impl<S: Server> KvStore for S {
    fn backend(&self) -> &'static str {
        self.name()
    }

    async fn get(&self, key: &Key) -> Result<Option<String>> {
        let call = repeatable(self, "kv.get");
        let key = call.key(key);
        match call.send(vec!["GET".into(), key]).await? {
            Reply::Nothing => Ok(None),
            Reply::Text(value) => Ok(Some(value)),
            other @ Reply::Number(_) => Err(senseless(self.name(), "kv.get", &other)),
        }
    }

    // room is the server's own affair: it must be set to refuse, or to evict what has a lifetime only
    async fn set(&self, key: &Key, value: &str, ttl: Ttl, _: Keep) -> Result<()> {
        let call = repeatable(self, "kv.set");
        let key = call.key(key);
        let words = if ttl == Ttl::Expired { vec!["DEL".into(), key] } else { set(key, value, ttl, None) };
        call.send(words).await.map(drop)
    }

    async fn set_nx(&self, key: &Key, value: &str, ttl: Ttl) -> Result<bool> {
        let call = once(self, "kv.set_nx");
        let key = call.key(key);
        if ttl == Ttl::Expired {
            // it would be over at once, so nothing but the answer is left of it
            return Ok(call.send(vec!["EXISTS".into(), key]).await? == Reply::Number(0));
        }
        Ok(call.send(set(key, value, ttl, Some("NX"))).await? != Reply::Nothing)
    }

    async fn del(&self, key: &Key) -> Result<()> {
        let call = repeatable(self, "kv.del");
        let key = call.key(key);
        call.send(vec!["DEL".into(), key]).await.map(drop)
    }

    async fn ttl(&self, key: &Key) -> Result<Remaining> {
        let call = repeatable(self, "kv.ttl");
        let key = call.key(key);
        match call.send(vec!["PTTL".into(), key]).await? {
            Reply::Number(-2) => Ok(Remaining::Missing),
            Reply::Number(-1) => Ok(Remaining::Forever),
            // in its last millisecond an entry is still there
            Reply::Number(left @ 0..) => Ok(Remaining::of_milliseconds(left.unsigned_abs().max(1))),
            other => Err(senseless(self.name(), "kv.ttl", &other)),
        }
    }

    async fn incr(&self, key: &Key, by: i64, ttl: Ttl) -> Result<i64> {
        let call = once(self, "kv.incr");
        let (key, by) = (call.key(key), Cow::Owned(by.to_string()));
        let words = match ttl {
            Ttl::Forever => vec!["INCRBY".into(), key, by],
            _ => vec!["EVAL".into(), INCR.into(), "1".into(), key, by, lifetime(ttl)],
        };
        match call.send(words).await? {
            Reply::Number(number) => Ok(number),
            Reply::Text(text) if let Ok(number) = text.parse() => Ok(number),
            other => Err(senseless(self.name(), "kv.incr", &other)),
        }
    }

    async fn cas(&self, key: &Key, expected: Option<&str>, value: &str, ttl: Ttl) -> Result<bool> {
        let call = once(self, "kv.cas");
        let key = call.key(key);
        let mut words = vec!["EVAL".into(), CAS.into(), "1".into(), key, value.into(), lifetime(ttl)];
        words.extend(expected.map(Cow::Borrowed));
        Ok(call.send(words).await? == Reply::Number(1))
    }

    async fn health(&self) -> Result<()> {
        repeatable(self, "kv.health").send(vec!["PING".into()]).await.map(drop)
    }
}

fn senseless(backend: &'static str, operation: &'static str, reply: &Reply) -> StorageError {
    let what = match reply {
        Reply::Nothing => "nothing",
        Reply::Number(_) => "a number",
        Reply::Text(_) => "a text",
    };
    let message = format!("expected another kind of answer, found {what}");
    StorageError::new(ErrorKind::Internal, backend, operation, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_refuses_has_a_kind() {
        let cases = [
            ("WRONGTYPE Operation against a key holding the wrong kind of value", ErrorKind::Conflict),
            (
                "ERR value is not an integer or out of range script: 5f, on @user_script:2.",
                ErrorKind::Conflict,
            ),
            ("ERR increment or decrement would overflow", ErrorKind::Conflict),
            ("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::Full),
            ("NOAUTH Authentication required.", ErrorKind::Denied),
            ("WRONGPASS invalid or missing auth token", ErrorKind::Denied),
            ("READONLY You can't write against a read only replica.", ErrorKind::Unavailable),
            ("MOVED 3999 127.0.0.1:6381", ErrorKind::Unavailable),
            ("ERR max requests limit exceeded. Limit: 500000", ErrorKind::Unavailable),
            ("ERR max request size exceeded. Limit: 1048576 bytes", ErrorKind::Unsupported),
            ("ERR something new", ErrorKind::Internal),
        ];
        for (said, kind) in cases {
            assert_eq!(refused("redis", "kv.get", said).kind, kind, "{said}");
        }
    }

    #[test]
    fn the_words_of_a_command_are_not_repeated() {
        let said = "ERR unknown command 'EVAL', with args beginning with: 'secret' ";
        let error = refused("redis", "kv.cas", said).to_string();
        assert!(error.contains("unknown command") && !error.contains("secret"), "{error}");
    }
}
