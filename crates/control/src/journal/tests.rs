use penstock_core::Timestamp;

use super::*;
use crate::settlement::tests::settlement;

fn options(segment_bytes: u64, segments: u64) -> JournalOptions {
    JournalOptions { segment_bytes, max_bytes: segment_bytes * segments, ..JournalOptions::default() }
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

/// Leaves the journal as a killed process would: files as they are, nothing tidied.
fn kill(journal: Journal) {
    journal.shared.stop.store(true, Ordering::Release);
    journal.shared.wake.notify_all();
    let housekeeper = journal.housekeeper.lock().unwrap().take();
    housekeeper.unwrap().join().unwrap();
    std::mem::forget(journal);
}

#[test]
fn what_was_not_acknowledged_is_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert!(recovered.settlements.is_empty());
    let [begun, ended, void, _] = [0, 1, 2, 3].map(|at| settlement(Timestamp(at)));
    let _open = journal.begin(&begun).unwrap();
    let mut ticket = journal.begin(&ended).unwrap();
    let complete = Settlement { ended: penstock_core::Ended::Complete, ..ended };
    journal.end(&mut ticket, &complete).unwrap();
    journal.void(&journal.begin(&void).unwrap()).unwrap();
    assert_eq!((journal.open_requests(), journal.pending()), (1, 1));
    kill(journal);

    let (journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert_eq!(recovered.settlements, [begun, complete]);
    assert_eq!((recovered.interrupted, recovered.damaged), (1, 0));
    journal.forget(&recovered).unwrap();
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[test]
fn an_acknowledged_segment_goes_away_and_a_held_one_keeps_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(4096, 1_000)).unwrap();
    let first = settlement(Timestamp(1));
    let mut held = journal.begin(&first).unwrap();
    for at in 2..60 {
        let settlement = settlement(Timestamp(at));
        let mut ticket = journal.begin(&settlement).unwrap();
        journal.end(&mut ticket, &settlement).unwrap();
        journal.acknowledge(&ticket);
    }
    journal.shared.tidy().unwrap();
    let before = files(dir.path());
    assert!(before > 10, "one open request keeps its segment and all later ones: {before}");
    journal.end(&mut held, &first).unwrap();
    journal.acknowledge(&held);
    journal.shared.tidy().unwrap();
    assert_eq!(files(dir.path()), 2, "the current segment and the next");
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[test]
fn a_full_journal_refuses_new_requests_and_still_ends_begun_ones() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(4096, 4)).unwrap();
    let mut tickets = Vec::new();
    let full = (0..1_000).map(|at| settlement(Timestamp(at))).find_map(|settlement| {
        match journal.begin(&settlement) {
            Ok(ticket) => {
                tickets.push((ticket, settlement));
                None
            }
            Err(error) => Some(error),
        }
    });
    assert!(matches!(full, Some(JournalError::Full)));
    let begun = tickets.len();
    for (ticket, settlement) in &mut tickets {
        journal.end(ticket, settlement).unwrap();
    }
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options(4096, 4)).unwrap();
    assert_eq!((recovered.settlements.len(), recovered.interrupted), (begun, 0));
}

#[test]
fn a_full_journal_that_keeps_usage_refuses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { when_full: WhenFull::DropLogsKeepUsage, ..options(4096, 4) };
    let (journal, _) = Journal::open(dir.path(), options).unwrap();
    assert!(!journal.is_full());
    let begun: Vec<_> = (0..1_000).map(|at| journal.begin(&settlement(Timestamp(at))).unwrap()).collect();
    assert!(journal.is_full());
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options).unwrap();
    assert_eq!((recovered.settlements.len(), recovered.interrupted), (begun.len(), 1_000));
}

#[test]
fn many_writers_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(1 << 14, 10_000)).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let journal = &journal;
            scope.spawn(move || {
                for at in 0..200 {
                    let settlement = settlement(Timestamp(writer * 1_000 + at));
                    let mut ticket = journal.begin(&settlement).unwrap();
                    if at % 2 == 0 {
                        journal.end(&mut ticket, &settlement).unwrap();
                    }
                }
            });
        }
    });
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options(1 << 14, 10_000)).unwrap();
    assert_eq!((recovered.settlements.len(), recovered.interrupted, recovered.damaged), (1_600, 800, 0));
}

#[test]
fn a_record_larger_than_a_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(4096, 4)).unwrap();
    let large = Settlement { raw_usage: Some("x".repeat(5_000).into()), ..settlement(Timestamp(1)) };
    assert!(matches!(journal.begin(&large), Err(JournalError::TooLarge(_))));
    let mut ticket = journal.begin(&settlement(Timestamp(1))).unwrap();
    assert!(matches!(journal.end(&mut ticket, &large), Err(JournalError::TooLarge(_))));
    journal.acknowledge(&ticket);
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0, "a failed end holds nothing once the store has the row");
}

#[test]
fn a_request_that_went_elsewhere_is_found_where_it_went() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    let first = settlement(Timestamp(1));
    let second = Settlement { provider: "elsewhere".into(), ..first.clone() };
    let mut ticket = journal.begin(&first).unwrap();
    journal.begin_again(&mut ticket, &second).unwrap();
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert_eq!(recovered.settlements, [second]);
}

#[test]
fn damaged_segments_are_put_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    let (first, second) = (settlement(Timestamp(1)), settlement(Timestamp(2)));
    let (_a, _b) = (journal.begin(&first).unwrap(), journal.begin(&second).unwrap());
    let path = segment::path(dir.path(), journal.shared.current.load().id);
    kill(journal);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let (journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert_eq!((recovered.settlements.as_slice(), recovered.damaged), (&[second][..], 1));
    journal.forget(&recovered).unwrap();
    assert!(!path.exists());
    let damaged = |name: &Path| name.extension().is_some_and(|extension| extension == "damaged");
    let aside =
        std::fs::read_dir(dir.path()).unwrap().filter(|entry| damaged(&entry.as_ref().unwrap().path()));
    assert_eq!(aside.count(), 1);
}
