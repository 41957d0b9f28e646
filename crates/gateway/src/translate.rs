//! A request for a provider of another dialect, and its answer on the way back.
//!
//! What cannot be carried is named: in the `x-penstock-loss` header, in the log at `debug`, in a metric;
//! or the request is refused, where its route wants that.

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse, Origin};
use penstock_core::{Clock, Dialect, RequestId};
use penstock_dialects::codec::{Client, Codec, Encoded, StreamError, Target, codec};
use penstock_dialects::loss::{Loss, LossKind};
use penstock_dialects::translate::StreamTranslator;
use penstock_dialects::verify::{Verifier, Violation};
use penstock_providers::{Catalogue, StreamUsage};

use crate::GatewayError;
use crate::choose::Candidate;
use crate::exchange::Exchange;

/// Of so many translated streams one is read again as its client reads it.
const VERIFIED: u128 = 64;
/// Losses that a header names.
const NAMED: usize = 16;
/// A longer path, which has a name in it that the client made up, is cut.
const NAME_LIMIT: usize = 96;

/// What to do about a request that cannot be carried whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// Carry what can be carried, and say what was not.
    #[default]
    Warn,
    /// Refuse it.
    Reject,
}

/// How an answer is brought back into its client's dialect.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The provider's dialect.
    pub from: Dialect,
    /// The client's.
    pub to: Dialect,
    origin: Origin,
    client: Client,
    /// What of the request could not be carried.
    pub losses: Vec<Loss>,
}

/// A request in the provider's dialect.
#[derive(Debug)]
pub struct Translated {
    /// The body.
    pub body: Bytes,
    /// The way back; `None` where the answer passes as it is.
    pub back: Option<Translation>,
    /// Usage was asked for, and what it adds to a passing answer has to be taken out again.
    pub strip_usage: bool,
}

/// Writes the request for `candidate` in the dialect `to`.
pub fn translate(
    exchange: &Exchange,
    candidate: &Candidate,
    to: Dialect,
    on_loss: OnLoss,
    catalogue: &Catalogue,
    clock: &dyn Clock,
) -> Result<Translated, GatewayError> {
    let request = exchange.canonical()?;
    let from = exchange.request.dialect;
    let (Some(own), Some(target)) = (codec(from), codec(to)) else {
        return Err(GatewayError::Unsupported(format!("there is no translation from {from} to {to}")));
    };
    let row = &candidate.provider.row;
    let model = catalogue.get(&row.name, &candidate.model);
    let origin = Origin { dialect: to, provider: Some(provider_name(candidate).into()) };
    let written = target.encode_request(
        request,
        &Target {
            provider: provider_name(candidate),
            size: exchange.request.body.len(),
            model: &candidate.model,
            max_output: candidate.provider.max_output(&candidate.model, catalogue),
            ask_for_usage: row.stream_usage == StreamUsage::Ask,
            max_completion_tokens: row.max_completion_tokens,
            no_reasoning: model.is_some_and(|model| model.no_reasoning),
            adaptive_thinking: model.is_some_and(|model| model.adaptive_thinking),
            cache_control: row.cache_control,
        },
    );
    let Encoded { body, losses } = written.map_err(|error| GatewayError::invalid(error.to_string()))?;
    note(exchange.request.id, &losses);
    if on_loss == OnLoss::Reject {
        refuse(&losses, &candidate.provider.name, to)?;
    }
    let wanted = own.wants_stream_usage(request);
    if from == to {
        let strip_usage = row.stream_usage == StreamUsage::Ask && !wanted;
        return Ok(Translated { body, back: None, strip_usage });
    }
    let client = Client { created: clock.now().0 / 1_000, stream_usage: wanted };
    let back = Some(Translation { from: to, to: from, origin, client, losses });
    Ok(Translated { body, back, strip_usage: false })
}

/// The provider as signatures know it: the public service, whatever an operator calls it here.
fn provider_name(candidate: &Candidate) -> &str {
    let row = &candidate.provider.row;
    if row.base_url.is_some() { &row.name } else { &candidate.provider.name }
}

fn refuse(losses: &[Loss], provider: &str, dialect: Dialect) -> Result<(), GatewayError> {
    let lost: Vec<_> = losses.iter().filter(|loss| loss.kind != LossKind::Filled).map(short).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(GatewayError::Lossy(format!(
        "provider {provider:?} speaks {dialect}, which cannot carry this request whole, and the route rejects \
         losses: {}",
        lost.join("; ")
    )))
}

fn note(id: RequestId, losses: &[Loss]) {
    for loss in losses {
        tracing::debug!(request_id = %id, kind = loss.kind.as_str(), path = %short_path(&loss.path), "a translation");
        metrics::counter!("penstock_translation_losses_total", "kind" => loss.kind.as_str()).increment(1);
    }
}

fn short_path(path: &str) -> String {
    let visible = |letter: &char| letter.is_ascii_graphic() && !matches!(letter, ';' | '(' | ')');
    path.chars().filter(visible).take(NAME_LIMIT).collect()
}

fn short(loss: &Loss) -> String {
    let note = if loss.note.is_empty() { String::new() } else { format!(" ({})", loss.note) };
    format!("{} {}{note}", loss.kind.as_str(), short_path(&loss.path))
}

/// The `x-penstock-loss` header: the losses by kind and place, or nothing if there are none.
pub(crate) fn header(losses: &[Loss]) -> Option<HeaderValue> {
    if losses.is_empty() {
        return None;
    }
    let mut named: Vec<_> = losses.iter().take(NAMED).map(short).collect();
    if losses.len() > NAMED {
        named.push(format!("and {} more", losses.len() - NAMED));
    }
    HeaderValue::from_str(&named.join("; ")).ok()
}

impl Translation {
    fn codecs(&self) -> Option<(&'static dyn Codec, &'static dyn Codec)> {
        Some((codec(self.from)?, codec(self.to)?))
    }

    /// The whole answer `body` in the client's dialect; its losses join those of the request.
    pub(crate) fn answer(&mut self, body: &[u8], provider: &str) -> Result<Bytes, GatewayError> {
        let unreadable = |problem: &dyn std::fmt::Display| {
            GatewayError::Upstream(format!("the answer of provider {provider:?} cannot be read: {problem}"))
        };
        let (from, to) = self.codecs().ok_or_else(|| unreadable(&"there is no translation"))?;
        let response = from.decode_response(body, &self.origin).map_err(|error| {
            // some lookalikes report an error with a status of success
            let report = from.decode_error(body);
            report.map_or_else(|| unreadable(&error), |report| GatewayError::Upstream(report.message))
        })?;
        let Encoded { body, losses } = to.encode_response(&response, &self.client);
        self.losses.extend(losses);
        Ok(body)
    }

    /// The way of a stream through the canonical form and back into its own dialect, for modules that look at its
    /// pieces.
    pub(crate) fn own(dialect: Dialect, usage: bool, clock: &dyn Clock) -> Option<Self> {
        codec(dialect)?;
        let client = Client { created: clock.now().0 / 1_000, stream_usage: usage };
        Some(Self { from: dialect, to: dialect, origin: Origin::of(dialect), client, losses: Vec::new() })
    }

    /// The answer of a module in the client's dialect: one document, or the stream that it would have been.
    pub(crate) fn given(&self, response: &CanonicalResponse, is_stream: bool) -> Bytes {
        let Some(to) = codec(self.to) else { return Bytes::new() };
        if !is_stream {
            return to.encode_response(response, &self.client).body;
        }
        let (mut encoder, mut out) = (to.stream_encoder(&self.client), BytesMut::new());
        for chunk in penstock_pipeline::replay(response) {
            encoder.chunk(&chunk, &mut out);
        }
        out.freeze()
    }

    /// The translation of a stream.
    pub(crate) fn stream(&self, id: RequestId) -> Option<TranslatedStream> {
        let (from, to) = self.codecs()?;
        let decoder = from.stream_decoder(self.origin.clone());
        let translator = StreamTranslator::new(decoder, to.stream_encoder(&self.client));
        let sampled = id.bits().is_multiple_of(VERIFIED);
        let verifier = if sampled { Verifier::new(self.to) } else { None };
        let is_own = self.from == self.to;
        Some(TranslatedStream { id, dialect: self.to, is_own, translator, verifier })
    }
}

/// A stream on its way back.
#[derive(Debug)]
pub(crate) struct TranslatedStream {
    id: RequestId,
    dialect: Dialect,
    is_own: bool,
    translator: StreamTranslator,
    verifier: Option<Verifier>,
}

impl TranslatedStream {
    /// Takes whole events; what goes on comes back, also beside an error.
    pub(crate) fn block(&mut self, block: &[u8]) -> (Bytes, Result<(), StreamError>) {
        let mut out = BytesMut::new();
        let taken = self.translator.block(block, &mut out);
        (self.written(out), taken)
    }

    /// Reads whole events for somebody who looks at their pieces; see [`StreamTranslator::read`].
    pub(crate) fn read(&mut self, block: &[u8], chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        self.translator.read(block, chunks)
    }

    /// The provider has closed the stream; like [`Self::read`].
    pub(crate) fn read_end(&mut self, chunks: &mut Vec<CanonicalChunk>) -> Result<(), StreamError> {
        self.translator.read_end(chunks)
    }

    /// Whether the client speaks the provider's dialect.
    pub(crate) const fn is_own(&self) -> bool {
        self.is_own
    }

    /// Writes pieces that [`Self::read`] gave.
    pub(crate) fn write(&mut self, chunks: &[CanonicalChunk]) -> Bytes {
        let mut out = BytesMut::new();
        self.translator.write(chunks, &mut out);
        self.written(out)
    }

    /// The provider has closed the stream.
    pub(crate) fn finish(&mut self) -> (Bytes, Result<(), StreamError>) {
        let mut out = BytesMut::new();
        let finished = self.translator.finish(&mut out);
        (self.written(out), finished)
    }

    fn written(&mut self, out: BytesMut) -> Bytes {
        let out = out.freeze();
        let checked = self.verifier.as_mut().map(|verifier| verifier.push(&out));
        if let Some(Err(violation)) = checked {
            self.verifier = None;
            self.violated(&violation);
        }
        if self.translator.is_stopped()
            && let Some(Err(violation)) = self.verifier.take().map(Verifier::finish)
        {
            self.violated(&violation);
        }
        out
    }

    fn violated(&self, violation: &Violation) {
        let dialect = self.dialect.as_str();
        metrics::counter!("penstock_stream_violations_total", "dialect" => dialect).increment(1);
        tracing::error!(request_id = %self.id, dialect, %violation, "a translated stream is not sound");
    }
}

impl Drop for TranslatedStream {
    fn drop(&mut self) {
        note(self.id, &self.translator.take_losses());
    }
}

#[cfg(test)]
mod tests;
