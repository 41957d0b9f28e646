//! Reads the directives a request carries in its model name: `name@directive,directive…`.
//!
//! A gateway between client and upstream may rewrite the model's prefix, but hands the rest on, so a
//! client in any language can script the answer to its own request. Directives are separated by `,`
//! or `:`; a piece after `:` that starts with a digit continues the value before it (`tokens=11:22`).
//! An unknown directive is an error, so that a typo in a test cannot pass as a plain answer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::{HeaderName, HeaderValue, StatusCode};

/// A directive without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flag {
    /// Accept the request and never answer.
    Never,
    /// A 200 whose body is neither JSON nor SSE.
    Garbage,
    /// Bytes that are not HTTP.
    GarbageHttp,
    /// A 200 that ends before its first byte.
    Empty,
    /// Leave usage out wherever the dialect would report it.
    NoUsage,
    /// End a stream cleanly, but without its terminal event.
    NoDone,
    /// End SSE lines with CRLF.
    Crlf,
    /// Put SSE comment lines between the events.
    Comments,
    /// Send a JSON answer without `content-length`.
    Chunked,
    /// Ask for the connection to be closed after this answer.
    Close,
    /// Answer with what was asked: last user text, images and tool results seen.
    Echo,
    /// Refuse in the dialect's own way.
    Refusal,
    /// Show a piece of reasoning that nobody can read as well; Anthropic only.
    Redacted,
    /// Stream the arguments of both tool calls side by side; chat completions only.
    Interleaved,
}

/// How a connection goes wrong after some parts were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Stall,
    Cut,
    Reset,
}

/// The parsed directives; without any, a plain and complete answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Script {
    flags: Vec<Flag>,
    pub(super) status: Option<StatusCode>,
    pub(super) html: Option<StatusCode>,
    pub(super) retry_after: Option<String>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) content_encoding: Option<String>,
    pub(super) chunks: Option<usize>,
    pub(super) size: Option<usize>,
    pub(super) delay: Duration,
    pub(super) slow_head: Duration,
    pub(super) slow_body: Duration,
    pub(super) fault: Option<(usize, Fault)>,
    pub(super) mid_error: Option<usize>,
    pub(super) piece: Option<usize>,
    /// Input, output, cached and reasoning, as the dialect's own fields spell them.
    pub(super) tokens: Option<[u64; 4]>,
    /// Five-minute and one-hour cache writes; Anthropic only.
    pub(super) cache_write: [u64; 2],
    pub(super) finish: Option<String>,
    /// The stop sequence that was met.
    pub(super) stop_sequence: Option<String>,
    /// The field that a chat completion shows its reasoning in.
    pub(super) reasoning: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) fail_times: Option<(u32, StatusCode)>,
    pub(super) key: Option<String>,
    pub(super) refuse_keys: Vec<(String, StatusCode)>,
    pub(super) cut_key: Option<String>,
}

impl Script {
    /// Splits a model into the name before `@` and its script.
    pub(super) fn of_model(model: &str) -> Result<(&str, Self)> {
        let Some((name, directives)) = model.split_once('@') else {
            return Ok((model, Self::default()));
        };
        let mut script = Self::default();
        for directive in split(directives) {
            let (key, value) = directive.split_once('=').unwrap_or((directive, ""));
            script.apply(key, value).with_context(|| format!("in the directive `{directive}`"))?;
        }
        Ok((name, script))
    }

    pub(super) fn has(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    fn apply(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "never" => self.flags.push(Flag::Never),
            "garbage" => self.flags.push(Flag::Garbage),
            "garbage-http" => self.flags.push(Flag::GarbageHttp),
            "empty" => self.flags.push(Flag::Empty),
            "no-usage" => self.flags.push(Flag::NoUsage),
            "no-done" => self.flags.push(Flag::NoDone),
            "crlf" => self.flags.push(Flag::Crlf),
            "comments" => self.flags.push(Flag::Comments),
            "chunked" => self.flags.push(Flag::Chunked),
            "close" => self.flags.push(Flag::Close),
            "echo" => self.flags.push(Flag::Echo),
            "refusal" => self.flags.push(Flag::Refusal),
            "redacted" => self.flags.push(Flag::Redacted),
            "interleaved" => self.flags.push(Flag::Interleaved),
            "status" => self.status = Some(value.parse()?),
            "html" => self.html = Some(value.parse()?),
            "retry-after" => self.retry_after = Some(value.to_owned()),
            "content-encoding" => self.content_encoding = Some(value.to_owned()),
            "finish" => self.finish = Some(value.to_owned()),
            "stop-sequence" => self.stop_sequence = Some(value.to_owned()),
            "reasoning" => {
                let field = if value.is_empty() { "reasoning_content" } else { value };
                self.reasoning = Some(field.to_owned());
            }
            "tag" => self.tag = Some(value.to_owned()),
            "key" => self.key = Some(value.to_owned()),
            "chunks" => self.chunks = Some(value.parse()?),
            "size" => self.size = Some(value.parse()?),
            "delay-ms" => self.delay = milliseconds(value)?,
            "slow-head-ms" => self.slow_head = milliseconds(value)?,
            "slow-body-ms" => self.slow_body = milliseconds(value)?,
            "stall-after" => self.fault = Some((value.parse()?, Fault::Stall)),
            "cut-after" => self.fault = Some((value.parse()?, Fault::Cut)),
            "reset-after" => self.fault = Some((value.parse()?, Fault::Reset)),
            "mid-error" => self.mid_error = Some(or_default(value, 3)?),
            "byte-splits" => self.piece = Some(or_default(value, 7)?.max(1)),
            "tokens" => self.tokens = Some(numbers(value)?),
            "cache-write" => self.cache_write = numbers(value)?,
            "header" => {
                let (name, value) = value.split_once('~').context("expected header=name~value")?;
                self.headers.push((name.parse()?, value.parse()?));
            }
            "fail-times" => {
                let (times, status) = value.split_once(':').context("expected fail-times=N:status")?;
                self.fail_times = Some((times.parse()?, status.parse()?));
            }
            "refuse-key" => {
                let (key, status) = value.rsplit_once(':').context("expected refuse-key=KEY:status")?;
                self.refuse_keys.push((key.to_owned(), status.parse()?));
            }
            "cut-key" => self.cut_key = Some(value.to_owned()),
            _ => bail!("no such directive"),
        }
        Ok(())
    }
}

fn split(directives: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut start = 0;
    for (at, byte) in directives.bytes().enumerate() {
        let next = directives.as_bytes().get(at + 1);
        if byte == b',' || (byte == b':' && !next.is_some_and(u8::is_ascii_digit)) {
            found.push(&directives[start..at]);
            start = at + 1;
        }
    }
    found.push(&directives[start..]);
    found.retain(|directive| !directive.is_empty());
    found
}

fn milliseconds(value: &str) -> Result<Duration> {
    Ok(Duration::from_millis(value.parse()?))
}

fn or_default(value: &str, default: usize) -> Result<usize> {
    if value.is_empty() { Ok(default) } else { Ok(value.parse()?) }
}

/// Up to `N` numbers separated by `:`; those not given are zero.
fn numbers<const N: usize>(value: &str) -> Result<[u64; N]> {
    let mut found = [0; N];
    for (index, number) in value.split(':').enumerate() {
        *found.get_mut(index).context("too many numbers")? = number.parse()?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_separated_by_either_mark() -> Result<()> {
        let (name, script) = Script::of_model("scripted@status=429:retry-after=2,tokens=11:22:no-usage")?;
        assert_eq!(name, "scripted");
        assert_eq!(script.status, Some(StatusCode::TOO_MANY_REQUESTS));
        assert_eq!(script.retry_after.as_deref(), Some("2"));
        assert_eq!(script.tokens, Some([11, 22, 0, 0]));
        assert!(script.has(Flag::NoUsage));
        Ok(())
    }

    #[test]
    fn values_keep_their_numbers() -> Result<()> {
        let model = "m@fail-times=2:503,tag=a:7,refuse-key=sk-a:401,refuse-key=sk-b:500,cut-key=sk-c";
        let (_, script) = Script::of_model(model)?;
        assert_eq!(script.fail_times, Some((2, StatusCode::SERVICE_UNAVAILABLE)));
        assert_eq!(script.tag.as_deref(), Some("a:7"));
        let (refused, failed) = (StatusCode::UNAUTHORIZED, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(script.refuse_keys, [("sk-a".to_owned(), refused), ("sk-b".to_owned(), failed)]);
        assert_eq!(script.cut_key.as_deref(), Some("sk-c"));
        Ok(())
    }

    #[test]
    fn a_typo_is_refused() {
        assert!(Script::of_model("m@stauts=500").is_err());
        assert!(Script::of_model("m@tokens=1:2:3:4:5").is_err());
    }
}
