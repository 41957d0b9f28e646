use penstock_core::Timestamp;

use super::*;
use crate::settlement::tests::settlement;

fn options(segment_bytes: u64, segments: u64) -> JournalOptions {
    JournalOptions { segment_bytes, max_bytes: segment_bytes * segments, ..JournalOptions::default() }
}

fn files(dir: &Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

/// Ends the housekeeping: from here on it is done when a test says so.
fn keep_no_house(journal: &Journal) {
    journal.shared.stop.store(true, Ordering::Release);
    journal.shared.wake.notify_all();
    if let Some(housekeeper) = journal.housekeeper.lock().unwrap().take() {
        housekeeper.join().unwrap();
    }
}

/// Leaves the journal as a killed process would: files as they are, nothing tidied.
fn kill(journal: Journal) {
    keep_no_house(&journal);
    std::mem::forget(journal);
}

/// A request from its begin until the store has it, and the house kept behind it.
fn pass(journal: &Journal, at: i64) {
    let settlement = settlement(Timestamp(at));
    let mut ticket = journal.begin(&settlement).unwrap();
    journal.end(&mut ticket, &settlement).unwrap();
    journal.acknowledge(&[ticket]);
    journal.shared.tidy().unwrap();
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
    keep_no_house(&journal);
    let first = settlement(Timestamp(1));
    let mut held = journal.begin(&first).unwrap();
    for at in 2..60 {
        let settlement = settlement(Timestamp(at));
        let mut ticket = journal.begin(&settlement).unwrap();
        journal.end(&mut ticket, &settlement).unwrap();
        journal.acknowledge(&[ticket]);
    }
    journal.shared.tidy().unwrap();
    let before = files(dir.path());
    assert!(before > 10, "one open request keeps its segment and all later ones: {before}");
    journal.end(&mut held, &first).unwrap();
    journal.acknowledge(&[held]);
    journal.shared.tidy().unwrap();
    assert_eq!(files(dir.path()), 3, "the current segment and the next two");
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[test]
fn what_a_file_was_written_with_before_is_not_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(4096, 1_000)).unwrap();
    keep_no_house(&journal);
    (0..60).for_each(|at| pass(&journal, at));
    let full = |path: &Path| std::fs::read(path).unwrap().iter().filter(|byte| **byte != 0).count() > 2_000;
    let spares: Vec<_> = journal.shared.rest().spares.iter().map(|spare| spare.path.clone()).collect();
    assert!(!spares.is_empty() && spares.iter().all(|path| full(path)), "they were written before");
    let begun = settlement(Timestamp(1_000));
    let _open = journal.begin(&begun).unwrap();
    kill(journal);
    let (journal, recovered) = Journal::open(dir.path(), options(4096, 1_000)).unwrap();
    assert_eq!((recovered.settlements.as_slice(), recovered.damaged), (&[begun][..], 0));
    journal.forget(&recovered).unwrap();
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[test]
fn files_are_kept_for_later_only_within_the_cap() {
    for (segments, left) in [(2, 2), (1_000, 3)] {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(dir.path(), options(4096, segments)).unwrap();
        keep_no_house(&journal);
        let requests = [0, 1, 2, 3, 4].map(|at| settlement(Timestamp(at)));
        let mut tickets = requests.each_ref().map(|settlement| journal.begin(settlement).unwrap());
        for (ticket, settlement) in tickets.iter_mut().zip(&requests) {
            journal.end(ticket, settlement).unwrap();
        }
        journal.shared.tidy().unwrap();
        assert_eq!(files(dir.path()), 3, "a full one, the current one and the next");
        journal.acknowledge(&tickets);
        journal.shared.tidy().unwrap();
        assert_eq!(files(dir.path()), left, "of at most {segments}");
    }
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
    journal.acknowledge(&[ticket]);
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

#[test]
fn what_a_failing_disk_refuses_is_not_owed_and_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = JournalOptions { durability: Durability::Strict, ..options(1 << 16, 4) };
    let (journal, _) = Journal::open(dir.path(), options).unwrap();
    let [refused, begun, ended] = [1, 2, 3].map(|at| settlement(Timestamp(at)));
    let mut ticket = journal.begin(&ended).unwrap();
    let current = journal.shared.current.load_full();
    current.fails_to_sync.store(true, Ordering::Release);
    assert!(matches!(journal.begin(&refused), Err(JournalError::Io(_))));
    // of this the caller knows what it owes
    assert!(matches!(journal.end(&mut ticket, &ended), Err(JournalError::Io(_))));
    current.fails_to_sync.store(false, Ordering::Release);
    journal.acknowledge(&[ticket]);
    assert_eq!(current.held(), 0);
    let _open = journal.begin(&begun).unwrap();
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options).unwrap();
    assert_eq!(recovered.settlements, [begun]);
}

#[test]
fn what_the_store_has_is_not_owed_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    let end = |at| {
        let settlement = settlement(Timestamp(at));
        let mut ticket = journal.begin(&settlement).unwrap();
        journal.end(&mut ticket, &settlement).unwrap();
        (settlement, ticket)
    };
    let (_, tickets): (Vec<_>, Vec<_>) = (0..5).map(end).unzip();
    let (waits, _waiting) = end(5);
    // without an end record it is the begin record that says what it owes
    let mut endless = journal.begin(&settlement(Timestamp(6))).unwrap();
    let large = Settlement { raw_usage: Some("x".repeat(1 << 16).into()), ..settlement(Timestamp(6)) };
    assert!(matches!(journal.end(&mut endless, &large), Err(JournalError::TooLarge(_))));
    journal.acknowledge(&tickets);
    journal.acknowledge(&[endless]);
    assert_eq!((journal.open_requests(), journal.pending()), (0, 1));
    kill(journal);
    let (journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert_eq!((recovered.settlements.as_slice(), recovered.damaged), (&[waits][..], 0));
    journal.forget(&recovered).unwrap();
    journal.close().unwrap();
    assert_eq!(files(dir.path()), 0);
}

#[test]
fn a_journal_from_before_it_said_what_the_store_has_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    let settlement = settlement(Timestamp(1));
    let mut ticket = journal.begin(&settlement).unwrap();
    journal.end(&mut ticket, &settlement).unwrap();
    // its acknowledgement, as it was
    ticket.end.as_ref().unwrap().release();
    ticket.begin.release();
    kill(journal);
    let (_journal, recovered) = Journal::open(dir.path(), options(1 << 16, 4)).unwrap();
    assert_eq!((recovered.settlements.as_slice(), recovered.damaged), (&[settlement][..], 0));
}

#[test]
fn what_was_recovered_counts_until_it_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let limits = options(4096, 6);
    let (journal, _) = Journal::open(dir.path(), limits).unwrap();
    let mut begun = 0;
    while let Ok(_ticket) = journal.begin(&settlement(Timestamp(begun))) {
        begun += 1;
    }
    kill(journal);
    let (journal, recovered) = Journal::open(dir.path(), limits).unwrap();
    assert!(journal.is_full());
    assert_eq!(journal.pending(), recovered.settlements.len() as u64);
    assert_eq!(recovered.settlements.len(), usize::try_from(begun).unwrap());
    let more = (0..1_000).map_while(|at| journal.begin(&settlement(Timestamp(begun + at))).ok()).count();
    assert!(more < 10, "one segment, and not as many as before: {more} beside {begun}");
    journal.forget(&recovered).unwrap();
    assert_eq!(journal.pending(), 0);
    assert!(!journal.is_full());
    let _ticket = journal.begin(&settlement(Timestamp(begun))).unwrap();
}
