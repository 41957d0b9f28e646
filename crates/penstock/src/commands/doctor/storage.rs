//! What `doctor` says of the storage adapter. It asks, and makes nothing.

use std::path::Path;
use std::time::Duration;

use penstock_storage::blob::settings::BlobSettings;
use penstock_storage::settings::{DatabaseSettings, KvSettings, Settings};

use super::{Finding, State, finding};
use crate::backends;

/// A service that takes longer is down, as far as modules see it.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn examine(settings: &Settings) -> [Finding; 3] {
    let (kv, database, blob) =
        tokio::join!(kv(&settings.kv), database(&settings.database), blob(&settings.blob));
    [kv, database, blob]
}

async fn kv(settings: &KvSettings) -> Finding {
    const CHECK: &str = "storage kv";
    match settings {
        KvSettings::Memory => finding(
            CHECK,
            State::Warning,
            "in memory: counters and locks of modules are gone at each restart",
        ),
        // a running gateway holds it, and there is no service to ask
        KvSettings::File(path) => finding(CHECK, State::Ok, file(path)),
        KvSettings::Redis(_) | KvSettings::Upstash { .. } => match backends::kv(settings).await {
            Ok((opened, _)) => asked(CHECK, opened.backend(), opened.health()).await,
            Err(error) => finding(CHECK, State::Failed, error.to_string()),
        },
    }
}

async fn database(settings: &DatabaseSettings) -> Finding {
    use penstock_storage::db::Database as _;
    const CHECK: &str = "storage db";
    if let DatabaseSettings::Sqlite(path) = settings
        && !path.exists()
    {
        return finding(CHECK, State::Ok, file(path));
    }
    match backends::database(settings).await {
        Ok(opened) => {
            let finding = asked(CHECK, opened.backend(), opened.health()).await;
            opened.close().await;
            finding
        }
        Err(error) => finding(CHECK, State::Failed, error.to_string()),
    }
}

async fn blob(settings: &BlobSettings) -> Finding {
    const CHECK: &str = "storage blob";
    if let BlobSettings::Fs { root } = settings
        && !root.exists()
    {
        return finding(CHECK, State::Ok, file(root));
    }
    match backends::blob(settings).await {
        Ok(opened) => asked(CHECK, opened.backend(), opened.health()).await,
        Err(error) => finding(CHECK, State::Failed, format!("{error:#}")),
    }
}

fn file(path: &Path) -> String {
    if path.exists() {
        path.display().to_string()
    } else {
        format!("{} will be made at the first start", path.display())
    }
}

/// A backend that is down keeps no gateway from starting, nor from answering.
async fn asked<E: std::fmt::Display>(
    check: &'static str,
    backend: &str,
    answer: impl Future<Output = Result<(), E>>,
) -> Finding {
    let trouble = match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(())) => return finding(check, State::Ok, format!("{backend} answers")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    let says = format!("{backend} is down, and modules would go on without it: {trouble}");
    finding(check, State::Warning, says)
}
