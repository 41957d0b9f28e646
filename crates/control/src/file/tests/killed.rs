//! A process that is killed at every place between two steps: what it was told is done is there, and all else is
//! there whole or not at all.

use std::io::Write as _;
use std::process::Command;

use super::*;
use crate::file::stage::LAST;

/// Names the folder to the half of the test that is killed.
const FOLDER: &str = "PENSTOCK_TEST_KILLED_IN";
const WRITES: usize = 12;
/// The line of the ledger that says that it was not killed.
const DONE: &str = "done";

#[tokio::test]
#[ignore = "the test below runs it, and kills it"]
async fn until_it_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let mut ledger = std::fs::File::create(folder.join("ledger")).unwrap();
    let backend = FileBackend::paced(folder.join("control"), HASTY);
    for number in 0..WRITES {
        write(&backend, number).await.unwrap();
        writeln!(ledger, "{number}").unwrap();
        if number % 4 == 2 {
            let gone = vec![crate::backend::Filter::equals("name", format!("{:06}", number - 1).as_str())];
            let both = [Lease::table(), Vocab::table()].map(|table| Write::Delete(table, gone.clone()));
            writeln!(ledger, "going {}", number - 1).unwrap();
            backend.write(None, both.to_vec()).await.unwrap();
            writeln!(ledger, "gone {}", number - 1).unwrap();
        }
        if number == WRITES / 2 {
            backend.scrub(&[]).await.unwrap();
        }
    }
    backend.close().await.unwrap();
    writeln!(ledger, "{DONE}").unwrap();
}

/// Checks what a killed process left against what it was told.
async fn check(folder: &Path, stage: &str) {
    let ledger = std::fs::read_to_string(folder.join("ledger")).unwrap();
    let numbers = |verb: &str| -> Vec<usize> {
        ledger.lines().filter_map(|line| line.strip_prefix(verb)?.parse().ok()).collect()
    };
    let (done, going, gone) = (numbers(""), numbers("going "), numbers("gone "));
    let backend = FileBackend::paced(folder.join("control"), LAZY);
    let there = pairs(&backend).await;
    for number in 0..WRITES {
        let is_there = there.contains(&number);
        match (done.contains(&number), going.contains(&number), gone.contains(&number)) {
            (true, false, _) => assert!(is_there, "{number} was lost {stage}"),
            (_, _, true) => assert!(!is_there, "{number} is back {stage}"),
            (_, true, false) => {}
            // the one that was under way
            (false, ..) => assert!(!is_there || number == done.len(), "{number} came from nowhere {stage}"),
        }
    }
    // and it goes on
    write(&backend, 1_000).await.unwrap();
    backend.close().await.unwrap();
    let again = FileBackend::new(folder.join("control"));
    assert_eq!(pairs(&again).await, [there, vec![1_000]].concat(), "{stage}");
    drop(again);
    let left = std::fs::read_dir(folder.join("control")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".unfinished")), "{stage}: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_may_be_killed_between_any_two_steps() {
    let mut stages = Vec::new();
    for last in 1.. {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "file::tests::killed::until_it_is_killed", "--nocapture"])
            .env(FOLDER, dir.path())
            .env(LAST, last.to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let stage = said.lines().find(|line| line.starts_with("killed "));
        check(dir.path(), &format!("{} (stage {last})", stage.unwrap_or_default())).await;
        let Some(stage) = stage else {
            assert!(output.status.success(), "{said}");
            break;
        };
        assert!(!output.status.success());
        stages.push(stage.to_owned());
    }
    for stage in [
        "before a record",
        "in the middle of a record",
        "before a record is on the disk",
        "when a record is on the disk",
        "when the next log is begun",
        "when a table is beside its place",
        "when a table is in its place",
        "when all tables are in their places",
        "when a log is removed",
    ] {
        let killed = stages.iter().filter(|killed| **killed == format!("killed {stage}")).count();
        assert!(killed >= 2, "killed {killed} times {stage}: {stages:?}");
    }
}
