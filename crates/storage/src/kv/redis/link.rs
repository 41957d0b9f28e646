//! The way to one server: a connection that carries all calls.
//!
//! It is made when it is first needed, so that a start does not wait for a server that is down, by a task of
//! its own, so that a caller who gives up does not end the attempt for the others. One that broke is replaced
//! by the next call. (The connection manager of the driver remembers for ever that a server refused its
//! greeting, as one does that is still loading.) What may not be repeated is written once at most.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind,
    Value,
};

/// A server that cannot be reached in this time is down.
const CONNECT: Duration = Duration::from_secs(2);
/// A server that does not answer in this time hangs; its connection is given up.
const ANSWER: Duration = Duration::from_secs(2);
/// A server may have closed a connection that was idle for longer, and what may not be sent twice is not
/// sent into it untried.
const IDLE: Duration = Duration::from_secs(1);

/// A connection that is there, or on its way.
type Connecting = Shared<BoxFuture<'static, RedisResult<MultiplexedConnection>>>;

/// A command, and how it is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'a> {
    pub(super) command: &'a Cmd,
    /// Doing it twice is like doing it once.
    pub(super) may_repeat: bool,
    /// The slot of its key is on its way to this server, which answers only who says that it was sent here.
    pub(super) asking: bool,
}

/// One server.
pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connecting: Option<Connecting>,
    /// When it last answered.
    used: Option<Instant>,
    /// Since when nothing of use came from it; callers may have given up before anything came at all.
    suspect: Option<Instant>,
}

impl Link {
    pub(super) fn open(server: ConnectionInfo) -> RedisResult<Self> {
        Ok(Self { client: Client::open(server)?, state: Mutex::default() })
    }

    pub(super) fn server(&self) -> &ConnectionInfo {
        self.client.get_connection_info()
    }

    /// Since when it may be down; `None` if the last that was heard of it was of use.
    pub(super) fn suspect(&self) -> Option<Instant> {
        self.state().suspect
    }

    /// Nothing can go wrong while it is held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection, or the attempt to make it.
    fn connect(&self) -> Connecting {
        let mut state = self.state();
        if let Some(connecting) = &state.connecting {
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
        state.connecting = Some(connecting.clone());
        connecting
    }

    /// The next call makes a new connection.
    fn forget(&self, broken: &Connecting) {
        let mut state = self.state();
        if state.connecting.as_ref().is_some_and(|current| current.ptr_eq(broken)) {
            (state.connecting, state.used) = (None, None);
        }
    }

    /// Sends the command once.
    async fn attempt(&self, command: &Cmd, asking: bool) -> RedisResult<Value> {
        let unheard = Unheard(Some(self));
        let connecting = self.connect();
        let answer = match connecting.clone().await {
            // what the server refuses comes as a value
            Ok(connection) => exchange(connection, command, asking).await.and_then(Value::extract_error),
            Err(error) => Err(error),
        };
        match &answer {
            Err(error) if !is_answer(error) => self.forget(&connecting),
            _ => self.state().used = Some(Instant::now()),
        }
        if answer.as_ref().err().is_none_or(is_of_use) {
            unheard.heard();
        }
        answer
    }

    fn is_idle(&self) -> bool {
        self.state().used.is_some_and(|used| used.elapsed() > IDLE)
    }

    /// Sends the command; again, if it may be repeated and the connection turned out to be gone.
    pub(super) async fn send(&self, sending: Sending<'_>) -> RedisResult<Value> {
        let Sending { command, may_repeat, asking } = sending;
        if !may_repeat && self.is_idle() {
            // whatever it says: the command finds a connection that works, or there is none
            let _ = self.attempt(&redis::cmd("PING"), false).await;
        }
        match self.attempt(command, asking).await {
            Err(error) if may_repeat && error.is_connection_dropped() => self.attempt(command, asking).await,
            answer => answer,
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the client knows the password
        write!(f, "Link({})", self.server().addr())
    }
}

/// An attempt from which nothing of use has come yet. Dropped so, its server is a suspect.
struct Unheard<'a>(Option<&'a Link>);

impl Unheard<'_> {
    fn heard(mut self) {
        if let Some(link) = self.0.take() {
            link.state().suspect = None;
        }
    }
}

impl Drop for Unheard<'_> {
    fn drop(&mut self) {
        if let Some(link) = self.0 {
            link.state().suspect = Some(Instant::now());
        }
    }
}

async fn exchange(mut connection: MultiplexedConnection, command: &Cmd, asking: bool) -> RedisResult<Value> {
    if !asking {
        return connection.send_packed_command(command).await;
    }
    // it counts for the next command of the connection only, so both are written at once
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(command.clone());
    let mut answers = connection.send_packed_commands(&both, 1, 1).await?;
    Ok(answers.pop().unwrap_or(Value::Nil))
}

/// Whether the server said it, over a connection that works.
pub(super) fn is_answer(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

/// Whether the server knows what it is there for; another node may know better than one that does not.
fn is_of_use(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    match error.kind() {
        // nobody has that slot, which says nothing of the others
        ErrorKind::Server(ClusterDown) => error.detail().is_some_and(|said| said.starts_with("Hash slot")),
        ErrorKind::Server(BusyLoading | MasterDown | ReadOnly) => false,
        _ => is_answer(error),
    }
}
