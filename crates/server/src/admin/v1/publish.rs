//! Changes hold here as soon as they are answered.

use crate::Shared;

/// Publishes what was committed. A change that is in the store is made, whatever becomes of this: its answer says
/// so, and who follows the store publishes it as soon as that answers again.
pub(super) async fn publish(state: &Shared) {
    if let Err(error) = state.parts.live.refresh(state.parts.store.as_ref()).await {
        tracing::warn!(%error, "a change was committed and is not published yet: it will be");
    }
}
