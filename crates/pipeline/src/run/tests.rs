use async_trait::async_trait;
use penstock_core::JsonText;
use penstock_core::canonical::{ContentBlock, Delta, StopReason};
use serde_json::json;

use super::*;
use crate::modules::rig::{Ask, Rig, answered, text_of};
use crate::{Hooks, Module, Origin, error_response, replay};

/// A module of which a test says what it does.
#[derive(Debug, Default)]
struct Scripted {
    name: &'static str,
    pre: Option<Deed>,
    stream: Option<Deed>,
    post: Option<Deed>,
    closed: bool,
    log: Log,
}

type Log = Arc<Mutex<Vec<String>>>;

/// What a hook does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Nothing,
    /// Edits the request: its model, and how long the answer may be.
    Edit,
    /// The same, and fails then.
    EditAndFail,
    Panic,
    /// Never comes back.
    Hang,
    Answer,
    Refuse,
    /// Writes pieces in capitals.
    Shout,
    /// Gives back another piece than it was given.
    Misplace,
    /// Notes who has edited the request.
    Tell,
}

impl Scripted {
    fn named(name: &'static str, log: &Log) -> Self {
        Self { name, log: Arc::clone(log), ..Self::default() }
    }

    async fn act(deed: Deed) -> Result<(), HookError> {
        match deed {
            Deed::EditAndFail => Err(HookError::new("it did not like it")),
            Deed::Panic => panic!("as the test wants it"),
            Deed::Hang => std::future::pending().await,
            _ => Ok(()),
        }
    }

    fn note(&self, hook: &str) {
        self.log.lock().unwrap().push(format!("{}.{hook}", self.name));
    }
}

#[async_trait]
impl Module for Scripted {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &'static str {
        "1.0.0"
    }

    fn hooks(&self) -> Hooks {
        let of = |deed: Option<Deed>, hook| deed.map(|_| hook);
        let hooks = [of(self.pre, Hook::Pre), of(self.stream, Hook::Stream), of(self.post, Hook::Post)];
        Hooks::of(&hooks.into_iter().flatten().collect::<Vec<_>>())
    }

    fn on_failure(&self) -> OnFailure {
        if self.closed { OnFailure::Closed } else { OnFailure::Open }
    }

    fn time_budget(&self, _: Hook) -> Option<Duration> {
        Some(Duration::from_millis(200))
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        self.note("pre");
        let deed = self.pre.unwrap_or(Deed::Nothing);
        if matches!(deed, Deed::Edit | Deed::EditAndFail) {
            context.request.set_model(format!("{} by {}", context.request.model(), self.name));
            context.request.edit()?.max_tokens = Some(7.into());
            context.metadata.set("edited.by", self.name);
        }
        Self::act(deed).await?;
        Ok(match deed {
            Deed::Answer => Flow::Respond(Box::new(answered("by a module", None).canonical()?.clone())),
            Deed::Refuse => {
                Flow::Respond(Box::new(error_response("no", "not today", 429, serde_json::Map::default())))
            }
            _ => Flow::Continue,
        })
    }

    async fn stream(
        &self,
        chunk: CanonicalChunk,
        context: &mut ResponseContext,
    ) -> Result<CanonicalChunk, HookError> {
        let deed = self.stream.unwrap_or(Deed::Nothing);
        Self::act(deed).await?;
        let so_far = context.response.canonical()?.content.len();
        context.metadata.set("blocks", so_far);
        Ok(match (deed, chunk) {
            (Deed::Shout, CanonicalChunk::ContentBlockDelta { index, delta: Delta::TextDelta { text } }) => {
                let text = text.to_uppercase();
                CanonicalChunk::ContentBlockDelta { index, delta: Delta::TextDelta { text } }
            }
            (Deed::Misplace, _) => CanonicalChunk::ContentBlockStop { index: 99 },
            (_, chunk) => chunk,
        })
    }

    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        self.note("post");
        if let (Some(Deed::Tell), Some(by)) = (self.post, context.metadata.get("edited.by")) {
            self.note(&format!("edited by {by}"));
        }
        let said = context.response.canonical()?.content.len();
        context.metadata.set(format!("{}.post", self.name), said);
        Self::act(self.post.unwrap_or(Deed::Nothing)).await
    }
}

/// The way of a request through these modules.
async fn run(modules: Vec<Scripted>) -> Run {
    let rig = Rig::new("none").await;
    let entry =
        |module: Scripted| Arc::new(Entry::new(Arc::new(module), Origin::BuiltIn, rig.storage.clone(), None));
    let entries: Vec<_> = modules.into_iter().map(entry).collect();
    let required = vec![false; entries.len()];
    Rig::run_through(Arc::new(Pipeline::new(entries, required)), &Ask::default())
}

fn finished(response: Response) -> Finished {
    Finished { response, duration: Duration::from_millis(3) }
}

fn outcomes(trace: &Trace) -> Vec<(&str, Hook, &'static str)> {
    trace.steps().iter().map(|step| (step.module.as_str(), step.hook, step.outcome)).collect()
}

#[tokio::test]
async fn hooks_run_in_the_order_of_the_pipeline_and_edits_hold() {
    let log = Log::default();
    let edits =
        |name| Scripted { pre: Some(Deed::Edit), post: Some(Deed::Nothing), ..Scripted::named(name, &log) };
    let mut run = run(vec![edits("one"), edits("two")]).await;
    assert!(run.pre().await.is_none());
    assert_eq!(run.request().model(), "model by one by two");
    assert_eq!(run.request().edited().unwrap().max_tokens, Some(7.into()));
    run.post(finished(answered("hi", None))).await;
    assert_eq!(*log.lock().unwrap(), ["one.pre", "two.pre", "one.post", "two.post"]);
}

#[tokio::test]
async fn an_answer_skips_the_rest_and_every_post_runs() {
    let log = Log::default();
    let module =
        |name, deed| Scripted { pre: Some(deed), post: Some(Deed::Nothing), ..Scripted::named(name, &log) };
    let mut run =
        run(vec![module("one", Deed::Nothing), module("two", Deed::Answer), module("three", Deed::Nothing)])
            .await;
    let Some(Answer::Response { module, response }) = run.pre().await else { panic!("it was answered") };
    assert_eq!(module, "two");
    run.post(finished(Response::new(*response))).await;
    assert_eq!(*log.lock().unwrap(), ["one.pre", "two.pre", "one.post", "two.post", "three.post"]);
}

#[tokio::test]
async fn a_refusal_is_an_error_of_its_status() {
    let log = Log::default();
    let mut run = run(vec![Scripted { pre: Some(Deed::Refuse), ..Scripted::named("guard", &log) }]).await;
    let Some(Answer::Refused(refusal)) = run.pre().await else { panic!("it was refused") };
    assert_eq!((refusal.status, &*refusal.kind, &*refusal.module), (429, "no", "guard"));
}

#[tokio::test]
async fn what_a_failed_pre_did_is_undone() {
    for deed in [Deed::EditAndFail, Deed::Panic, Deed::Hang] {
        let log = Log::default();
        let bad = Scripted { pre: Some(deed), ..Scripted::named("bad", &log) };
        let good = Scripted { pre: Some(Deed::Nothing), ..Scripted::named("good", &log) };
        let mut run = run(vec![bad, good]).await;
        assert!(run.pre().await.is_none(), "{deed:?}");
        assert_eq!(run.request().model(), "model", "{deed:?}");
        assert!(run.request().edited().is_none(), "{deed:?}");
        assert!(run.metadata().is_true("bad.preFailed"), "{deed:?}");
        assert_eq!(
            outcomes(run.trace()),
            [("bad", Hook::Pre, "failed"), ("good", Hook::Pre, "continued")],
            "{deed:?}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_fails_refuses_with_its_name() {
    for deed in [Deed::EditAndFail, Deed::Panic, Deed::Hang] {
        let log = Log::default();
        let closed = Scripted { pre: Some(deed), closed: true, ..Scripted::named("policy", &log) };
        let next = Scripted { pre: Some(Deed::Nothing), ..Scripted::named("next", &log) };
        let mut run = run(vec![closed, next]).await;
        let Some(Answer::Refused(refusal)) = run.pre().await else { panic!("{deed:?}") };
        assert_eq!(refusal.status, 503, "{deed:?}");
        assert!(refusal.message.contains("\"policy\""), "{}", refusal.message);
        assert_eq!(*log.lock().unwrap(), ["policy.pre"], "{deed:?}");
    }
}

/// What the client gets of a streamed answer, and what `post` sees of it.
async fn streamed(modules: Vec<Scripted>) -> (Vec<CanonicalChunk>, Run) {
    let mut run = run(modules).await;
    assert!(run.pre().await.is_none());
    let mut out = Vec::new();
    for chunk in replay(answered("quiet", None).canonical().unwrap()) {
        out.push(run.stream(chunk).await);
    }
    (out, run)
}

#[tokio::test]
async fn pieces_pass_every_stream_hook_and_the_answer_is_what_came_out() {
    let log = Log::default();
    let shout = Scripted { stream: Some(Deed::Shout), ..Scripted::named("shout", &log) };
    let (out, run) = streamed(vec![shout]).await;
    assert!(out.iter().any(|chunk| matches!(
        chunk,
        CanonicalChunk::ContentBlockDelta { delta: Delta::TextDelta { text }, .. } if text == "QUIET"
    )));
    let response = run.streamed();
    assert_eq!(text_of(&response), "QUIET");
    assert_eq!(response.canonical().unwrap().stop_reason, Some(StopReason::EndTurn));
    assert_eq!(run.metadata().get("blocks"), Some(&json!(1)));
    let [step] = run.trace().steps() else { panic!("all calls are one step") };
    assert_eq!(step.calls as usize, out.len());
}

#[tokio::test]
async fn a_stream_hook_that_fails_leaves_the_piece_as_it_was() {
    for deed in [Deed::EditAndFail, Deed::Panic, Deed::Misplace] {
        let log = Log::default();
        let bad = Scripted { stream: Some(deed), ..Scripted::named("bad", &log) };
        let (out, run) = streamed(vec![bad]).await;
        assert_eq!(out, replay(answered("quiet", None).canonical().unwrap()), "{deed:?}");
        assert_eq!(outcomes(run.trace()), [("bad", Hook::Stream, "failed")], "{deed:?}");
    }
}

#[tokio::test]
async fn a_piece_stays_what_it_is() {
    let start = |text: &str| CanonicalChunk::ContentBlockStart {
        index: 0,
        content_block: ContentBlock::text(JsonText::new(text)),
    };
    assert!(same_place(&start("a"), &start("b")));
    assert!(!same_place(&start("a"), &CanonicalChunk::ContentBlockStop { index: 0 }));
    let stop = |index| CanonicalChunk::ContentBlockStop { index };
    assert!(!same_place(&stop(0), &stop(1)));
    let whole = Box::new(answered("has content", None).canonical().unwrap().clone());
    let begun = CanonicalChunk::MessageStart { message: Box::default() };
    assert!(!same_place(&begun, &CanonicalChunk::MessageStart { message: whole }));
}

#[tokio::test]
async fn a_post_that_fails_keeps_no_other_from_running() {
    for deed in [Deed::EditAndFail, Deed::Panic, Deed::Hang] {
        let log = Log::default();
        let module = |name, deed| Scripted { post: Some(deed), ..Scripted::named(name, &log) };
        let run = run(vec![module("bad", deed), module("good", Deed::Nothing)]).await;
        let trace = run.post(finished(Response::failed(502, "nobody answered"))).await;
        assert_eq!(
            outcomes(&trace),
            [("bad", Hook::Post, "failed"), ("good", Hook::Post, "continued")],
            "{deed:?}"
        );
    }
}

#[tokio::test]
async fn what_modules_know_is_there_after_a_client_who_went_away_in_a_pre() {
    let log = Log::default();
    let edits = Scripted { pre: Some(Deed::Edit), ..Scripted::named("edits", &log) };
    let waits = Scripted { pre: Some(Deed::Hang), post: Some(Deed::Tell), ..Scripted::named("waits", &log) };
    let mut run = run(vec![edits, waits]).await;
    assert!(tokio::time::timeout(Duration::from_millis(20), run.pre()).await.is_err(), "it is over");
    run.post(finished(Response::failed(499, "the client has gone"))).await;
    assert_eq!(*log.lock().unwrap(), ["edits.pre", "waits.pre", "waits.post", "waits.edited by \"edits\""]);
}

#[tokio::test]
async fn a_module_in_trouble_is_passed_over_or_refuses() {
    let log = Log::default();
    let rig = Rig::new("none").await;
    for closed in [false, true] {
        let module = Scripted { pre: Some(Deed::Nothing), closed, ..Scripted::named("late", &log) };
        let entry = Entry::new(Arc::new(module), Origin::BuiltIn, rig.storage.clone(), None);
        entry.set_trouble(Some(HookError::new("its storage is away")));
        let pipeline = Arc::new(Pipeline::new(vec![Arc::new(entry)], vec![false]));
        let mut run = Rig::run_through(pipeline, &Ask::default());
        assert_eq!(run.pre().await.is_some(), closed);
        assert!(run.metadata().is_true("late.preFailed"));
    }
    assert!(log.lock().unwrap().is_empty());
}
