//! What PostgreSQL tells of other nodes' changes. A pooler between may swallow it, so nothing relies on it.

use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use futures_util::{Stream, StreamExt as _};
use penstock_core::Secret;
use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{DbBackend, Statement};

use crate::backend::Guard;
use crate::store::VERSION;

/// What nodes of one database listen to.
const CHANNEL: &str = "penstock";
/// Before the next attempt to listen.
const PAUSE: Duration = Duration::from_secs(5);

/// The statement that tells the others, if it is of interest to them and they can hear it.
pub(super) fn notice(backend: DbBackend, guard: Guard) -> Option<Statement> {
    let tells = backend == DbBackend::Postgres && guard.name == VERSION;
    tells.then(|| Statement::from_string(backend, format!("NOTIFY {CHANNEL}")))
}

/// An item whenever a node tells of a change, and when listening begins anew, since something may have been
/// missed.
pub(super) fn listen(url: Secret<String>) -> BoxStream<'static, ()> {
    let connections = stream::unfold(url, async |url| {
        let listener = loop {
            match connect(url.expose()).await {
                Ok(listener) => break listener,
                Err(error) => {
                    tracing::debug!(%error, "changes of other nodes are not heard of, and looked for instead");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        Some((stream::once(async {}).chain(heard(listener)), url))
    });
    connections.flatten().boxed()
}

fn heard(listener: PgListener) -> impl Stream<Item = ()> + Send {
    // it ends with its connection
    stream::unfold(listener, async |mut listener| match listener.try_recv().await {
        Ok(Some(_)) => Some(((), listener)),
        Ok(None) | Err(_) => None,
    })
}

async fn connect(url: &str) -> Result<PgListener, sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
