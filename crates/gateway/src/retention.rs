//! Removes what is older than the settings say it has to be kept, and old logs where the database grows too large.
//!
//! It does so in bounded chunks with pauses between them, on one node at a time. Rollups and the audit trail stay.
//! For want of room logs go, the oldest first, and never usage.

use std::sync::Arc;
use std::time::Duration;

use penstock_control::{
    ControlError, ControlStore, InstanceSettings, Lease, LiveSnapshot, Pruned, Retention,
};
use penstock_core::{Clock, Timestamp};
use penstock_storage::StorageAdapter;
use penstock_storage::blob::{Key, Prefix};

use crate::logs::{FOLDER, day, settings};

/// Rows of one call.
const CHUNK: u64 = 1_000;
/// Between two calls: the database is there for requests.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one node may take before another may begin.
const LEASE: Duration = Duration::from_mins(15);
/// How long usage rows stay that nobody wants: they are what makes a settlement count once.
const SETTLED: Duration = Duration::from_hours(24);
/// How much of the time that logs cover goes at once for want of room.
const SHARE: i64 = 10;

/// What the task works with.
pub struct Keeper {
    /// What it keeps small.
    pub store: Arc<dyn ControlStore>,
    /// Where large bodies are.
    pub storage: StorageAdapter,
    /// Where the settings are.
    pub live: Arc<LiveSnapshot>,
    /// Whose settings hold.
    pub instance: Arc<str>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keeper").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// What is to go, by the settings.
fn due(settings: Option<&InstanceSettings>, now: Timestamp) -> Retention {
    let before = |age: Duration| Timestamp(now.0 - i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    let days =
        |days: u64| before(Duration::from_hours(24).saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)));
    let kept = settings.and_then(|settings| settings.retention_days).map(days);
    let unwanted = settings.is_some_and(|settings| !settings.usage_enabled).then(|| before(SETTLED));
    Retention {
        usage_before: kept.max(unwanted),
        logs_before: kept,
        bodies_before: settings.and_then(|settings| settings.body_retention_days).map(days),
        sessions_before: Some(now),
        limit: CHUNK,
    }
}

impl Keeper {
    /// Looks every `interval`, for ever.
    pub async fn run(self, interval: Duration) {
        loop {
            tokio::time::sleep(interval).await;
            if let Err(error) = self.once().await {
                tracing::warn!(%error, "what is too old could not be removed; it is tried again");
            }
        }
    }

    /// Removes what is due, if no other node does.
    async fn once(&self) -> Result<(), ControlError> {
        let now = self.clock.now();
        let until = Timestamp(now.0 + i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX));
        let lease = Lease { name: "retention".to_owned(), owner: self.instance.to_string(), until };
        if !self.store.lease(&lease, now).await? {
            return Ok(());
        }
        let snapshot = Arc::clone(&self.live.current());
        let settings = settings(&snapshot, &self.instance);
        let retention = due(settings, now);
        self.prune(&retention).await?;
        if let Some(before) = retention.logs_before.max(retention.bodies_before) {
            self.remove_blobs(before).await;
        }
        if let Some(most) = settings.and_then(|settings| settings.max_database_mb) {
            self.make_room(most.saturating_mul(1_000_000)).await?;
        }
        Ok(())
    }

    async fn prune(&self, retention: &Retention) -> Result<(), ControlError> {
        let mut sum = Pruned::default();
        loop {
            let pruned = self.store.prune(retention).await?;
            sum.usages += pruned.usages;
            sum.logs += pruned.logs;
            sum.bodies += pruned.bodies;
            sum.sessions += pruned.sessions;
            if !pruned.more {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let Pruned { usages, logs, bodies, sessions, .. } = sum;
        if usages + logs + bodies > 0 {
            tracing::info!(usages, logs, bodies, sessions, "removed what was older than it has to be kept");
        }
        Ok(())
    }

    /// Removes bodies from before the day of that time.
    async fn remove_blobs(&self, before: Timestamp) {
        let Ok(folder) = Prefix::new(FOLDER) else { return };
        // degraded storage lists nothing; the next look finds them
        let found = self.storage.blob().list(&folder).await.unwrap_or_default();
        for name in found {
            let of = name[FOLDER.len()..].split('/').next().and_then(|day| day.parse::<i64>().ok());
            if of.is_some_and(|of| of < day(before))
                && let Ok(key) = Key::new(name)
                && let Err(error) = self.storage.blob().delete(&key).await
            {
                tracing::debug!(%error, "a body could not be removed; it is tried again");
                return;
            }
        }
    }

    /// Removes the oldest logs, if the database is larger than that. One step for each look: a database may give room
    /// back later than it says, and what was removed for nothing does not come back.
    async fn make_room(&self, most: u64) -> Result<(), ControlError> {
        let size = self.store.size().await?;
        if size <= most {
            return Ok(());
        }
        let Some(oldest) = self.store.oldest_log().await? else {
            tracing::warn!(
                size,
                most,
                "the database is larger than max_database_mb with no log in it: usage is not removed for room, \
                 set retention_days or a larger limit"
            );
            return Ok(());
        };
        let covered = (self.clock.now().0 - oldest.0).max(0);
        let before = Timestamp(oldest.0 + covered / SHARE + 1);
        tracing::info!(size, most, "the database is too large: the oldest logs go");
        self.prune(&Retention { logs_before: Some(before), limit: CHUNK, ..Retention::default() }).await?;
        self.remove_blobs(before).await;
        self.store.compact().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_unless_the_settings_say_so() {
        let now = Timestamp(1_000_000_000_000);
        let due = due(None, now);
        assert_eq!((due.usage_before, due.logs_before, due.bodies_before), (None, None, None));
        assert_eq!(due.sessions_before, Some(now));
    }
}
