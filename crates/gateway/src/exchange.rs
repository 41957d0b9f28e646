//! One request as it came in, and the little that is known of its content.

use std::sync::OnceLock;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use penstock_core::canonical::CanonicalRequest;
use penstock_core::{Dialect, Operation, RequestId, Timestamp};
use penstock_dialects::codec::{DecodeError, codec};
use penstock_dialects::envelope::{Envelope, MODEL_LIMIT};
use penstock_dialects::may_hold_carrier;

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
    /// Whether something in it may belong to another provider; see [`may_hold_carrier`].
    pub may_hold_carrier: bool,
    decoded: OnceLock<Result<CanonicalRequest, DecodeError>>,
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
            (Some(path), _) => path.model.clone(),
            (None, Some(field)) => field.name.clone(),
            (None, None) => return Err(GatewayError::invalid("the request names no model")),
        };
        let may_hold_carrier = may_hold_carrier(&request.body);
        Ok(Self { request, envelope, requested, may_hold_carrier, decoded: OnceLock::new() })
    }

    /// The canonical request.
    pub fn canonical(&self) -> Result<&CanonicalRequest, GatewayError> {
        let decode = || match codec(self.request.dialect) {
            Some(codec) => codec.decode_request(&self.request.body),
            None => Err(DecodeError::unsupported(self.request.dialect)),
        };
        self.decoded.get_or_init(decode).as_ref().map_err(|error| GatewayError::invalid(error.to_string()))
    }
}
