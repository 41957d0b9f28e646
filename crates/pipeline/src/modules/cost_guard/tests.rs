//! Caps that hold, over real stores, through the executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use penstock_core::{Ended, Usd};
use penstock_storage::kv::{Keep, Key, KvStore as _, Remaining, Ttl};
use serde_json::{Value, json};

use crate::modules::rig::{Ask, Rig, answered, ended, of_module};
use crate::{Finished, Response};

const DAY: &str = "cost:spend:7:2026-01-31";
const MONTH: &str = "cost:spend:7:2026-01";

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// The status and words of a refusal.
fn refused(response: &Response) -> (u16, String) {
    let error = response.error.as_ref().expect("a refusal");
    (error.status, error.message.clone())
}

/// A request of so many output tokens, and no input: a cent each.
fn of_tokens(tokens: u64) -> Ask {
    Ask { input: 0, ..Ask::default().with("maxTokens", json!(tokens)) }
}

/// How many of `asks`, all under way together, are let through. None of them ends before all are decided.
async fn granted(rig: &Arc<Rig>, asks: impl IntoIterator<Item = Ask>) -> Vec<(u64, crate::Run)> {
    let pre = |ask: Ask| {
        let rig = Arc::clone(rig);
        tokio::spawn(async move {
            let mut run = rig.run(&ask);
            let answer = run.pre().await;
            if let Some(answer) = answer {
                let response = of_module(answer);
                assert_eq!(refused(&response).0, 429, "{}", refused(&response).1);
                return None;
            }
            Some((ask.body["maxTokens"].as_u64().unwrap(), run))
        })
    };
    join_all(asks.into_iter().map(pre)).await.into_iter().filter_map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_requests_get_what_the_cap_allows_and_no_more() {
    let rig = Arc::new(Rig::new("- cost-guard: { perDay: 100, perMonth: 1000 }").await);
    let through = granted(&rig, (0..1_000).map(|_| of_tokens(100))).await;
    assert_eq!(through.len(), 100);
    assert_eq!(rig.value(DAY).await.as_deref(), Some("100"));
    assert_eq!(rig.value(MONTH).await.as_deref(), Some("100"));
    for (_, run) in through {
        run.post(Finished { response: answered("done", Some("0.25")), duration: Duration::ZERO }).await;
    }
    rig.until(DAY, Some("25")).await;
    rig.until(MONTH, Some("25")).await;
    assert_eq!(granted(&rig, (0..1_000).map(|_| of_tokens(100))).await.len(), 75);
}

#[tokio::test]
async fn what_comes_together_is_written_together() {
    let rig = Arc::new(Rig::new("- cost-guard: { perDay: 100 }").await);
    assert_eq!(granted(&rig, (0..100).map(|_| of_tokens(100))).await.len(), 100);
    assert_eq!(rig.kv.writes.load(Ordering::SeqCst), 1, "a hundred reservations in one round trip");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cap_holds_for_sizes_of_all_kinds_and_two_gateways() {
    let folder = tempfile::tempdir().unwrap();
    let one =
        Arc::new(Rig::over("- cost-guard: { perDay: 20 }", Some(&folder.path().join("kv"))).await.unwrap());
    // two instances, as two gateways are: each with what it knows of the counters
    let two = one.beside("- cost-guard: { perDay: 20 }").await;
    // each of them takes what it has seen for what there is, until it hears better
    let mut through = granted(&one, [of_tokens(1)]).await;
    through.extend(granted(&two, [of_tokens(1)]).await);
    let sizes = || (0..500).map(|number| of_tokens(1 + number * 37 % 400));
    let (first, second) = tokio::join!(granted(&one, sizes()), granted(&two, sizes()));
    through.extend(first.into_iter().chain(second));
    let sum: u64 = through.iter().map(|(tokens, _)| tokens).sum();
    assert!((1_600..=2_000).contains(&sum), "{sum} cents of 2,000");
    let spent: Usd = one.value(DAY).await.unwrap().parse().unwrap();
    assert_eq!(spent, usd("10000").for_tokens(sum));
    for (_, run) in through {
        run.post(Finished { response: Response::failed(502, "away"), duration: Duration::ZERO }).await;
    }
    one.until(DAY, Some("0")).await;
}

#[tokio::test]
async fn what_it_did_cost_counts_whatever_the_end() {
    let rig = Rig::new("cost-guard").await;
    let interrupted = ended(answered("half", Some("0.05")), Ended::Interrupted);
    let gone = ended(answered("half", Some("0.01")), Ended::ClientGone);
    let endings = [
        (answered("whole", Some("0.3")), "0.3"),
        (interrupted, "0.35"),
        (gone, "0.36"),
        // nobody answered, or a module did
        (Response::failed(502, "away"), "0.36"),
        // what is dearer than it could have been counts too
        (answered("whole", Some("200")), "200.36"),
        // its price is not known: that of the model that was asked for, 13 tokens
        (answered("whole", None), "200.49"),
    ];
    for (ending, spent) in endings {
        rig.ask(&Ask::default(), async || ending).await;
        assert_eq!(rig.value(DAY).await.as_deref(), Some(spent));
        assert_eq!(rig.value(MONTH).await.as_deref(), Some(spent));
    }
    assert_eq!(rig.told().get("cost.actual"), Some(&json!(0.13)));
    assert_eq!(rig.kv.inner.ttl(&Key::new(DAY).unwrap()).await.unwrap(), Remaining::Seconds(48 * 60 * 60));
    assert_eq!(
        rig.kv.inner.ttl(&Key::new(MONTH).unwrap()).await.unwrap(),
        Remaining::Seconds(35 * 24 * 60 * 60)
    );
}

#[tokio::test]
async fn one_request_is_held_to_half_of_its_output() {
    let rig = Rig::new("- cost-guard: { perRequest: 0.6 }").await;
    let never = async || panic!("it is refused");
    rig.ask(&Ask::default(), async || answered("whole", Some("0.1"))).await;
    assert_eq!(rig.told().get("cost.estimated"), Some(&json!(0.6)));
    let (status, message) = refused(&rig.ask(&Ask::default().with("maxTokens", json!(102)), never).await);
    assert_eq!(status, 429);
    assert!(
        message.starts_with("cost_limit_per_request: this request may cost 0.61 USD: one request may"),
        "{message}"
    );
    assert_eq!(rig.told().get("cost.actual"), Some(&json!(0)));
    // without a bound of its own it has the model's, and several answers cost several times as much
    let bounded = Ask { model: "bounded".to_owned(), ..Ask::default().with("maxTokens", Value::Null) };
    rig.ask(&bounded, async || answered("whole", Some("0.1"))).await;
    assert_eq!(rig.told().get("cost.estimated"), Some(&json!(0.35)));
    let several = bounded.with("extensions", json!({ "openai_chat": { "n": 3 } }));
    assert_eq!(refused(&rig.ask(&several, never).await).0, 429);
    assert_eq!(rig.told().get("cost.estimated"), Some(&json!(0.85)));
}

#[tokio::test]
async fn a_refusal_says_what_is_left_and_until_when() {
    let rig = Rig::new("- cost-guard: { perDay: 2, perMonth: 3 }").await;
    let never = async || panic!("it is refused");
    rig.ask(&of_tokens(150), async || answered("whole", Some("1.5"))).await;
    let (status, message) = refused(&rig.ask(&of_tokens(60), never).await);
    assert_eq!(status, 429);
    assert_eq!(
        message,
        "cost_limit_per_day: this request may cost up to 0.6 USD: 0.5 USD are left of the 2 USD for this day, which \
         ends at 2026-02-01T00:00:00Z {\"limit_usd\":\"2\",\"needed_usd\":\"0.6\",\"remaining_usd\":\"0.5\",\
         \"resets_at\":\"2026-02-01T00:00:00Z\"}"
    );
    // a day before, so that the day has room and the month has not; and what the day held is given back
    let earlier = Ask { at: Ask::default().at - 24 * 60 * 60 * 1_000, ..of_tokens(160) };
    let (_, message) = refused(&rig.ask(&earlier, never).await);
    assert!(
        message.starts_with("cost_limit_per_month: ") && message.contains("2026-02-01T00:00:00Z"),
        "{message}"
    );
    rig.until("cost:spend:7:2026-01-30", Some("0")).await;
    assert_eq!(rig.value(MONTH).await.as_deref(), Some("1.5"));
}

#[tokio::test]
async fn a_day_ends_at_midnight_and_a_request_belongs_to_the_day_on_which_it_came() {
    let rig = Rig::new("- cost-guard: { perDay: 1 }").await;
    let midnight = 1_769_904_000_000;
    let mut late = rig.run(&Ask { at: midnight - 1, ..of_tokens(100) });
    assert!(late.pre().await.is_none());
    let mut early = rig.run(&Ask { at: midnight, ..of_tokens(100) });
    assert!(early.pre().await.is_none(), "the new day has a budget of its own");
    late.post(Finished { response: answered("whole", Some("0.2")), duration: Duration::ZERO }).await;
    rig.until(DAY, Some("0.2")).await;
    rig.until(MONTH, Some("0.2")).await;
    assert_eq!(rig.value("cost:spend:7:2026-02-01").await.as_deref(), Some("1"));
    early.post(Finished { response: answered("whole", Some("0.4")), duration: Duration::ZERO }).await;
    rig.until("cost:spend:7:2026-02-01", Some("0.4")).await;
    rig.until("cost:spend:7:2026-02", Some("0.4")).await;
}

#[tokio::test]
async fn users_have_counters_of_their_own_and_those_of_other_modules_go_on() {
    let rig = Rig::new("- cost-guard: { perDay: 1, keyPrefix: budget }").await;
    let key = Key::new("budget:spend:8:2026-01-31").unwrap();
    rig.kv.inner.set(&key, "0.30000000000000004", Ttl::Forever, Keep::Always).await.unwrap();
    let other = |tokens| Ask { user: "8".to_owned(), ..of_tokens(tokens) };
    assert!(rig.ask(&of_tokens(100), async || answered("whole", Some("0.9"))).await.error.is_none());
    assert!(rig.ask(&other(70), async || panic!("it is refused")).await.error.is_some());
    assert!(rig.ask(&other(60), async || answered("whole", Some("0.1"))).await.error.is_none());
    assert_eq!(rig.value("budget:spend:8:2026-01-31").await.as_deref(), Some("0.40000000000000004"));
}

#[tokio::test]
async fn a_model_without_a_price_counts_as_free_and_says_so() {
    let rig = Rig::new("- cost-guard: { perRequest: 0.01, perDay: 0.01 }").await;
    let ask = Ask { model: "unpriced".to_owned(), ..Ask::default() };
    assert!(rig.ask(&ask, async || answered("whole", None)).await.error.is_none());
    assert!(rig.told().is_true("cost.unpriced"));
    assert_eq!((rig.value(DAY).await, rig.told().get("cost.actual")), (None, Some(&json!(0))));
}

#[tokio::test]
async fn spend_outlives_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let (file, text) = (folder.path().join("kv"), "- cost-guard: { perDay: 1 }");
    let rig = Rig::over(text, Some(&file)).await.unwrap();
    rig.ask(&of_tokens(50), async || answered("whole", Some("0.5"))).await;
    // this one is cut off: what it had reserved stays as spent
    let mut cut = rig.run(&of_tokens(30));
    assert!(cut.pre().await.is_none());
    rig.kv.inner.close().await.unwrap();
    drop((cut, rig));
    let rig = Rig::over(text, Some(&file)).await.unwrap();
    assert_eq!(rig.value(DAY).await.as_deref(), Some("0.8"));
    assert!(rig.ask(&of_tokens(30), async || panic!("it is refused")).await.error.is_some());
    assert!(rig.ask(&of_tokens(20), async || answered("whole", Some("0"))).await.error.is_none());
}

#[tokio::test]
async fn without_its_storage_it_refuses_unless_it_is_told_otherwise() {
    let rig = Rig::new("- cost-guard: { perDay: 1 }").await;
    rig.kv.set_down(true);
    let (status, message) = refused(&rig.ask(&of_tokens(10), async || panic!("it is refused")).await);
    assert_eq!(status, 503);
    assert!(message.contains(r#"module "cost-guard" cannot check"#), "{message}");

    let rig = Rig::new("- cost-guard: { perDay: 1, onStorageDown: open }").await;
    rig.kv.set_down(true);
    assert!(rig.ask(&of_tokens(10), async || answered("whole", Some("0.07"))).await.error.is_none());
    assert!(rig.told().is_true("cost.unchecked"));
    // and counts it once the storage is back
    rig.kv.set_down(false);
    rig.until(DAY, Some("0.07")).await;
    rig.until(MONTH, Some("0.07")).await;
}

#[tokio::test]
async fn what_cannot_be_settled_now_is_settled_when_the_storage_is_back() {
    let rig = Rig::new("- cost-guard: { perDay: 10 }").await;
    let served = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        rig.kv.set_down(false);
        // until the breaker has noticed
        while rig
            .ask(&of_tokens(100), async || {
                rig.kv.set_down(true);
                served.fetch_add(1, Ordering::SeqCst);
                answered("whole", Some("0.125"))
            })
            .await
            .error
            .is_some()
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    assert_eq!(served.load(Ordering::SeqCst), 3);
    rig.kv.set_down(false);
    rig.until(DAY, Some("0.375")).await;
    rig.until(MONTH, Some("0.375")).await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_counts_once() {
    let rig = Rig::new("- cost-guard: { perDay: 10 }").await;
    // the settlement of the day is written, and nobody hears of it
    rig.ask(&of_tokens(100), async || {
        rig.kv.lose_answers(1);
        answered("whole", Some("0.25"))
    })
    .await;
    rig.until(DAY, Some("0.25")).await;
    rig.until(MONTH, Some("0.25")).await;
    // a reservation is written, and its request refused: it is given back by the next
    rig.kv.lose_answers(1);
    assert_eq!(refused(&rig.ask(&of_tokens(100), async || panic!("it is refused")).await).0, 503);
    while rig.ask(&of_tokens(100), async || answered("whole", Some("0.5"))).await.error.is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.until(DAY, Some("0.75")).await;
    rig.until(MONTH, Some("0.75")).await;
}

#[tokio::test]
async fn a_counter_that_holds_no_amount_is_left_alone() {
    let rig = Rig::new("- cost-guard: { perDay: 1 }").await;
    rig.kv.inner.set(&Key::new(DAY).unwrap(), "a lot", Ttl::Forever, Keep::Always).await.unwrap();
    assert_eq!(refused(&rig.ask(&of_tokens(10), async || panic!("it is refused")).await).0, 503);
    assert_eq!(rig.value(DAY).await.as_deref(), Some("a lot"));
}

#[tokio::test]
async fn a_request_that_is_given_up_while_it_reserves_holds_nothing() {
    let rig = Rig::new("- cost-guard: { perDay: 1 }").await;
    let mut run = rig.run(&of_tokens(100));
    {
        let mut pre = Box::pin(run.pre());
        // it has asked, and does not wait for the answer
        assert!(futures_util::poll!(&mut pre).is_pending());
    }
    rig.until(DAY, Some("0")).await;
    assert!(rig.ask(&of_tokens(100), async || answered("whole", Some("1"))).await.error.is_none());
}

#[tokio::test]
async fn a_broken_configuration_is_refused_by_its_field() {
    let cases = [
        ("- cost-guard: { perDay: '5' }", r#"perDay: expected a number above 0, found "5""#),
        ("- cost-guard: { perMonth: 0 }", "perMonth: expected a number above 0, found 0"),
        ("- cost-guard: { perRequest: -1.5 }", "perRequest: expected a number above 0, found -1.5"),
        ("- cost-guard: { perDay: }", "perDay: expected a number above 0, found nothing"),
        (
            "- cost-guard: { perDay: 1e12 }",
            "perDay: expected a number of at most 1000000000, found 1000000000000.0",
        ),
        ("- cost-guard: { per_day: 5 }", "per_day: there is no such field: did you mean `perDay`?"),
        (
            "- cost-guard: { onStorageDown: maybe }",
            r#"onStorageDown: expected `closed` or `open`, found "maybe""#,
        ),
        (
            "- cost-guard: { keyPrefix: '' }",
            "keyPrefix: expected a text of 1 to 200 bytes without control characters, found \"\"",
        ),
    ];
    for (text, problem) in cases {
        let error = Rig::over(text, None).await.err().expect(text);
        assert_eq!(error, format!("pipeline.yaml:1, entry 1: {problem}"));
    }
}
