//! What all connections share: options, ledger, queued answers, failures given, answers rendered.
//!
//! An answer is rendered once per kind of request and kept, within bounds, since benches ask for the
//! same few over and over.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::request::Parts;

use super::Options;
use super::answer::write;
use super::canned::ScriptedAnswer;
use super::ledger::Ledger;
use super::render::SharedAnswer;
use super::request::{Ask, Key};
use super::script::Fault;

/// Rendered answers kept, and the size above which one is not worth keeping.
const KEPT_ANSWERS: usize = 128;
const KEPT_BYTES: usize = 2 << 20;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) ledger: Ledger,
    queue: Mutex<VecDeque<ScriptedAnswer>>,
    queued: AtomicUsize,
    rendered: Mutex<HashMap<Key, SharedAnswer>>,
    /// Failures already given, by tag or model.
    failures: Mutex<HashMap<String, u32>>,
}

impl Shared {
    pub(super) fn new(options: Options) -> Self {
        Self {
            ledger: Ledger::new(options.ledger_capacity),
            options,
            queue: Mutex::default(),
            queued: AtomicUsize::new(0),
            rendered: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    pub(super) fn enqueue(&self, answer: ScriptedAnswer) {
        lock(&self.queue).push_back(answer);
        self.queued.fetch_add(1, Ordering::Release);
    }

    pub(super) fn dequeue(&self) -> Option<ScriptedAnswer> {
        if self.queued.load(Ordering::Acquire) == 0 {
            return None;
        }
        let answer = lock(&self.queue).pop_front()?;
        self.queued.fetch_sub(1, Ordering::Release);
        Some(answer)
    }

    pub(super) fn reset(&self) {
        self.ledger.reset();
        lock(&self.failures).clear();
    }

    pub(super) fn render(&self, ask: &Ask) -> SharedAnswer {
        if ask.echo.is_some() {
            return Arc::new(write(ask));
        }
        let key = ask.key();
        if let Some(answer) = lock(&self.rendered).get(&key) {
            return answer.clone();
        }
        let answer = Arc::new(write(ask));
        let size: usize = answer.parts.iter().map(|part| part.bytes.len()).sum();
        if size <= KEPT_BYTES {
            let mut rendered = lock(&self.rendered);
            if rendered.len() >= KEPT_ANSWERS {
                rendered.clear();
            }
            rendered.insert(key, answer.clone());
        }
        answer
    }

    /// What a request gets whose key is cut off before the first part.
    pub(super) fn cut(ask: &Ask, parts: &Parts) -> Option<SharedAnswer> {
        ask.script.cut_key.as_deref().filter(|key| presented_key(parts) == Some(*key))?;
        let mut ask = ask.clone();
        ask.script.fault = Some((0, Fault::Cut));
        Some(Arc::new(write(&ask)))
    }

    /// The status a request is refused with, and why.
    pub(super) fn refusal(&self, ask: &Ask, parts: &Parts) -> Option<(StatusCode, &'static str)> {
        let script = &ask.script;
        let presented = presented_key(parts);
        let wanted = [self.options.require_key.as_deref(), script.key.as_deref()];
        if wanted.into_iter().flatten().any(|key| presented != Some(key)) {
            return Some((StatusCode::UNAUTHORIZED, "Incorrect API key provided."));
        }
        if let Some((_, status)) = script.refuse_keys.iter().find(|(key, _)| presented == Some(key)) {
            return Some((*status, "The script refuses this key."));
        }
        if let Some((times, status)) = script.fail_times {
            let key = script.tag.clone().unwrap_or_else(|| ask.model.clone());
            let mut failures = lock(&self.failures);
            let failed = failures.entry(key).or_default();
            if *failed < times {
                *failed += 1;
                return Some((status, "The script fails the first requests."));
            }
        }
        if let Some(status) = script.status {
            return Some((status, "The script asked for this status."));
        }
        if ask.name.starts_with("no-such") {
            return Some((
                StatusCode::NOT_FOUND,
                "The model does not exist or you do not have access to it.",
            ));
        }
        let unstreamed_error = script.mid_error.is_some() && !ask.stream;
        unstreamed_error.then_some((StatusCode::INTERNAL_SERVER_ERROR, "The server had an error."))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The key a client presents, in whichever place its dialect has for it.
fn presented_key(parts: &Parts) -> Option<&str> {
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let query = || parts.uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="));
    bearer.or_else(|| header("x-api-key")).or_else(|| header("x-goog-api-key")).or_else(query)
}
