//! One request as it came in, and the little that is known of its content.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use penstock_core::canonical::CanonicalRequest;
use penstock_core::{Dialect, Operation, RequestId, Timestamp};
use penstock_dialects::codec::{DecodeError, codec};
use penstock_dialects::envelope::{Envelope, MODEL_LIMIT, control_character};

use crate::traces::Within;
use crate::{Caller, GatewayError};

/// A request as the server hands it over: authenticated, its body complete.
#[derive(Debug)]
pub struct Request {
    /// The gateway's id of it.
    pub id: RequestId,
    /// When it arrived.
    pub at: Timestamp,
    /// The same, for measuring.
    pub arrived: Instant,
    /// Who asks.
    pub caller: Caller,
    /// In which dialect.
    pub dialect: Dialect,
    /// For what.
    pub operation: Operation,
    /// The provider, where the path names one.
    pub provider: Option<String>,
    /// The model and what to do with it, where the path names them.
    pub path_model: Option<PathModel>,
    /// The client's headers.
    pub headers: HeaderMap,
    /// The client's query, any key taken out.
    pub query: Option<String>,
    /// The body.
    pub body: Bytes,
    /// What spans of it stand in, where somebody keeps them.
    pub trace: Option<Within>,
}

/// A model that stands in the path, as Gemini's do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathModel {
    /// The model, percent-decoded.
    pub model: String,
    /// What follows the colon, such as `generateContent`.
    pub action: String,
}

/// A request and what a structural scan says of it. The body is decoded only for whoever asks for the
/// canonical request, and then once.
#[derive(Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The few fields of its body that matter.
    pub envelope: Envelope,
    /// The model that is asked for.
    pub requested: String,
    decoded: OnceLock<Result<CanonicalRequest, DecodeError>>,
    /// The request as modules have left it, if there are any.
    by_modules: Option<penstock_pipeline::Request>,
}

/// What decides who answers: a model, and who asks for it where and how.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The model.
    pub model: &'a str,
    /// The provider, where the path names one.
    pub provider: Option<&'a str>,
    /// The client's dialect.
    pub dialect: Dialect,
    /// What is asked for.
    pub operation: Operation,
    /// Who asks.
    pub caller: &'a Caller,
}

impl Exchange {
    /// Scans the body.
    pub fn open(request: Request) -> Result<Self, GatewayError> {
        let envelope = Envelope::read(request.dialect, &request.body).map_err(|error| {
            GatewayError::InvalidRequest { message: error.to_string(), param: error.param() }
        })?;
        let requested = match (&request.path_model, &envelope.model) {
            (Some(path), _) if path.model.len() > MODEL_LIMIT => {
                return Err(GatewayError::invalid("the model in the path is longer than 1024 bytes"));
            }
            (Some(path), _) => {
                if let Some(found) = control_character(&path.model) {
                    return Err(GatewayError::invalid(format!(
                        "the model in the path holds the control character U+{:04X}: expected a name without one",
                        u32::from(found)
                    )));
                }
                path.model.clone()
            }
            (None, Some(field)) => field.name.clone(),
            (None, None) => return Err(GatewayError::invalid("the request names no model")),
        };
        let (decoded, by_modules) = (OnceLock::new(), None);
        Ok(Self { request, envelope, requested, decoded, by_modules })
    }

    /// What decides who answers.
    pub fn asked(&self) -> Asked<'_> {
        Asked {
            model: &self.requested,
            provider: self.request.provider.as_deref(),
            dialect: self.request.dialect,
            operation: self.request.operation,
            caller: &self.request.caller,
        }
    }

    /// Takes what modules have made of the request.
    pub(crate) fn take_edits(&mut self, request: &penstock_pipeline::Request) {
        if request.model() != self.requested {
            request.model().clone_into(&mut self.requested);
        }
        if request.edited().is_some() {
            self.envelope.estimated_input = request.estimated_input();
        }
        self.by_modules = Some(request.clone());
    }

    /// Whether the client wants usage in a stream, where its dialect makes that a choice.
    pub(crate) fn wants_stream_usage(&self) -> bool {
        let codec = codec(self.request.dialect);
        let request = self.canonical().ok();
        codec.zip(request).is_none_or(|(codec, request)| codec.wants_stream_usage(request))
    }

    /// Whether a module has changed more than the model.
    pub fn is_edited(&self) -> bool {
        self.by_modules.as_ref().is_some_and(|request| request.edited().is_some())
    }

    /// The canonical request.
    pub fn canonical(&self) -> Result<&CanonicalRequest, GatewayError> {
        if let Some(request) = &self.by_modules {
            return request.canonical().map_err(|error| GatewayError::invalid(error.to_string()));
        }
        let decode = || match codec(self.request.dialect) {
            Some(codec) => codec.decode_request(&self.request.body),
            None => Err(DecodeError::unsupported(self.request.dialect)),
        };
        self.decoded.get_or_init(decode).as_ref().map_err(|error| GatewayError::invalid(error.to_string()))
    }
}
