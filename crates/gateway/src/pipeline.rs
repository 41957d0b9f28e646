//! Where modules will run: before the call, per chunk, and after it.
//!
//! No module can be configured yet, so there is nothing to run and nothing here decides anything. The
//! step keeps its place in the order because what follows depends on it: `resolve`, `reserve` and
//! `plan` look at the request as it is after `pre`, and `plan` may choose passthrough only because no
//! module reads or edits content.

use crate::GatewayError;
use crate::exchange::Exchange;

/// Runs every `pre` hook. There are none.
pub fn pre(_exchange: &mut Exchange) -> Result<(), GatewayError> {
    Ok(())
}

/// Whether a module wants to see or change the content of this request. None does.
pub fn touches_content(_exchange: &Exchange) -> bool {
    false
}
