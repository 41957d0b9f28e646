//! Tells the other nodes how credentials fare, and hears it from them, through the control store.

use std::sync::Arc;
use std::time::Duration;

use penstock_control::{ControlError, ControlStore};
use penstock_core::{Clock, SystemClock};
use penstock_gateway::health::Board;

/// Changes that come in quick succession are reported together.
const GATHER: Duration = Duration::from_millis(200);
/// How often it is asked what others reported.
const ASK: Duration = Duration::from_millis(700);

/// Reads what was reported before this process was started; a store that is away is asked again later.
pub(super) async fn start_from(board: &Board, store: &dyn ControlStore) {
    if board.is_shared()
        && let Err(error) = hear(board, store).await
    {
        tracing::warn!(%error, "starting without knowing how credentials fared before");
    }
}

/// Reports and hears, for ever. While the store is away states stay in this process, and the log says so once.
pub(super) async fn share(board: Arc<Board>, store: Arc<dyn ControlStore>) {
    let mut away = false;
    loop {
        tokio::select! {
            () = board.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(ASK) => {}
        }
        let mut outcome = report(&board, store.as_ref()).await;
        if outcome.is_ok() && board.is_shared() {
            outcome = hear(&board, store.as_ref()).await;
        }
        match &outcome {
            Ok(()) if away => tracing::info!("the health of credentials is shared again"),
            Err(error) if !away => {
                tracing::warn!(%error, "the health of credentials stays in this process");
            }
            _ => {}
        }
        away = outcome.is_err();
        if away {
            tokio::time::sleep(ASK).await;
        }
    }
}

/// Tells what has changed.
pub(super) async fn report(board: &Board, store: &dyn ControlStore) -> Result<(), ControlError> {
    let statuses = board.reports();
    if !statuses.is_empty() {
        store.report_health(&statuses).await?;
        board.reported(&statuses);
    }
    Ok(())
}

async fn hear(board: &Board, store: &dyn ControlStore) -> Result<(), ControlError> {
    board.learn(&store.health_reports().await?, SystemClock.now());
    Ok(())
}
