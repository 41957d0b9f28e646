//! Whether the caller may ask for this model. Rate limits will be checked here as well.

use std::borrow::Cow;

use crate::exchange::Exchange;
use crate::{Caller, GatewayError};

/// Refuses a model that none of the caller's permissions covers.
///
/// A permission speaks of route names and `provider/model`, so a bare model name is also looked at
/// under the provider it would go to.
pub fn admit(exchange: &Exchange, full_name: Option<&str>) -> Result<(), GatewayError> {
    let Caller::User(principal) = &exchange.request.caller else {
        return Ok(());
    };
    let requested = match &exchange.request.provider {
        Some(provider) => Cow::Owned(format!("{provider}/{}", exchange.requested)),
        None => Cow::Borrowed(exchange.requested.as_str()),
    };
    if principal.may_use(&requested) || full_name.is_some_and(|name| principal.may_use(name)) {
        return Ok(());
    }
    Err(GatewayError::Forbidden(format!(
        "this key may not use the model {requested:?}: GET /v1/models lists what it may use"
    )))
}

#[cfg(test)]
mod tests;
