//! Scripts that do not end, or that take all there is, beside others that do nothing wrong.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use penstock_pipeline::{Flow, Hook, HookError, Loader as _, Module};
use penstock_scripting::ScriptLoader;
use serde_json::{Value, json};

use crate::rig::{Files, context, context_in, module, pre, pre_module, response_context, storage};

/// A deadline for what has to happen at all.
const PATIENCE: Duration = Duration::from_mins(1);

async fn patiently<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens")
}

/// A module that does as a request's metadata says.
const MIXED: &str = "
let calls = 0;
const kept: unknown[] = [];
export default { name: 'mixed', version: '1.0.0', async pre(ctx: any) {
    calls += 1;
    switch (ctx.metadata.get('do')) {
        case 'loop': for (;;) {}
        case 'loop later': await ctx.storage.kv.get('k'); for (;;) {}
        case 'microtasks': for (;;) await null;
        case 'catch': for (;;) { try { for (;;) {} } catch {} finally { for (;;) {} } }
        case 'regex': /^(a+)+$/.test('a'.repeat(40) + 'b'); break;
        case 'allocate': { const all = []; for (;;) all.push({ text: 'x'.repeat(1000) + all.length }); }
        case 'allocate later': { await null; let list: any = null; for (;;) { list = { list }; } }
        case 'keep': { for (let n = 0; n < 6_000; n++) kept.push('x'.repeat(9_000) + n); break; }
        case 'great': new Uint8Array(1e9); break;
        case 'recurse': { const again = (): any => again() + 1; again(); break; }
        case 'never': await new Promise(() => {}); break;
        case 'reject late': ctx.late = new Promise((_, no) => setTimeout(() => no(new Error('late')), 1)); break;
        case 'throw in a timer': setTimeout(() => { throw new Error('in a timer') }, 0); break;
        default: await ctx.storage.kv.set('k', 'v'); ctx.metadata.set('calls', calls);
    }
    return { continue: true };
} };
";

async fn told(module: &dyn Module, what: &str) -> Result<Flow, HookError> {
    let mut context = context().await;
    context.metadata.set("do", what);
    module.pre(&mut context).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_ended_and_the_module_goes_on() {
    let module = module(MIXED).await;
    for (what, said) in [
        ("loop", "it computed for more than 250 ms without an await"),
        ("loop later", "it computed for more than 250 ms without an await"),
        ("microtasks", "it computed for more than 250 ms without an await"),
        ("catch", "it computed for more than 250 ms without an await"),
        ("regex", "it computed for more than 250 ms without an await"),
        ("allocate", "memory"),
        ("allocate later", "memory"),
        ("great", "out of memory"),
        ("recurse", "Maximum call stack size exceeded"),
    ] {
        let error = patiently(told(&*module, what)).await.expect_err(what);
        // to fill the memory takes time, and on a slow machine more than there is
        let is_slow = what.starts_with("allocate") && error.message.contains("it computed for more than");
        assert!(error.message.contains(said) || is_slow, "{what}: {error}");
        assert!(!error.is_storage, "{what}");
        assert_eq!(patiently(told(&*module, "nothing")).await, Ok(Flow::Continue), "after {what}");
    }
    for what in ["reject late", "throw in a timer"] {
        assert_eq!(patiently(told(&*module, what)).await, Ok(Flow::Continue), "{what}");
        assert_eq!(patiently(told(&*module, "nothing")).await, Ok(Flow::Continue), "after {what}");
    }
    let error = patiently(told(&*module, "loop")).await.unwrap_err();
    let place = error.place.expect("the hook is named");
    assert!(place.file.ends_with("module.ts") && (4..8).contains(&place.line), "{place}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_others_do_not_notice_one_that_loops() {
    let files = Files::new(&[("module.ts", MIXED), ("good.ts", &MIXED.replace("'mixed'", "'good'"))]);
    let loader = files.loader();
    let bad = loader.load(&files.path("module.ts")).await.unwrap()[0].make(&Value::Null).await.unwrap();
    let good = loader.load(&files.path("good.ts")).await.unwrap()[0].make(&Value::Null).await.unwrap();
    let storage = storage().await;
    let mut calls = tokio::task::JoinSet::new();
    for at in 0..1_000 {
        // every hundredth loops, and half of the others are in the same context
        let (module, what) = match at {
            at if at % 100 == 0 => (&bad, "loop"),
            at if at % 2 == 0 => (&bad, "nothing"),
            _ => (&good, "nothing"),
        };
        let module = Arc::clone(module);
        let mut context = context_in(&storage);
        context.metadata.set("do", what);
        calls.spawn(async move { (what, module.pre(&mut context).await) });
    }
    let (mut ended, mut fine) = (0, 0);
    while let Some(call) = patiently(calls.join_next()).await {
        match call.unwrap() {
            ("loop", Err(_)) => ended += 1,
            ("nothing", Ok(Flow::Continue)) => fine += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((ended, fine), (10, 990));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_other_tasks_of_a_thread_do_not_wait_for_a_script_on_it() {
    let module = module(MIXED).await;
    let looping = tokio::spawn(async move { told(&*module, "loop").await });
    let turns = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(async move {
        loop {
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    patiently(looping).await.unwrap().unwrap_err();
    // it ran for 250 ms
    assert!(turns.load(Ordering::Relaxed) > 10, "{turns:?} turns");
    other.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn short_hooks_are_done_at_once_and_those_of_a_module_that_takes_long_are_left_to_its_thread() {
    const CALLS: usize = 100;
    let module = pre_module("if (ctx.metadata.get('do')) for (let n = 0; n < 1e6; n++) Math.sqrt(n);").await;
    let at_once = async || {
        let mut ready = 0;
        for _ in 0..CALLS {
            let mut context = context().await;
            let mut hook = pin!(module.pre(&mut context));
            if hook.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                ready += 1;
            } else {
                patiently(hook).await.unwrap();
            }
        }
        ready
    };
    // its thread may have it at times
    assert!(at_once().await > CALLS / 2);
    let own_time = async || {
        let before = processor_time();
        patiently(told(&*module, "long")).await.unwrap();
        processor_time().saturating_sub(before)
    };
    let (first, second) = (own_time().await, own_time().await);
    assert!(second < first / 4, "the first took {first:?} here, the second {second:?}");
}

/// What this thread has had of the processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_module_that_keeps_too_much_is_started_anew_and_nobody_is_refused() {
    let files = Files::new(&[("module.ts", &format!("{MIXED}\nexport const other = {{ name: 'other', version: '1',
        async init(storage: any) {{ await storage.kv.incr('started') }},
        async pre(ctx: any) {{ ctx.metadata.set('started', await ctx.storage.kv.get('started')); return {{ continue: true }} }} }}"))]);
    let factories = files.load("module.ts").await.unwrap();
    let mixed = factories[0].make(&Value::Null).await.unwrap();
    let other = factories[1].make(&Value::Null).await.unwrap();
    let first = context().await;
    patiently(other.init(&first.storage)).await.unwrap();
    assert_eq!(told(&*mixed, "nothing").await, Ok(Flow::Continue));
    assert_eq!(patiently(told(&*mixed, "keep")).await, Ok(Flow::Continue));
    let mut context = context().await;
    patiently(mixed.pre(&mut context)).await.unwrap();
    assert_eq!(context.metadata.get("calls"), Some(&json!(1)), "it counts from the beginning");
    let mut second = crate::rig::context().await;
    second.storage = first.storage.clone();
    patiently(other.pre(&mut second)).await.unwrap();
    assert_eq!(second.metadata.get("started"), Some(&json!("2")), "what has state is initialised again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_nobody_waits_for_ends() {
    let module = module(
        "let turns = 0; export default { name: 'm', version: '1', async pre(ctx: any) {
            if (ctx.metadata.get('do') === 'turns') { ctx.metadata.set('turns', turns); return { continue: true } }
            if (ctx.metadata.get('do') === 'timers') for (;;) { turns++; await new Promise((r) => setTimeout(r, 0)) }
            for (;;) { turns++; await ctx.storage.kv.get('k') }
        } }",
    )
    .await;
    let turns = async || {
        let mut context = context().await;
        context.metadata.set("do", "turns");
        module.pre(&mut context).await.unwrap();
        context.metadata.get("turns").unwrap().as_u64().unwrap()
    };
    for what in ["timers", "storage"] {
        let before = turns().await;
        // the executor drops a hook whose time is up just so
        let late = tokio::time::timeout(Duration::from_millis(50), told(&*module, what)).await;
        assert!(!matches!(late, Ok(Ok(_))), "{what}");
        let mut last = turns().await;
        assert!(last > before, "{what}");
        patiently(async {
            loop {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let now = turns().await;
                if now == last {
                    break;
                }
                last = now;
            }
        })
        .await;
    }
    assert!(
        tokio::time::timeout(Duration::from_millis(50), told(&*module_never().await, "never")).await.is_err()
    );
}

async fn module_never() -> Arc<dyn Module> {
    module(MIXED).await
}

#[tokio::test]
async fn hooks_of_many_requests_interleave() {
    let module = module(
        "let waiting: (() => void)[] = [];
        export default { name: 'm', version: '1', async pre(ctx: any) {
            // nobody goes on before all ten are here
            await new Promise<void>((resolve) => {
                waiting.push(resolve);
                if (waiting.length === 10) waiting.forEach((go) => go());
            });
            ctx.metadata.set('model', ctx.request.model);
            return { continue: true };
        } }",
    )
    .await;
    let calls = (0..10).map(|_| {
        let module = Arc::clone(&module);
        tokio::spawn(async move { pre(&*module).await })
    });
    for call in calls.collect::<Vec<_>>() {
        let (context, done) = patiently(call).await.unwrap();
        assert_eq!(done, Ok(Flow::Continue));
        assert_eq!(context.metadata.get("model"), Some(&json!("gpt")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_share_the_calls() {
    // none is over before all four of a round have begun, so that each of them needs a place of its own
    let text = "let calls = 0;
        export default (config: { workers: number }) => ({ name: 'm', version: '1', workers: config.workers,
            async pre(ctx: any) {
                calls++;
                const { kv } = ctx.storage;
                await kv.incr('begun');
                while (Number(await kv.get('begun')) < 4 * ctx.metadata.get('round')) {
                    await new Promise((resolve) => setTimeout(resolve, 1));
                }
                ctx.metadata.set('calls', calls);
                return { continue: true };
            } })";
    let files = Files::new(&[("module.ts", text)]);
    let factories = files.load("module.ts").await.unwrap();
    let module = factories[0].make(&json!({ "workers": 4 })).await.unwrap();
    let storage = storage().await;
    for round in 1..=20 {
        let calls: Vec<_> = (0..4)
            .map(|_| {
                let module = Arc::clone(&module);
                let mut context = context_in(&storage);
                context.metadata.set("round", round);
                tokio::spawn(async move { (module.pre(&mut context).await, context) })
            })
            .collect();
        for call in calls {
            let (done, context) = patiently(call).await.unwrap();
            done.unwrap();
            assert_eq!(context.metadata.get("calls"), Some(&json!(round)), "each has a context of its own");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_end_is_refused_and_one_that_waits_too_long() {
    let files = Files::new(&[
        ("loops.ts", "for (;;) {}\nexport default { name: 'm', version: '1' }"),
        ("waits.ts", "await new Promise(() => {}); export default { name: 'm', version: '1' }"),
        ("throws.ts", "export const n: number = 1;\nthrow new Error('at the top')"),
    ]);
    let error = patiently(files.load("loops.ts")).await.unwrap_err();
    assert!(error.contains("it computed for more than 250 ms"), "{error}");
    let mut options = files.options();
    options.load = Duration::from_millis(100);
    let error = patiently(ScriptLoader::new(options).load(&files.path("waits.ts"))).await.unwrap_err();
    assert!(error.contains("it was not read within 0.1 s"), "{error}");
    let error = files.load("throws.ts").await.unwrap_err();
    assert!(error.ends_with("throws.ts:2:11: at the top"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_and_post_are_ended_too() {
    let module = module("export default { name: 'm', version: '1', async stream() { for (;;) {} }, async post() { for (;;) {} } }").await;
    assert!(module.hooks().has(Hook::Stream) && module.hooks().has(Hook::Post));
    let mut context = response_context(r#"{"content":[]}"#).await;
    let chunk = penstock_core::canonical::CanonicalChunk::MessageStop;
    assert!(patiently(module.stream(chunk, &mut context)).await.unwrap_err().message.contains("250 ms"));
    assert!(patiently(module.post(&mut context)).await.unwrap_err().message.contains("250 ms"));
    let fine = pre_module("").await;
    assert_eq!(pre(&*fine).await.1, Ok(Flow::Continue));
}
