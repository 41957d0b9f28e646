//! Sends, and tries again elsewhere while no byte has gone to the client.

mod credential;

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode, response};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use penstock_core::{CredentialStrategy, Dialect, HealthState, Timestamp};
use penstock_dialects::codec::codec;
use penstock_dialects::errors::{ErrorFacts, encode};
use tokio::time::Instant;

use crate::choose::{Candidate, left_alone};
use crate::exchange::Exchange;
use crate::execute::Shared;
use crate::health::Permit;
use crate::logs::Attempted;
use crate::plan::Plan;
use crate::prepare::{Knowledge, Prepared, prepare};
use crate::resolve::Resolution;
use crate::respond::hide_account;
use crate::routing::Credential;
use crate::settle::SettleGuard;
use crate::translate::Translation;
use crate::{GatewayError, Timeouts};

/// How much of an error's body is kept while another candidate is tried.
const ERROR_BODY: usize = 1 << 20;
/// How long a credential is left alone that was refused, or that is over its limit and did not say
/// for how long.
const REFUSED_FOR: Duration = Duration::from_mins(10);
const LIMITED_FOR: Duration = Duration::from_secs(30);
const LIMITED_AT_MOST: Duration = Duration::from_hours(1);
/// Before the same candidate is tried again; doubled each time.
const BACKOFF: Duration = Duration::from_millis(100);
const BACKOFF_AT_MOST: Duration = Duration::from_secs(2);
/// How long the explanation of a refusal may take; the refusal itself is known by then.
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);

/// An answer that goes to the client.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "the large one is the usual one, and is taken apart at once")]
pub enum Answer {
    /// A success: its first byte is here, and pins the candidate.
    Success {
        /// The head.
        head: response::Parts,
        /// The first piece of the body, if there is any.
        first: Option<Bytes>,
        /// What follows.
        rest: Incoming,
        /// What was asked for has to be taken out again.
        strip_usage: bool,
        /// The way back into the client's dialect.
        back: Option<Translation>,
        /// Timeouts that hold while it streams.
        timeouts: Timeouts,
        /// When the whole request must be over.
        deadline: Instant,
        /// What is logged of the body, if that is.
        logged: Option<Box<Attempted>>,
    },
    /// A refusal by the provider, in the client's own dialect.
    Refusal {
        /// The head.
        head: response::Parts,
        /// The body.
        body: Bytes,
    },
}

/// Why an attempt failed.
#[derive(Debug)]
struct Failure {
    /// Of several failures the client hears of the one with the highest rank.
    rank: u8,
    /// Whether the same candidate may be asked again.
    again: bool,
    /// For the metric.
    outcome: &'static str,
    blame: Blame,
    answer: Result<Answer, GatewayError>,
}

/// What a failure says about the credential and the model it was tried with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blame {
    /// Nothing.
    None,
    /// The provider does not answer as it should.
    Provider,
    /// The provider does not want to be asked like this for a while.
    Credential(HealthState, Duration),
}

impl Failure {
    fn new(rank: u8, again: bool, outcome: &'static str, answer: Result<Answer, GatewayError>) -> Box<Self> {
        Box::new(Self { rank, again, outcome, blame: Blame::Provider, answer })
    }

    fn error(rank: u8, again: bool, outcome: &'static str, error: GatewayError) -> Box<Self> {
        Self::new(rank, again, outcome, Err(error))
    }

    /// The same, but it says something else about the credential.
    fn blaming(self: Box<Self>, blame: Blame) -> Box<Self> {
        Box::new(Self { blame, ..*self })
    }
}

/// Tries the candidates in order until one answers.
pub(crate) async fn attempt(
    shared: &Shared,
    (exchange, headers): (&Exchange, &HeaderMap),
    candidates: Vec<(Candidate, Plan)>,
    resolution: &Resolution,
    guard: &mut SettleGuard,
) -> Result<Answer, GatewayError> {
    let known = Knowledge {
        catalogue: &shared.settling.catalogue,
        clock: &*shared.clock,
        on_loss: resolution.on_loss,
    };
    let mut queue: VecDeque<_> =
        candidates.into_iter().map(|(candidate, plan)| (candidate, plan, 0_u32)).collect();
    let (mut number, mut worst) = (0, None::<Box<Failure>>);
    let mut shut = false;
    while number < shared.options.max_attempts {
        let Some((candidate, plan, before)) = queue.pop_front() else {
            break;
        };
        if before > 0 {
            tokio::time::sleep(backoff(before)).await;
        }
        let timeouts = candidate.provider.timeouts.with(resolution.timeouts);
        if exchange.request.arrived.elapsed() >= timeouts.total {
            worst = worst.or_else(|| Some(used_up(timeouts.total)));
            break;
        }
        // others may have found out in the meantime that it must not be asked
        let Ok(permit) = enter(&candidate, exchange, shared.clock.now()) else {
            shut = true;
            continue;
        };
        number += 1;
        guard.now_with(&candidate);
        let prepared = prepare(exchange, headers, &candidate, plan, known)
            .map_err(|error| Failure::error(0, false, "unprepared", error).blaming(Blame::None));
        let began = Instant::now();
        let tried = match prepared {
            Ok(prepared) => once(shared, (exchange, number), prepared, &candidate, timeouts, guard).await,
            Err(failure) => Err(failure),
        };
        let now = shared.clock.now();
        if number > 1 {
            candidate.provider.meters.retries(&candidate.provider.name).increment(1);
        }
        let failure = match tried {
            Ok(answer) => {
                if let Some(permit) = permit {
                    permit.succeeded(now);
                }
                if let (Some(latency), Answer::Success { .. }) = (&candidate.latency, &answer) {
                    latency.measured(began.elapsed(), now);
                }
                note(exchange, number, &candidate, "success");
                return Ok(answer);
            }
            Err(failure) => failure,
        };
        guard.failed(failure.outcome);
        note(exchange, number, &candidate, failure.outcome);
        match (permit, failure.blame) {
            (Some(permit), Blame::Provider) => permit.failed(failure.outcome, now),
            (Some(permit), Blame::Credential(state, time)) => {
                permit.refused(state, now.plus(time), failure.outcome, now);
            }
            (untold, _) => drop(untold),
        }
        if failure.again {
            queue.push_back((candidate, plan, before + 1));
        }
        if worst.as_ref().is_none_or(|worst| failure.rank > worst.rank) {
            worst = Some(failure);
        }
    }
    match worst {
        Some(failure) => failure.answer,
        None if shut => Err(left_alone(&resolution.full_name, &[], shared.clock.now())),
        None => Err(GatewayError::Upstream("no provider could be asked".to_owned())),
    }
}

/// The candidate must not be asked.
struct Shut;

/// A place with the candidate's credential; none where it has none, since how an own key fares is its owner's
/// business.
fn enter<'a>(
    candidate: &'a Candidate,
    exchange: &Exchange,
    now: Timestamp,
) -> Result<Option<Permit<'a>>, Shut> {
    let Some(credential) = &candidate.credential else { return Ok(None) };
    let Credential { limits, health, .. } = &**credential;
    let permit = health.enter(&candidate.model, &candidate.provider.breaker, now).ok_or(Shut)?;
    let counts = candidate.provider.credential_strategy == Some(CredentialStrategy::LeastUsed);
    if (counts || !limits.are_none()) && !health.spend(*limits, exchange.envelope.estimated_input, now) {
        return Err(Shut);
    }
    Ok(Some(permit))
}

/// Every attempt is counted and logged; one that succeeds at once says nothing that the access log does not.
fn note(exchange: &Exchange, number: u32, candidate: &Candidate, outcome: &'static str) {
    let provider = &candidate.provider;
    provider.meters.attempts(&provider.name, outcome).increment(1);
    let credential = candidate.credential.as_ref().map(|credential| &*credential.name);
    let (request_id, provider, model) = (exchange.request.id, &*provider.name, &*candidate.model);
    if outcome != "success" {
        tracing::warn!(%request_id, attempt = number, provider, credential, model, outcome, "an attempt failed");
    } else if number > 1 {
        tracing::info!(%request_id, attempt = number, provider, credential, model, outcome, "an attempt succeeded");
    } else {
        tracing::debug!(%request_id, attempt = number, provider, credential, model, outcome, "an attempt succeeded");
    }
}

/// How long to wait after so many failures of the same candidate.
fn backoff(failures: u32) -> Duration {
    BACKOFF.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(BACKOFF_AT_MOST)
}

async fn once(
    shared: &Shared,
    (exchange, number): (&Exchange, u32),
    prepared: Prepared,
    candidate: &Candidate,
    timeouts: Timeouts,
    guard: &mut SettleGuard,
) -> Result<Answer, Box<Failure>> {
    let Prepared { request, strip_usage, back } = prepared;
    let name = &*candidate.provider.name;
    let deadline = Instant::from_std(exchange.request.arrived) + timeouts.total;
    let began = Instant::now();
    let first_byte_by = (began + timeouts.first_byte).min(deadline);
    let late = || {
        let waited = if first_byte_by == deadline {
            ("in all", timeouts.total)
        } else {
            ("for the first byte", timeouts.first_byte)
        };
        let message =
            format!("provider {name:?} did not answer within {} s ({})", seconds(waited.1), waited.0);
        let failure = Failure::error(3, false, "timeout", GatewayError::UpstreamTimeout(message));
        // what a slow upload or another candidate took is not this one's fault
        let had_its_time = first_byte_by - began >= timeouts.first_byte.min(timeouts.total) / 2;
        if had_its_time { failure } else { failure.blaming(Blame::None) }
    };
    guard.trying(request.body().sent());
    let id = (exchange.request.id, number);
    let mut logged = Attempted::begin(&shared.logs, id, candidate, &request, shared.clock.now());
    let proxy = candidate.provider.proxy.as_ref();
    let Some(sending) = shared.routing.clients.request(timeouts.connect, proxy, request) else {
        let error = GatewayError::Upstream("no client for this provider".to_owned());
        return Err(Failure::error(0, false, "unprepared", error).blaming(Blame::None));
    };
    let sent = tokio::time::timeout_at(first_byte_by, sending).await;
    let response = sent.map_err(|_| late())?.map_err(|error| unreachable_failure(name, &error, timeouts))?;
    let (mut head, mut rest) = response.into_parts();
    if candidate.credential.is_some() {
        hide_account(&mut head.headers);
    }
    if let Some(logged) = &mut logged {
        logged.answered(head.status);
    }
    if !head.status.is_success() {
        let by = first_byte_by.min(Instant::now() + ERROR_BODY_TIME);
        let body = tokio::time::timeout_at(by, Limited::new(rest, ERROR_BODY).collect()).await;
        let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
        let body = body.filter(|body| !shows_credential(candidate, &head.headers, body));
        if let (Some(logged), Some(body)) = (&mut logged, &body) {
            logged.refused(body);
        }
        let from = back.as_ref().map_or(exchange.request.dialect, |back| back.from);
        return refusal(exchange, candidate, from, head, body);
    }
    let first = loop {
        match tokio::time::timeout_at(first_byte_by, rest.frame()).await.map_err(|_| late())? {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => break Some(data),
                Err(_trailers) => break None,
            },
            Some(Err(error)) => return Err(broken(name, &error)),
            None => break None,
        }
    };
    if first.is_none() && head.status != StatusCode::NO_CONTENT {
        let message = format!("provider {name:?} ended its answer before the first byte");
        return Err(Failure::error(2, true, "broken", GatewayError::Upstream(message)));
    }
    let logged = logged.and_then(Attempted::succeeded);
    Ok(Answer::Success { head, first, rest, strip_usage, back, timeouts, deadline, logged })
}

/// The time for a request was over before anybody was asked.
fn used_up(total: Duration) -> Box<Failure> {
    let message = format!(
        "the {} s that the request may take in all were used up before a provider could be asked",
        seconds(total)
    );
    Failure::error(0, false, "timeout", GatewayError::UpstreamTimeout(message)).blaming(Blame::None)
}

fn seconds(duration: Duration) -> String {
    format!("{}", duration.as_secs_f64())
}

fn broken(provider: &str, error: &hyper::Error) -> Box<Failure> {
    tracing::debug!(provider, %error, "the answer broke off before its first byte");
    let message = format!("provider {provider:?} broke off before the first byte of its answer");
    Failure::error(2, true, "broken", GatewayError::Upstream(message))
}

fn unreachable_failure(
    provider: &str,
    error: &hyper_util::client::legacy::Error,
    timeouts: Timeouts,
) -> Box<Failure> {
    tracing::debug!(provider, error = error as &dyn Error, "the provider could not be asked");
    if error.is_connect() && is_timeout(error) {
        let message = format!(
            "provider {provider:?} could not be reached within {} s (to connect)",
            seconds(timeouts.connect)
        );
        return Failure::error(3, true, "connect_timeout", GatewayError::UpstreamTimeout(message));
    }
    let (outcome, what) = if error.is_connect() {
        ("connect", "could not be reached")
    } else {
        ("broken", "did not answer in valid HTTP, or closed the connection")
    };
    let cause = root(error);
    Failure::error(2, true, outcome, GatewayError::Upstream(format!("provider {provider:?} {what}: {cause}")))
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
        {
            return true;
        }
        next = error.source();
    }
    false
}

fn root(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// Whether the body of a refusal has to end here, since it shows a secret that is not the client's.
fn shows_credential(candidate: &Candidate, headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(credential) = &candidate.credential else { return false };
    let shows = credential::shows(credential, headers, body);
    if shows {
        let (provider, credential) = (&*candidate.provider.name, &*credential.name);
        tracing::warn!(provider, credential, "a refusal that may show the credential is not passed on");
    }
    shows
}

/// What a status other than success means, as chapter 6.2 of the specification has it. It counts also
/// where the explanation that belongs to it did not arrive.
fn refusal(
    exchange: &Exchange,
    candidate: &Candidate,
    from: Dialect,
    mut head: response::Parts,
    body: Option<Bytes>,
) -> Result<Answer, Box<Failure>> {
    let name = &*candidate.provider.name;
    let (status, own_key) = (head.status, candidate.credential.is_none());
    let retry_after = retry_after(&head.headers);
    let is_page = !is_json(&head.headers);
    // a proxy's page is not in the client's dialect
    let body = body.filter(|_| !is_page);
    // Google's way to say 401
    let is_called_invalid = status == StatusCode::BAD_REQUEST
        && !own_key
        && body.as_ref().is_some_and(|body| credential::is_called_invalid(body));
    let body = if from == exchange.request.dialect {
        body
    } else {
        body.and_then(|body| translated(exchange, from, &mut head, &body))
    };
    let body = body.unwrap_or_else(|| unexplained(exchange, name, &mut head));
    let answer = Answer::Refusal { head, body };
    let dead = Blame::Credential(HealthState::AuthDead, REFUSED_FOR);
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if own_key => Ok(answer),
        status if status == StatusCode::UNAUTHORIZED || is_called_invalid => {
            // the provider's own words would show part of a credential that is not the client's
            let credential = candidate.credential.as_ref().map_or("", |credential| &*credential.name);
            let message = format!(
                "provider {name:?} refused the gateway's credential {credential:?} ({}): its operator has to renew it",
                status.as_u16()
            );
            Err(Failure::error(1, false, "unauthorized", GatewayError::Upstream(message)).blaming(dead))
        }
        StatusCode::FORBIDDEN => {
            // the page is a firewall's, which may mind no more than what this one request holds
            let blame = if is_page { Blame::None } else { dead };
            Err(Failure::new(4, false, "forbidden", Ok(answer)).blaming(blame))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let time = retry_after.unwrap_or(LIMITED_FOR).min(LIMITED_AT_MOST);
            let limited = Blame::Credential(HealthState::RateLimited, time);
            Err(Failure::new(5, false, "rate_limited", Ok(answer)).blaming(limited))
        }
        status if status.is_server_error() => Err(Failure::new(4, true, "server_error", Ok(answer))),
        status if status.is_client_error() => Ok(answer),
        _ => {
            let message = format!(
                "provider {name:?} answered with status {status}, which is no answer: check its base URL"
            );
            Err(Failure::error(2, false, "redirect", GatewayError::Upstream(message)))
        }
    }
}

/// What the provider says, in the client's dialect.
fn translated(exchange: &Exchange, from: Dialect, head: &mut response::Parts, body: &[u8]) -> Option<Bytes> {
    let report = codec(from)?.decode_error(body)?;
    let request = &exchange.request;
    let facts = ErrorFacts {
        status: head.status.as_u16(),
        code: report.code.as_deref().unwrap_or("upstream_error"),
        message: &report.message,
        param: report.param.as_deref(),
        request_id: &request.id.to_string(),
        module: None,
    };
    own_json(head);
    Some(encode(request.dialect, &facts))
}

/// The head of a body that was written here.
fn own_json(head: &mut response::Parts) {
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(CONTENT_ENCODING);
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// The body of a refusal whose own one did not arrive whole.
fn unexplained(exchange: &Exchange, provider: &str, head: &mut response::Parts) -> Bytes {
    let status = head.status;
    own_json(head);
    let message = format!(
        "provider {provider:?} answered with status {status} and without an explanation that could be passed on"
    );
    let request = &exchange.request;
    GatewayError::Upstream(message).encode(request.dialect, request.id, |dialect, facts| {
        encode(dialect, &ErrorFacts { status: status.as_u16(), ..facts.clone() })
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_none_or(|kind| kind.contains("json"))
}

/// `retry-after` in seconds; the date form is not used by these providers.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
