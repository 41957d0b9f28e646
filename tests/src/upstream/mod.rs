//! A scripted stand-in for the LLM providers: real HTTP/1.1, real wire shapes, faults on request.
//!
//! It speaks chat completions, responses, messages, embeddings and Gemini under any path prefix. What
//! it answers is set by the request itself, through directives in the model name
//! (`scripted@status=429:retry-after=2`, see `README.md` beside this file), so that a client in any
//! language can drive it through a gateway; or by the test, through
//! [`ScriptedUpstream::respond_next`]. The [`Ledger`] tells afterwards what arrived and how it ended.
//!
//! It must not grow opinions about requests: what it does not need for the answer it does not check.

mod answer;
mod anthropic_messages;
mod body;
mod canned;
mod connection;
mod control;
mod echo;
mod encoding;
mod faults;
mod gemini;
mod ledger;
mod openai_chat;
mod openai_responses;
mod plain;
mod received;
mod render;
mod request;
mod script;
mod server;
mod state;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use canned::ScriptedAnswer;
pub use ledger::{Ledger, Totals};
pub use received::{Outcome, Received, ReportedUsage};
pub use render::{SIGNATURE, THOUGHTS, TOOL_ARGUMENTS};

/// How an upstream runs, as opposed to what it answers.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether the ledger keeps request bodies.
    pub keep_bodies: bool,
    /// How many requests the ledger keeps; the oldest go first, and with 0 only totals are kept.
    pub ledger_capacity: usize,
    /// The only key accepted; without it any key, or none, will do.
    pub require_key: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            keep_bodies: true,
            ledger_capacity: 1_000_000,
            require_key: None,
        }
    }
}

/// A running upstream; it stops, and closes its connections, when dropped.
#[derive(Debug)]
pub struct ScriptedUpstream {
    addr: SocketAddr,
    shared: Arc<state::Shared>,
    accepting: JoinHandle<()>,
}

impl ScriptedUpstream {
    /// Starts on a free loopback port, keeping all bodies.
    pub async fn start() -> Result<Self> {
        Self::start_with(Options::default()).await
    }

    /// Starts as `options` say; it listens when this returns.
    pub async fn start_with(options: Options) -> Result<Self> {
        let listener = TcpListener::bind(options.listen)
            .await
            .with_context(|| format!("the scripted upstream cannot listen on {}", options.listen))?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(state::Shared::new(options));
        let accepting = tokio::spawn(server::accept(listener, shared.clone()));
        Ok(Self { addr, shared, accepting })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://address:port`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The record of requests.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.ledger
    }

    /// The requests received so far, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.ledger.entries()
    }

    /// Queues an answer for the next request to a provider path; several are used in order.
    pub fn respond_next(&self, answer: ScriptedAnswer) {
        self.shared.enqueue(answer);
    }
}

impl Drop for ScriptedUpstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The text a request for `model`, directives included, is answered with.
///
/// Not for `echo`, whose text depends on the conversation.
pub fn expected_text(model: &str) -> Result<String> {
    let (_, script) = script::Script::of_model(model)?;
    Ok(render::text_for(&script))
}
