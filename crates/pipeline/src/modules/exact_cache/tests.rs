//! Hits and misses over a real store, through the executor.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use penstock_core::Ended;
use penstock_core::Json;
use penstock_core::canonical::{CanonicalResponse, Fold, FromJson as _, StopReason};
use penstock_storage::kv::{Keep, Key, KvStore as _, Remaining, Ttl};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::config::Config;
use super::hooks::ExactCache;
use crate::modules::rig::{Ask, PATIENCE, Rig, answered, ended, of_module, text_of};
use crate::{Entry, Finished, Hook, Origin, Pipeline, Response, Run, replay};

/// Asks; whether the provider was asked, and the text that came.
async fn asked(rig: &Rig, ask: &Ask, answer: Response) -> (bool, String) {
    let mut was_asked = false;
    let response = rig
        .ask(ask, async || {
            was_asked = true;
            answer
        })
        .await;
    (was_asked, if response.error.is_some() { "error".to_owned() } else { text_of(&response) })
}

fn answer(text: &str) -> Response {
    answered(text, Some("0.1"))
}

async fn is_hit(rig: &Rig, ask: &Ask) -> bool {
    !asked(rig, ask, answer("again")).await.0
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let rig = Rig::new("exact-cache").await;
    assert_eq!(asked(&rig, &Ask::default(), answer("first")).await, (true, "first".to_owned()));
    assert_eq!(rig.told().get("cache.exact.hit"), Some(&json!(false)));
    let key = rig.told().get("cache.exact.key").unwrap().as_str().unwrap().to_owned();
    assert_eq!((key.split(':').next(), key.len()), (Some("exact"), "exact".len() + 3 * 65));

    assert_eq!(asked(&rig, &Ask::default(), answer("second")).await, (false, "first".to_owned()));
    assert_eq!(rig.told().get("cache.exact.hit"), Some(&json!(true)));
    assert_eq!(rig.told().get("cache.exact.key"), Some(&json!(key)));
    assert_eq!(rig.kv.inner.ttl(&Key::new(key).unwrap()).await.unwrap(), Remaining::Seconds(3_600));
}

#[tokio::test]
async fn a_hit_is_the_answer_to_the_last_field_as_json_and_as_a_stream() {
    let whole = json!({
        "id": "msg_1", "model": "m", "role": "assistant", "stopReason": "tool_use",
        "content": [
            { "type": "thinking", "text": "hm", "signature": "s", "origin": "anthropic_messages" },
            { "type": "text", "text": "caf\u{e9}" },
            { "type": "tool_use", "id": "call", "name": "tool", "input": { "b": 1, "a": [2] } },
        ],
        "usage": { "inputTokens": 3, "outputTokens": 4, "extensions": { "openai_chat": { "x": 1 } } },
        "extensions": { "anthropic_messages": { "container": null } },
    });
    let whole = CanonicalResponse::read(&Json::of(&whole)).unwrap();
    let mut first = ended(Response::new(whole.clone()), Ended::Complete);
    first.owed = answer("").owed;
    let rig = Rig::new("exact-cache").await;
    rig.ask(&Ask::default(), async || first).await;
    let streamed = Ask { stream: true, ..Ask::default().with("stream", json!(true)) };
    let hit = rig.ask(&streamed, async || panic!("it is a hit")).await;
    assert_eq!(hit.canonical().unwrap(), &whole);
    let mut fold = Fold::default();
    for chunk in replay(hit.canonical().unwrap()) {
        fold.push(chunk).unwrap();
    }
    assert_eq!(fold.finish().unwrap(), whole);
}

#[tokio::test]
async fn another_tenant_upstream_or_question_never_hits() {
    let rig = Rig::new("exact-cache").await;
    let full = || {
        Ask::default()
            .with("system", json!("be brief"))
            .with("tools", json!([{ "name": "t", "inputSchema": { "type": "object", "a": 1 } }]))
            .with("temperature", json!(0.5))
    };
    assert!(!is_hit(&rig, &full()).await);
    assert!(is_hit(&rig, &full()).await, "else what follows says nothing");
    // neither order nor what is no part of the question
    let same = [
        full().with("tools", json!([{ "inputSchema": { "a": 1, "type": "object" }, "name": "t" }])),
        full().with("stream", json!(true)),
        full().with("metadata", json!({ "user_id": "u" })),
        full().with("extensions", json!({ "openai_chat": { "stream_options": { "include_usage": true } } })),
        Ask { user: "8".to_owned(), ..full() },
    ];
    for ask in same {
        assert!(is_hit(&rig, &ask).await, "{}", ask.body);
    }
    let others = [
        Ask { tenant: "user 8".to_owned(), ..full() },
        Ask { upstream: "elsewhere".to_owned(), ..full() },
        Ask { model: "other".to_owned(), ..full() },
        full().with("system", json!("be long")),
        full().with("system", Value::Null),
        full().with("tools", json!([{ "name": "t", "inputSchema": { "type": "object", "a": 1.0 } }])),
        full().with("tools", json!([])),
        full().with("messages", json!([{ "role": "user", "content": "hi " }])),
        full().with("maxTokens", json!(101)),
        full().with("temperature", json!(0.51)),
        full().with("topP", json!(0.5)),
        full().with("topK", json!(5)),
        full().with("stopSequences", json!(["x"])),
        full().with("toolChoice", json!({ "type": "any" })),
        full().with("thinking", json!({ "type": "enabled", "budgetTokens": 1024 })),
        full().with("responseFormat", json!({ "type": "json_object" })),
        full().with("extensions", json!({ "openai_chat": { "seed": 1 } })),
        full().with("extensions", json!({ "gemini": { "seed": 1 } })),
    ];
    for ask in others {
        assert!(!is_hit(&rig, &ask).await, "{ask:?}");
    }
}

#[tokio::test]
async fn numbers_are_told_apart_by_their_text() {
    let rig = Rig::new("exact-cache").await;
    let with = |text: &str| Ask::default().with("temperature", serde_json::from_str(text).unwrap());
    assert!(!is_hit(&rig, &with("1")).await);
    assert!(!is_hit(&rig, &with("1.0")).await);
    assert!(is_hit(&rig, &with("1.0")).await);
}

#[tokio::test]
async fn only_whole_answers_of_a_provider_are_kept() {
    let rig = Rig::new("exact-cache").await;
    let with_reason = |reason| {
        let mut content = answer("x").canonical().unwrap().clone();
        content.stop_reason = reason;
        let mut response = ended(Response::new(content), Ended::Complete);
        response.owed = answer("").owed;
        response
    };
    let long = "x".repeat(1 << 20);
    let nobodys = {
        let mut response = answer("a module behind says so");
        response.owed = None;
        response
    };
    let not_kept = [
        Response::failed(500, "away"),
        ended(answer("half"), Ended::Interrupted),
        ended(answer("half"), Ended::ClientGone),
        with_reason(None),
        with_reason(Some(StopReason::Refusal)),
        with_reason(Some(StopReason::Error)),
        answer(&long),
        nobodys,
    ];
    for (index, response) in not_kept.into_iter().enumerate() {
        assert!(asked(&rig, &Ask::default(), response).await.0, "{index}");
    }
    assert!(asked(&rig, &Ask::default(), with_reason(Some(StopReason::MaxTokens))).await.0);
    assert!(is_hit(&rig, &Ask::default()).await);
}

#[tokio::test]
async fn without_an_upstream_there_is_no_cache() {
    let rig = Rig::new("exact-cache").await;
    let ask = Ask { model: "nobody".to_owned(), ..Ask::default() };
    assert!(!is_hit(&rig, &ask).await && !is_hit(&rig, &ask).await);
    assert_eq!(rig.told().get("cache.exact.key"), None);
}

#[tokio::test]
async fn what_cannot_be_read_passes_and_is_no_failure() {
    let rig = Rig::new("exact-cache").await;
    let ask = Ask::default().with("messages", Value::Null);
    assert!(!is_hit(&rig, &ask).await && !is_hit(&rig, &ask).await);
    assert_eq!((rig.told().get("exact-cache.preFailed"), rig.told().get("cache.exact.key")), (None, None));
}

#[tokio::test]
async fn what_a_module_behind_asks_of_somebody_else_is_not_kept() {
    let rig = Rig::new("exact-cache,chooser").await;
    assert!(!is_hit(&rig, &Ask::default()).await && !is_hit(&rig, &Ask::default()).await);
    let rig = Rig::new("chooser,exact-cache").await;
    assert!(!is_hit(&rig, &Ask::default()).await && is_hit(&rig, &Ask::default()).await);
    assert!(
        is_hit(&rig, &Ask { model: "other".to_owned(), ..Ask::default() }).await,
        "it is the chosen one again"
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_a_miss_and_goes() {
    let rig = Rig::new("- exact-cache: { ttlSeconds: 60, keyPrefix: ours }").await;
    assert!(!is_hit(&rig, &Ask::default()).await);
    let key = rig.told().get("cache.exact.key").unwrap().as_str().unwrap().to_owned();
    assert!(key.starts_with("ours:"));
    for damaged in ["", "{", r#"{"content":[],"whatIsThis":1}"#] {
        rig.storage.kv().set(&Key::new(&*key).unwrap(), damaged, Ttl::Forever, Keep::Volatile).await.unwrap();
        assert!(asked(&rig, &Ask::default(), Response::failed(500, "away")).await.0, "{damaged}");
        assert_eq!(rig.value(&key).await, None, "{damaged}");
    }
}

#[tokio::test]
async fn without_its_storage_everything_is_a_miss() {
    let rig = Rig::new("exact-cache").await;
    assert!(!is_hit(&rig, &Ask::default()).await);
    rig.kv.set_down(true);
    assert!(!is_hit(&rig, &Ask::default()).await);
    assert_eq!(rig.told().get("exact-cache.preFailed"), None);
}

/// A provider that counts its calls, and answers when it is let.
struct Slow {
    calls: AtomicUsize,
    let_go: Semaphore,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self { calls: AtomicUsize::new(0), let_go: Semaphore::new(0) })
    }

    async fn answer(&self) -> Response {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.let_go.acquire().await.unwrap().forget();
        answer("shared")
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    async fn until_called(&self, calls: usize) {
        let called = async {
            while self.calls() < calls {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, called).await.expect("the provider was not called");
    }
}

fn together(rig: &Arc<Rig>, slow: &Arc<Slow>, requests: usize) -> Vec<tokio::task::JoinHandle<Response>> {
    let one = |_| {
        let (rig, slow) = (Arc::clone(rig), Arc::clone(slow));
        tokio::spawn(async move { rig.ask(&Ask::default(), async || slow.answer().await).await })
    };
    (0..requests).map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_identical_requests_make_one_call() {
    let (rig, slow) = (Arc::new(Rig::new("exact-cache").await), Slow::new());
    let requests = together(&rig, &slow, 100);
    slow.until_called(1).await;
    slow.let_go.add_permits(1);
    for response in join_all(requests).await {
        assert_eq!(text_of(&response.unwrap()), "shared");
    }
    assert_eq!(slow.calls(), 1);
}

#[tokio::test]
async fn they_are_not_shared_where_that_is_off() {
    let (rig, slow) = (Arc::new(Rig::new("- exact-cache: { coalesce: false }").await), Slow::new());
    let requests = together(&rig, &slow, 5);
    slow.until_called(5).await;
    slow.let_go.add_permits(5);
    join_all(requests).await;
}

/// The first of two identical requests, whose provider is being asked, and the other, which waits for it.
async fn leader_and_waiter(rig: &Arc<Rig>, slow: &Arc<Slow>) -> (Run, tokio::task::JoinHandle<Response>) {
    let mut leader = rig.run(&Ask::default());
    assert!(leader.pre().await.is_none());
    let waiter = together(rig, slow, 1).remove(0);
    // it has nothing else to wait for than the leader
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.calls(), 0, "it waits");
    (leader, waiter)
}

#[tokio::test]
async fn whoever_waits_asks_when_the_leader_fails_or_goes() {
    let endings: [Option<Response>; 4] = [
        None, // dropped, without a word
        Some(Response::failed(500, "away")),
        Some(ended(answer("half"), Ended::ClientGone)),
        Some(ended(answer("half"), Ended::Interrupted)),
    ];
    for ending in endings {
        let (rig, slow) = (Arc::new(Rig::new("exact-cache").await), Slow::new());
        let (leader, waiter) = leader_and_waiter(&rig, &slow).await;
        match ending {
            None => drop(leader),
            Some(response) => drop(leader.post(Finished { response, duration: Duration::ZERO }).await),
        }
        slow.until_called(1).await;
        slow.let_go.add_permits(1);
        let response = tokio::time::timeout(PATIENCE, waiter).await.expect("it is not left waiting").unwrap();
        assert_eq!(text_of(&response), "shared");
        assert!(is_hit(&rig, &Ask::default()).await);
    }
}

#[tokio::test]
async fn whoever_waits_gets_what_the_leader_got_though_the_storage_is_away() {
    let (rig, slow) = (Arc::new(Rig::new("exact-cache").await), Slow::new());
    let (leader, waiter) = leader_and_waiter(&rig, &slow).await;
    rig.kv.set_down(true);
    leader.post(Finished { response: answer("led"), duration: Duration::ZERO }).await;
    let response = tokio::time::timeout(PATIENCE, waiter).await.expect("it is not left waiting").unwrap();
    assert_eq!((text_of(&response), slow.calls()), ("led".to_owned(), 0));
}

#[tokio::test]
async fn nobody_waits_for_ever_and_all_longer_than_hooks_usually_may() {
    let (mut rig, slow) = (Rig::new("exact-cache").await, Slow::new());
    assert!(rig.pipeline.entries()[0].budget(Hook::Pre) > Duration::from_mins(5));
    let module = ExactCache::new(Config::read(&Value::Null).unwrap()).waiting(Duration::from_millis(20));
    let entry = Entry::new(Arc::new(module), Origin::BuiltIn, rig.storage.clone(), None);
    rig.pipeline = Arc::new(Pipeline::new(vec![Arc::new(entry)], vec![false]));
    let rig = Arc::new(rig);
    let mut leader = rig.run(&Ask::default());
    assert!(leader.pre().await.is_none());
    let waiter = together(&rig, &slow, 1).remove(0);
    slow.until_called(1).await;
    slow.let_go.add_permits(1);
    assert_eq!(text_of(&waiter.await.unwrap()), "shared");
}

#[tokio::test]
async fn a_hit_costs_nothing() {
    let rig = Rig::new("- cost-guard: { perDay: 10 }\n- exact-cache").await;
    for _ in 0..3 {
        assert_eq!(asked(&rig, &Ask::default(), answer("once")).await.1, "once");
    }
    assert_eq!(rig.value("cost:spend:7:2026-01-31").await.as_deref(), Some("0.1"));
    let mut run = rig.run(&Ask::default());
    let hit = of_module(run.pre().await.expect("a hit"));
    assert_eq!(rig.value("cost:spend:7:2026-01-31").await.as_deref(), Some("1.2"), "until it is known");
    run.post(Finished { response: hit, duration: Duration::ZERO }).await;
    rig.until("cost:spend:7:2026-01-31", Some("0.1")).await;
}

#[tokio::test]
async fn a_broken_configuration_is_refused_by_its_field() {
    let cases = [
        ("- exact-cache: { ttlSeconds: 0 }", "ttlSeconds: expected a whole number of 1 to 31536000, found 0"),
        (
            "- exact-cache: { ttlSeconds: 1.5 }",
            "ttlSeconds: expected a whole number of 1 to 31536000, found 1.5",
        ),
        ("- exact-cache: { coalesce: 'no' }", r#"coalesce: expected true or false, found "no""#),
        ("- exact-cache: { ttl: 60 }", "ttl: there is no such field: did you mean `ttlSeconds`?"),
        (
            "- exact-cache: { whatever: 60 }",
            "whatever: there is no such field: there are `ttlSeconds`, `keyPrefix`, `coalesce`",
        ),
    ];
    for (text, problem) in cases {
        let error = Rig::over(text, None).await.err().expect(text);
        assert_eq!(error, format!("pipeline.yaml:1, entry 1: {problem}"));
    }
}
