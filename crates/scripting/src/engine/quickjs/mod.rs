//! QuickJS.

mod load;
mod value;
mod watch;

use std::cell::RefCell;
use std::sync::Arc;

use penstock_quickjs_native::Memory;
use rquickjs::function::Rest;
use rquickjs::{Context, Ctx, Function, Module, Runtime};

use super::{Engine, Host, Limits, Stretch, Thrown, Value};
use load::HostLoader;
use watch::Watch;

/// The stack that a script may use. The thread has more: what the engine calls in turn needs some.
const STACK: usize = 1 << 20;

/// One runtime with one context. The runtime keeps the entries of the prelude and [`Unhandled`].
pub(crate) struct QuickJs {
    // dropped in this order: the context, the runtime
    context: Context,
    runtime: Runtime,
    memory: Memory,
    watch: Watch,
}

/// The rejected promises that nobody has looked at so far, each followed by what it was rejected with.
type Unhandled<'js> = RefCell<Vec<rquickjs::Value<'js>>>;

impl QuickJs {
    /// Runs the prelude.
    pub(super) fn start(host: &Arc<dyn Host>, limits: Limits) -> Result<Self, String> {
        let memory = Memory::new(limits.memory);
        let failed = |error: rquickjs::Error| format!("the script engine cannot start: {error}");
        let runtime = memory.runtime().map_err(failed)?;
        runtime.set_max_stack_size(STACK);
        let watch = Watch::new(memory.clone(), limits);
        runtime.set_interrupt_handler(Some(watch.handler(host)));
        runtime.set_loader(HostLoader::new(host), HostLoader::new(host));
        let context = Context::full(&runtime).map_err(failed)?;
        watch.begin();
        context.with(|ctx| {
            let run = prelude(&ctx, host);
            run.map_err(|error| {
                let thrown = value::caught(&ctx, error);
                format!("the prelude of scripts cannot run: {} {}", thrown.message, thrown.stack)
            })
        })?;
        runtime.set_host_promise_rejection_tracker(Some(Box::new(track)));
        Ok(Self { context, runtime, memory, watch })
    }

    /// Runs what has become possible, until there is nothing left or a limit is met.
    fn run_jobs(&self, stretch: &mut Stretch) {
        // a job that was cut leaves others, which may have done nothing wrong; they get no second chance
        while stretch.cut.is_none() {
            match self.runtime.execute_pending_job() {
                Ok(true) => {}
                Ok(false) => break,
                Err(failed) => {
                    let thrown = failed.0.with(|ctx| value::caught(&ctx, rquickjs::Error::Exception));
                    stretch.cut = self.watch.cut();
                    stretch.thrown = stretch.thrown.take().or(Some(thrown));
                }
            }
        }
    }
}

/// Evaluates the prelude; its exports are what the host calls.
fn prelude<'js>(ctx: &Ctx<'js>, host: &Arc<dyn Host>) -> rquickjs::Result<()> {
    let called = Arc::clone(host);
    let function = Function::new(
        ctx.clone(),
        move |ctx: Ctx<'js>, operation: String, arguments: Rest<rquickjs::Value<'js>>| {
            value::call(&ctx, &*called, &operation, &arguments.0)
        },
    )?;
    ctx.globals().set("__penstock", function)?;
    let code = host.code("penstock:main").unwrap_or_default();
    let (module, done) = Module::declare(ctx.clone(), "penstock:main", code)?.eval()?;
    done.finish::<()>()?;
    // it could only fail while somebody looks at what is stored, and nobody does
    ctx.store_userdata(module.namespace()?).map_err(|_| rquickjs::Error::Unknown)?;
    ctx.store_userdata(Unhandled::default()).map_err(|_| rquickjs::Error::Unknown)?;
    Ok(())
}

/// Takes the rejected promises that nobody has looked at.
fn unhandled(ctx: &Ctx<'_>) -> Vec<Thrown> {
    let noted = ctx.userdata::<Unhandled<'_>>().map(|noted| noted.take()).unwrap_or_default();
    noted.chunks(2).filter_map(|pair| pair.get(1)).map(|reason| value::thrown(ctx, reason)).collect()
}

impl Engine for QuickJs {
    fn enter(&mut self, entry: &str, arguments: &[Value]) -> Stretch {
        let mut stretch = Stretch::default();
        self.watch.begin();
        let done = self.context.with(|ctx| {
            let entered = value::enter(&ctx, entry, arguments);
            entered.map_err(|error| value::caught(&ctx, error))
        });
        if let Err(thrown) = done {
            stretch.cut = self.watch.cut();
            stretch.thrown = Some(thrown);
        }
        self.run_jobs(&mut stretch);
        stretch.unhandled = self.context.with(|ctx| unhandled(&ctx));
        stretch.long = self.watch.long();
        stretch
    }

    fn used_memory(&self) -> usize {
        self.memory.used()
    }

    fn collect_garbage(&mut self) {
        self.runtime.run_gc();
    }
}

/// Notes a promise that is rejected while nobody looks, and forgets one that somebody then does look at.
#[expect(clippy::needless_pass_by_value, reason = "the engine calls it so")]
fn track<'js>(ctx: Ctx<'js>, promise: rquickjs::Value<'js>, reason: rquickjs::Value<'js>, is_handled: bool) {
    let Some(noted) = ctx.userdata::<Unhandled<'js>>() else {
        return;
    };
    let mut noted = noted.borrow_mut();
    if !is_handled {
        noted.extend([promise, reason]);
    } else if let Some(at) = noted.iter().step_by(2).position(|known| *known == promise) {
        noted.drain(2 * at..2 * at + 2);
    }
}
