use std::sync::Arc;
use std::time::Duration;

use penstock_control::CredentialStatus;
use penstock_core::{CredentialId, HealthState, Timestamp};

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const SETTINGS: BreakerSettings = BreakerSettings {
    consecutive_failures: 3,
    error_rate: 0.5,
    min_requests: 10,
    window: Duration::from_mins(1),
    cool_down: Duration::from_secs(5),
    max_cool_down: Duration::from_secs(15),
};

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn credential_of(board: &Board, changed: Timestamp) -> Arc<CredentialHealth> {
    let identity = Identity::Record(CredentialId(7));
    board.credential(identity, (&"openai".into(), &"main".into()), (changed, 1))
}

fn fail(health: &CredentialHealth, now: Timestamp) {
    health.enter("m", &SETTINGS, now).unwrap().failed("server_error", now);
}

fn succeed(health: &CredentialHealth, now: Timestamp) {
    health.enter("m", &SETTINGS, now).unwrap().succeeded(now);
}

/// Tells all that there is to tell.
fn told(board: &Board) -> Vec<CredentialStatus> {
    let reports = board.reports();
    board.reported(&reports);
    reports
}

/// What a report says, without who and when.
fn said(statuses: &[CredentialStatus]) -> Vec<(&str, HealthState, Option<Timestamp>)> {
    statuses.iter().map(|status| (status.model.as_str(), status.state, status.until)).collect()
}

#[test]
fn failures_in_a_row_open_a_breaker_and_a_success_between_them_does_not() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    for _ in 0..5 {
        fail(&health, NOW);
        fail(&health, NOW);
        (0..4).for_each(|_| succeed(&health, NOW));
    }
    assert_eq!(health.condition("m", NOW), Condition::Ready);
    (0..3).for_each(|_| fail(&health, NOW));
    assert_eq!(health.condition("m", NOW), Condition::Shut(Some(after(5))));
    assert_eq!(health.condition("other", NOW), Condition::Ready);
    assert!(health.enter("m", &SETTINGS, after(4)).is_none());
    assert_eq!(said(&told(&board)), [("m", HealthState::Cooling, Some(after(5)))]);
    assert!(told(&board).is_empty());
}

#[test]
fn a_share_of_failures_opens_a_breaker_within_its_window_only() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    let fail_every_second = |from: u64, pause: u64| {
        for number in 0..10 {
            fail(&health, after(from + 2 * number * pause));
            if health.condition("m", after(from + 2 * number * pause)) != Condition::Ready {
                return number;
            }
            succeed(&health, after(from + (2 * number + 1) * pause));
        }
        10
    };
    assert_eq!(fail_every_second(0, 10), 10, "never ten in a window");
    assert_eq!(fail_every_second(1_000, 0), 5, "the eleventh is the sixth failure: more than half");
}

#[test]
fn one_probe_finds_out_and_the_cool_down_doubles_up_to_its_cap() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    (0..3).for_each(|_| fail(&health, NOW));
    let mut now = after(5);
    for cool_down in [10, 15, 15] {
        assert_eq!(health.condition("m", now), Condition::Ready);
        let probe = health.enter("m", &SETTINGS, now).unwrap();
        assert_eq!(health.condition("m", now), Condition::Shut(None));
        assert!(health.enter("m", &SETTINGS, now).is_none(), "there is one probe");
        probe.failed("timeout", now);
        let until = now.plus(Duration::from_secs(cool_down));
        assert_eq!(health.condition("m", now), Condition::Shut(Some(until)));
        now = until;
    }
    drop(health.enter("m", &SETTINGS, now).unwrap());
    let probe = health.enter("m", &SETTINGS, now).expect("a client that went away found nothing out");
    assert_eq!(told(&board).len(), 1);
    probe.succeeded(now);
    assert_eq!(health.condition("m", now), Condition::Ready);
    assert_eq!(said(&told(&board)), [("m", HealthState::Healthy, None)]);
    (0..3).for_each(|_| fail(&health, now));
    assert_eq!(health.condition("m", now), Condition::Shut(Some(now.plus(SETTINGS.cool_down))));
}

#[test]
fn what_was_begun_before_a_breaker_opened_says_nothing() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    let early: Vec<_> = (0..6).map(|_| health.enter("m", &SETTINGS, NOW).unwrap()).collect();
    let mut early = early.into_iter();
    (0..3).for_each(|_| early.next().unwrap().failed("broken", NOW));
    early.next().unwrap().failed("broken", after(1));
    early.next().unwrap().succeeded(after(1));
    assert_eq!(health.condition("m", after(1)), Condition::Shut(Some(after(5))));
    let probe = health.enter("m", &SETTINGS, after(6)).unwrap();
    early.next().unwrap().succeeded(after(6));
    assert_eq!(health.condition("m", after(6)), Condition::Shut(None));
    probe.succeeded(after(6));
    assert_eq!(health.condition("m", after(6)), Condition::Ready);
}

#[test]
fn a_dead_credential_is_left_alone_for_all_models_and_a_limited_one_for_its_own() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    let refuse = |state, until| {
        health.enter("m", &SETTINGS, NOW).unwrap().refused(state, until, "refused", NOW);
    };
    refuse(HealthState::RateLimited, after(30));
    refuse(HealthState::RateLimited, after(20));
    assert_eq!(health.condition("m", NOW), Condition::Aside(after(30)), "the later end holds");
    assert_eq!(health.condition("other", NOW), Condition::Ready);
    refuse(HealthState::AuthDead, after(60));
    assert_eq!(health.condition("m", NOW), Condition::Aside(after(60)));
    assert_eq!(health.condition("other", NOW), Condition::Aside(after(60)));
    let reported =
        [("", HealthState::AuthDead, Some(after(60))), ("m", HealthState::RateLimited, Some(after(30)))];
    assert_eq!(said(&told(&board)), reported);
    assert_eq!(health.condition("m", after(60)), Condition::Ready);
    succeed(&health, after(60));
    let healthy = [("", HealthState::Healthy, None), ("m", HealthState::Healthy, None)];
    assert_eq!(said(&told(&board)), healthy);
}

#[test]
fn a_success_that_was_on_its_way_does_not_lift_a_limit_and_one_that_was_tried_all_the_same_does() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    let early = health.enter("m", &SETTINGS, NOW).unwrap();
    health.enter("m", &SETTINGS, NOW).unwrap().refused(HealthState::RateLimited, after(30), "x", NOW);
    early.succeeded(after(1));
    assert_eq!(health.condition("m", after(1)), Condition::Aside(after(30)));
    succeed(&health, after(2));
    assert_eq!(health.condition("m", after(2)), Condition::Ready);
}

#[test]
fn nodes_learn_from_each_other_and_older_reports_change_nothing() {
    let (one, other) = (Board::new("one"), Board::new("other"));
    let (failing, heard) = (credential_of(&one, NOW), credential_of(&other, NOW));
    (0..3).for_each(|_| fail(&failing, after(1)));
    let opened = told(&one);
    assert_eq!(opened[0].reported_by, "one");
    other.learn(&opened, after(1));
    assert_eq!(heard.condition("m", after(1)), Condition::Shut(Some(after(6))));
    // its probe fails: twice the cool-down that was reported
    fail(&heard, after(6));
    assert_eq!(heard.condition("m", after(6)), Condition::Shut(Some(after(16))));
    other.learn(&opened, after(7));
    assert_eq!(heard.condition("m", after(7)), Condition::Shut(Some(after(16))));
    succeed(&heard, after(16));
    let closed = told(&other);
    other.learn(&opened, after(17));
    assert_eq!(heard.condition("m", after(17)), Condition::Ready);
    one.learn(&closed, after(17));
    assert_eq!(failing.condition("m", after(17)), Condition::Ready);
    assert!(told(&one).is_empty(), "what was heard is not reported again");
}

#[test]
fn what_was_held_against_a_credential_is_forgotten_when_it_is_changed() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    (0..3).for_each(|_| fail(&health, after(1)));
    let old = told(&board);
    assert!(Arc::ptr_eq(&health, &credential_of(&board, NOW)), "the same goes on");
    let changed = credential_of(&board, after(2));
    assert_eq!(changed.condition("m", after(2)), Condition::Ready);
    board.learn(&old, after(2));
    assert_eq!(changed.condition("m", after(2)), Condition::Ready, "a report from before the change");
    let identity = Identity::Record(CredentialId(7));
    let other_secret = board.credential(identity, (&"openai".into(), &"main".into()), (after(2), 2));
    assert!(!Arc::ptr_eq(&changed, &other_secret));
}

#[test]
fn reports_that_could_not_be_told_wait_unless_there_are_newer_ones() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    let refuse = |until, now| {
        health.enter("m", &SETTINGS, now).unwrap().refused(HealthState::RateLimited, until, "x", now);
    };
    refuse(after(10), NOW);
    let untold = board.reports();
    assert_eq!(board.reports(), untold, "nobody was told");
    refuse(after(60), after(1));
    board.reported(&untold);
    assert_eq!(said(&board.reports()), [("m", HealthState::RateLimited, Some(after(60)))]);
}

#[test]
fn names_of_models_do_not_pile_up() {
    let board = Board::new("a");
    let health = credential_of(&board, NOW);
    for number in 0..1_000 {
        let model = format!("model-{number}");
        health.enter(&model, &SETTINGS, NOW).unwrap().failed("server_error", NOW);
        health.enter(&model, &SETTINGS, NOW).unwrap().succeeded(NOW);
    }
    (0..1_000).for_each(|_| succeed(&health, NOW));
    (0..3).for_each(|_| fail(&health, after(120)));
    assert_eq!(health.condition("m", after(120)), Condition::Shut(Some(after(125))), "there is room again");
}
