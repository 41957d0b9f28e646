//! QuickJS.

mod load;
mod value;
mod watch;

use std::cell::RefCell;
use std::rc::Rc;

use penstock_quickjs_native::Memory;
use rquickjs::function::Rest;
use rquickjs::{Context, Ctx, Function, Module, Object, Persistent, Runtime};

use super::{Engine, Host, Limits, Stretch, Thrown, Value};
use load::HostLoader;
use watch::Watch;

/// The stack that a script may use. The thread has more: what the engine calls in turn needs some.
const STACK: usize = 1 << 20;

/// One runtime with one context.
pub(crate) struct QuickJs {
    // dropped in this order: what is in the context, the context, the runtime
    entries: Persistent<Object<'static>>,
    context: Context,
    runtime: Runtime,
    memory: Memory,
    watch: Watch,
    unhandled: Rc<RefCell<Vec<Unhandled>>>,
}

/// A rejected promise that nobody has looked at so far.
struct Unhandled {
    promise: Persistent<rquickjs::Value<'static>>,
    thrown: Thrown,
}

impl QuickJs {
    /// Runs the prelude.
    pub(super) fn start(host: &Rc<dyn Host>, limits: Limits) -> Result<Self, String> {
        let memory = Memory::new(limits.memory);
        let failed = |error: rquickjs::Error| format!("the script engine cannot start: {error}");
        let runtime = memory.runtime().map_err(failed)?;
        runtime.set_max_stack_size(STACK);
        let watch = Watch::new(memory.clone(), limits.stretch);
        runtime.set_interrupt_handler(Some(watch.handler()));
        runtime.set_loader(HostLoader::new(host), HostLoader::new(host));
        let unhandled = Rc::new(RefCell::new(Vec::new()));
        runtime.set_host_promise_rejection_tracker(Some(tracker(&unhandled)));
        let context = Context::full(&runtime).map_err(failed)?;
        watch.begin();
        let entries = context.with(|ctx| {
            let run = prelude(&ctx, host);
            run.map_err(|error| {
                let thrown = value::caught(&ctx, error);
                format!("the prelude of scripts cannot run: {} {}", thrown.message, thrown.stack)
            })
        })?;
        Ok(Self { entries, context, runtime, memory, watch, unhandled })
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
fn prelude<'js>(ctx: &Ctx<'js>, host: &Rc<dyn Host>) -> rquickjs::Result<Persistent<Object<'static>>> {
    let called = Rc::clone(host);
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
    Ok(Persistent::save(ctx, module.namespace()?))
}

impl Engine for QuickJs {
    fn enter(&mut self, entry: &str, arguments: &[Value]) -> Stretch {
        let mut stretch = Stretch::default();
        self.watch.begin();
        let done = self.context.with(|ctx| {
            let entered = value::enter(&ctx, &self.entries, entry, arguments);
            entered.map_err(|error| value::caught(&ctx, error))
        });
        if let Err(thrown) = done {
            stretch.cut = self.watch.cut();
            stretch.thrown = Some(thrown);
        }
        self.run_jobs(&mut stretch);
        stretch.unhandled = self.unhandled.take().into_iter().map(|found| found.thrown).collect();
        stretch
    }

    fn used_memory(&self) -> usize {
        self.memory.used()
    }

    fn collect_garbage(&mut self) {
        self.runtime.run_gc();
    }
}

impl Drop for QuickJs {
    fn drop(&mut self) {
        // they hold values of the runtime
        self.unhandled.take();
        self.runtime.set_host_promise_rejection_tracker(None);
    }
}

/// Notes promises that are rejected while nobody looks, and forgets those that somebody then does look at.
fn tracker(noted: &Rc<RefCell<Vec<Unhandled>>>) -> rquickjs::runtime::RejectionTracker {
    let noted = Rc::clone(noted);
    Box::new(move |ctx, promise, reason, is_handled| {
        if is_handled {
            let is_other =
                |found: &Unhandled| found.promise.clone().restore(&ctx).is_ok_and(|known| known != promise);
            noted.borrow_mut().retain(is_other);
        } else {
            let thrown = value::thrown(&ctx, &reason);
            noted.borrow_mut().push(Unhandled { promise: Persistent::save(&ctx, promise), thrown });
        }
    })
}
