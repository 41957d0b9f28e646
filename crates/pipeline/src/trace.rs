//! What each module did to one request.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::{Hook, HookError};

/// What has been done, in order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Trace(Vec<Step>);

/// One hook's work.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// The module.
    pub module: String,
    /// Its hook.
    #[serde(serialize_with = "text")]
    pub hook: Hook,
    /// What came of it: `continued`, `answered`, `refused`, `failed`, `skipped`; of all chunks of a stream together.
    pub outcome: &'static str,
    /// How long it took, all calls together.
    #[serde(rename = "microseconds", serialize_with = "microseconds")]
    pub took: Duration,
    /// How often it was called.
    pub calls: u32,
    /// When it was called first.
    #[serde(skip)]
    pub began: SystemTime,
    /// When its last call was over.
    #[serde(skip)]
    pub ended: SystemTime,
    /// What went wrong first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn text<S: Serializer>(hook: &Hook, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(hook.as_str())
}

fn microseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_micros()).unwrap_or(u64::MAX))
}

impl Trace {
    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Notes a call; those of `stream` are one step.
    pub(crate) fn note(
        &mut self,
        (module, hook): (&str, Hook),
        took: Duration,
        outcome: &'static str,
        error: Option<&HookError>,
    ) {
        let error = error.map(ToString::to_string);
        let ended = SystemTime::now();
        let known =
            self.0.iter_mut().find(|step| hook == Hook::Stream && step.hook == hook && step.module == module);
        let Some(step) = known else {
            let began = ended.checked_sub(took).unwrap_or(ended);
            let module = module.to_owned();
            self.0.push(Step { module, hook, outcome, took, calls: 1, began, ended, error });
            return;
        };
        step.took += took;
        step.ended = ended;
        step.calls = step.calls.saturating_add(1);
        if step.error.is_none() && error.is_some() {
            (step.error, step.outcome) = (error, outcome);
        }
    }
}
