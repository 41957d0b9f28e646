use rquickjs::{Context, TypedArray};

use super::*;

const LIMIT: usize = 8 << 20;

/// A runtime whose scripts end when their memory is used up.
fn limited() -> (Memory, Runtime, Context) {
    let memory = Memory::new(LIMIT);
    let runtime = memory.runtime().unwrap();
    let watched = memory.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || watched.is_exhausted())));
    let context = Context::full(&runtime).unwrap();
    (memory, runtime, context)
}

/// Everything that is left to do.
fn drain(runtime: &Runtime) {
    while runtime.is_job_pending() {
        // a job that ends with an error is done
        drop(runtime.execute_pending_job());
    }
}

#[test]
fn a_script_that_leaks_ends_and_the_process_goes_on() {
    let leaks = [
        "const all = []; while (true) all.push({ text: 'x'.repeat(100) + all.length })",
        "let list = null; while (true) list = { list }",
        "const map = new Map(); while (true) map.set(map.size, [map.size])",
        "const all = []; while (true) { await null; all.push({ a: all.length }) }",
        "const all = []; while (true) { await null; for (let n = 0; n < 100; n++) all.push('x' + n) }",
        "const all = []; while (true) all.push(new Uint8Array(3000))",
        "const all = []; while (true) all.push(JSON.parse('[{},{},{},{},{},{},{},{},{},{}]'))",
    ];
    for leak in leaks {
        let (memory, runtime, context) = limited();
        let script = format!("(async () => {{ await 1; {leak} }})().catch(() => {{}}); 1");
        context.with(|ctx| ctx.eval::<i32, _>(script)).unwrap();
        drain(&runtime);
        assert!(memory.used() < LIMIT + RESERVE / 2, "{leak}: {} bytes", memory.used());
        runtime.run_gc();
        assert_eq!(context.with(|ctx| ctx.eval::<i32, _>("40 + 2")).unwrap(), 42, "{leak}");
        drop((context, runtime));
        assert_eq!(memory.used(), 0, "{leak}");
    }
}

#[test]
fn one_great_piece_is_refused_with_an_exception() {
    let (memory, runtime, context) = limited();
    for great in ["new Uint8Array(1e8)", "'x'.repeat(1e8)", "new Array(1e7).fill(1)", "new Uint8Array(9e6)"] {
        let script = format!("try {{ {great}; 'had' }} catch (error) {{ String(error) }}");
        let said: String = context.with(|ctx| ctx.eval(script)).unwrap();
        assert!(said.contains("out of memory") || said.contains("Array buffer"), "{great}: {said}");
        runtime.run_gc();
        assert!(memory.used() < LIMIT / 2, "{great}: {} bytes", memory.used());
    }
}

#[test]
fn bytes_are_copied() {
    let (_, _runtime, context) = limited();
    let copied = context.with(|ctx| {
        let array: TypedArray<'_, u8> = ctx.eval("new Uint8Array([1, 2, 254, 255]).subarray(1)").unwrap();
        bytes_of(&array)
    });
    assert_eq!(copied, [2, 254, 255]);
}
