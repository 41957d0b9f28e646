//! What a module is.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use penstock_core::canonical::{CanonicalChunk, CanonicalResponse};
use penstock_storage::StorageAdapter;
use penstock_storage::db::Migrations;

use crate::{HookError, RequestContext, ResponseContext};

/// A named unit around the provider call. Name and version are all that it must have.
///
/// One instance serves every request of its configuration, many at a time. A hook's future may be dropped between two
/// of its awaits, when its time is up or the process ends.
#[async_trait]
pub trait Module: fmt::Debug + Send + Sync {
    /// What the pipeline calls it.
    fn name(&self) -> &str;

    /// Its version, in the manner of semver.
    fn version(&self) -> &str;

    /// Which hooks it has; the others are never called.
    fn hooks(&self) -> Hooks;

    /// What its hooks look at. What nobody reads is not decoded and not kept.
    fn reads(&self) -> Parts {
        Parts::ALL
    }

    /// What its hooks may change. A stream that nobody edits goes out as the bytes that came in.
    fn edits(&self) -> Parts {
        Parts::ALL
    }

    /// What becomes of a request when `pre` or `init` fails.
    fn on_failure(&self) -> OnFailure {
        OnFailure::Open
    }

    /// How long `hook` may take, where that is not what the gateway gives to every module.
    fn time_budget(&self, hook: Hook) -> Option<Duration> {
        let _ = hook;
        None
    }

    /// Its tables, applied before `init`.
    fn migrations(&self) -> Option<&Migrations> {
        None
    }

    /// Runs once in a process, before it listens, and again when it failed because the storage was down.
    async fn init(&self, storage: &StorageAdapter) -> Result<(), HookError> {
        let _ = storage;
        Ok(())
    }

    /// Before the provider is asked: may edit the request, or answer it.
    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        let _ = context;
        Ok(Flow::Continue)
    }

    /// For each piece of a streamed answer.
    async fn stream(
        &self,
        chunk: CanonicalChunk,
        context: &mut ResponseContext,
    ) -> Result<CanonicalChunk, HookError> {
        let _ = context;
        Ok(chunk)
    }

    /// After the answer, whoever gave it and however it ended. It delays nobody.
    async fn post(&self, context: &mut ResponseContext) -> Result<(), HookError> {
        let _ = context;
        Ok(())
    }
}

/// What `pre` decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The next module, and then the provider.
    Continue,
    /// This is the answer; the modules behind and the provider are not asked.
    Respond(Box<CanonicalResponse>),
}

/// A hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// See [`Module::init`].
    Init,
    /// See [`Module::pre`].
    Pre,
    /// See [`Module::stream`].
    Stream,
    /// See [`Module::post`].
    Post,
}

impl Hook {
    /// All of them, in the order of a request.
    pub const ALL: [Self; 4] = [Self::Init, Self::Pre, Self::Stream, Self::Post];

    /// The name that module authors write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Pre => "pre",
            Self::Stream => "stream",
            Self::Post => "post",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The hooks that a module has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks(u8);

impl Hooks {
    /// These.
    pub const fn of(hooks: &[Hook]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < hooks.len() {
            bits |= 1 << hooks[at] as u8;
            at += 1;
        }
        Self(bits)
    }

    /// Whether it has `hook`.
    pub const fn has(self, hook: Hook) -> bool {
        self.0 & (1 << hook as u8) != 0
    }

    /// Those it has.
    pub fn iter(self) -> impl Iterator<Item = Hook> {
        Hook::ALL.into_iter().filter(move |hook| self.has(*hook))
    }
}

/// Parts of an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The request beyond its model.
    pub request: bool,
    /// The pieces of a streamed answer.
    pub stream: bool,
    /// The answer's content: not its usage, nor its cost.
    pub response: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self { request: true, stream: true, response: true };
    /// Nothing.
    pub const NONE: Self = Self { request: false, stream: false, response: false };
}

/// What becomes of a request when a module fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It goes on without the module.
    #[default]
    Open,
    /// It is refused: the module is a policy that nobody may slip past.
    Closed,
}

impl OnFailure {
    /// The word that module authors write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}
