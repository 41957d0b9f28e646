//! Adds a rule to the system prompt of each request, and counts them by user.

use std::sync::Arc;

use penstock::core::canonical::SystemPrompt;
use penstock::pipeline::serde_json::Value;
use penstock::pipeline::{
    Factory, Flow, Hook, HookError, Hooks, Module, Origin, Parts, RequestContext, async_trait,
};
use penstock::storage::kv::{Key, Ttl};

/// Makes modules of a configuration: `- house-rules: { rule: Answer in French. }`.
#[derive(Debug)]
pub struct HouseRules;

#[async_trait]
impl Factory for HouseRules {
    fn name(&self) -> &str {
        "house-rules"
    }

    fn origin(&self) -> Origin {
        Origin::BuiltIn
    }

    async fn make(&self, config: &Value) -> Result<Arc<dyn Module>, String> {
        match &config["rule"] {
            Value::Null => Ok(Arc::new(Rule("Answer briefly.".to_owned()))),
            Value::String(rule) => Ok(Arc::new(Rule(rule.clone()))),
            other => Err(format!("rule: expected a text, found {other}")),
        }
    }
}

/// The module itself.
#[derive(Debug)]
struct Rule(String);

#[async_trait]
impl Module for Rule {
    fn name(&self) -> &str {
        "house-rules"
    }

    fn version(&self) -> &str {
        env!("CARGO_PKG_VERSION")
    }

    fn hooks(&self) -> Hooks {
        Hooks::of(&[Hook::Pre])
    }

    // answers, whole or in pieces, are forwarded as they come
    fn reads(&self) -> Parts {
        Parts { request: true, ..Parts::NONE }
    }

    fn edits(&self) -> Parts {
        Parts { request: true, ..Parts::NONE }
    }

    async fn pre(&self, context: &mut RequestContext) -> Result<Flow, HookError> {
        let request = context.request.edit()?;
        // one that has a system prompt keeps it
        request.system.get_or_insert_with(|| SystemPrompt::Text(self.0.as_str().into()));
        let key = Key::new(format!("house-rules:{}", context.call.key.user_id))?;
        let seen = context.storage.kv().incr(&key, 1, Ttl::Forever).await?;
        context.metadata.set("house-rules.seen", seen);
        Ok(Flow::Continue)
    }
}
