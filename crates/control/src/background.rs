//! Threads that give way to those that answer requests.
//!
//! What is written behind the requests has time. A thread with less weight is not kept from working: under full load it
//! gets a share, and settlements go on being applied.

#[cfg(target_os = "linux")]
pub(crate) use linux::{give_way, let_give_way};

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Pid, getpriority_process, setpriority_process};

    /// By how much it is nicer: a third of the weight.
    const NICER: i32 = 5;

    /// This thread does.
    pub(crate) fn give_way() {
        lower(None);
    }

    /// The threads of that name do, which somebody else has started.
    pub(crate) fn let_give_way(name: &str) {
        let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return };
        for path in threads.flatten().map(|thread| thread.path()) {
            let found = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
            let number = path.file_name().and_then(|number| number.to_str()?.parse().ok());
            if let Some(thread) = number.and_then(Pid::from_raw).filter(|_| found.trim_end() == name) {
                lower(Some(thread));
            }
        }
    }

    /// `None` is the thread that calls. Linux keeps the priority of each thread, whatever POSIX says of processes.
    fn lower(thread: Option<Pid>) {
        let lowered = getpriority_process(None).and_then(|own| setpriority_process(thread, own + NICER));
        if let Err(error) = lowered {
            // it works without, only less smoothly
            tracing::debug!(%error, "a thread in the background keeps its priority");
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::mpsc::channel;

        use super::*;

        fn niceness() -> i32 {
            getpriority_process(None).unwrap()
        }

        #[test]
        fn a_thread_gives_way_and_the_others_do_not() {
            let before = niceness();
            let thread = std::thread::spawn(|| {
                give_way();
                niceness()
            });
            assert_eq!((thread.join().unwrap(), niceness()), (before + NICER, before));
        }

        #[test]
        fn threads_are_found_by_their_name() {
            let threads = ["in-the-back", "in-front"].map(|name| {
                let ((began, begun), (go, may_go)) = (channel(), channel());
                let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
                    began.send(()).unwrap();
                    may_go.recv().unwrap();
                    niceness()
                });
                begun.recv().unwrap();
                (thread.unwrap(), go)
            });
            let before = niceness();
            let_give_way("in-the-back");
            // once more: they are as nice as that already
            let_give_way("in-the-back");
            let found = threads.map(|(thread, go)| {
                go.send(()).unwrap();
                thread.join().unwrap()
            });
            assert_eq!(found, [before + NICER, before]);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn give_way() {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn let_give_way(_name: &str) {}
