//! Places at which the tests kill a process, to see what it leaves behind.

#[cfg(not(test))]
pub(super) fn stage(_: &'static str) {}

#[cfg(test)]
pub(super) use self::counted::{LAST, stage};

#[cfg(test)]
mod counted {
    use std::process::Command;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Which of the places that are passed is the last, in a process that is to be killed.
    pub(in crate::file) const LAST: &str = "PENSTOCK_TEST_KILL_AT_STAGE";

    static PASSED: AtomicUsize = AtomicUsize::new(0);
    static KILL_AT: LazyLock<Option<usize>> =
        LazyLock::new(|| std::env::var(LAST).ok().and_then(|number| number.parse().ok()));

    pub(in crate::file) fn stage(name: &'static str) {
        let Some(last) = *KILL_AT else { return };
        if PASSED.fetch_add(1, Ordering::SeqCst) + 1 == last {
            eprintln!("killed {name}");
            drop(Command::new("kill").arg("-9").arg(std::process::id().to_string()).status());
            std::thread::park();
        }
    }
}
