//! Reads the JSON shape in which model prices are publicly passed around
//! (`model_prices_and_context_window.json`): an object of model → fields, prices per token.
//!
//! Prices are taken by their text, never through a float. Fields this crate has no use for are
//! ignored, because the public file gains new ones weekly.

use std::collections::BTreeMap;

use penstock_core::Usd;
use serde_json::value::RawValue;

use crate::{CatalogueModel, Price, TableError, Tier};

/// The entry that documents the shape.
const SAMPLE: &str = "sample_spec";

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// The priced models of `text`, each with the name that messages call it by.
pub(crate) fn models(text: &str) -> Result<Vec<(String, CatalogueModel)>, TableError> {
    let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
    let mut models = Vec::with_capacity(entries.len());
    for (key, entry) in entries.iter().filter(|(key, _)| *key != SAMPLE) {
        let label = format!("model {key}");
        let fields: Fields = serde_json::from_str(entry.get()).map_err(|error| TableError::Row {
            row: label.clone(),
            problem: format!("expected an object: {error}"),
        })?;
        let entry = Entry { label: &label, fields };
        if let Some(model) = entry.model(key)? {
            models.push((label, model));
        }
    }
    Ok(models)
}

/// A version for a file that states none: the FNV-1a hash of its bytes.
pub(crate) fn version(text: &str) -> String {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("json-{hash:016x}")
}

struct Entry<'a> {
    label: &'a str,
    fields: Fields<'a>,
}

impl Entry<'_> {
    fn model(&self, key: &str) -> Result<Option<CatalogueModel>, TableError> {
        let Some(named) = self.text("litellm_provider") else {
            return Ok(None);
        };
        let Some(price) = self.price()? else {
            return Ok(None);
        };
        let context = self.limit("max_input_tokens");
        let max_output = self.limit("max_output_tokens");
        // The legacy limit means the answer or the input; only alone can it be the input.
        let legacy = || match max_output {
            None => self.limit("max_tokens"),
            Some(_) => None,
        };
        Ok(Some(CatalogueModel {
            provider: provider(&named).to_owned(),
            id: bare_id(key, &named).to_owned(),
            aliases: Vec::new(),
            price,
            context: context.or_else(legacy),
            max_output,
            adaptive_thinking: false,
            no_reasoning: false,
        }))
    }

    /// `None` if input is not priced by the token, as with image models.
    fn price(&self) -> Result<Option<Price>, TableError> {
        let Some(input) = self.cost("input_cost_per_token", "")? else {
            return Ok(None);
        };
        let output = self.cost("output_cost_per_token", "")?.unwrap_or(Usd::ZERO);
        let mut tiers = Vec::new();
        for (above, suffix) in self.bounds() {
            tiers.push(Tier {
                above,
                input: self.cost("input_cost_per_token", &suffix)?.unwrap_or(input),
                output: self.cost("output_cost_per_token", &suffix)?.unwrap_or(output),
                cache_read: self.cost("cache_read_input_token_cost", &suffix)?,
                cache_write_5m: self.cost("cache_creation_input_token_cost", &suffix)?,
                cache_write_1h: self.cost(CACHE_WRITE_1H, &suffix)?,
            });
        }
        Ok(Some(Price {
            input,
            output,
            cache_read: self.cost("cache_read_input_token_cost", "")?,
            cache_write_5m: self.cost("cache_creation_input_token_cost", "")?,
            cache_write_1h: self.cost(CACHE_WRITE_1H, "")?,
            tiers,
        }))
    }

    /// The bounds of the long-context tiers and the field suffixes that carry them, such as
    /// 200,000 and `_above_200k_tokens`.
    fn bounds(&self) -> BTreeMap<u64, String> {
        ["input_cost_per_token", "output_cost_per_token"]
            .iter()
            .flat_map(|stem| self.fields.keys().filter_map(move |key| key.strip_prefix(stem)))
            .filter_map(|suffix| {
                let digits = suffix.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
                let thousands: u64 = digits.parse().ok()?;
                Some((thousands.checked_mul(1000)?, suffix.to_owned()))
            })
            .collect()
    }

    fn cost(&self, stem: &str, suffix: &str) -> Result<Option<Usd>, TableError> {
        let field = format!("{stem}{suffix}");
        let Some(text) = self.present(&field) else {
            return Ok(None);
        };
        Usd::per_million_from_per_token(text)
            .map(Some)
            .map_err(|_| TableError::field(self.label, field, "a number", &text))
    }

    fn text(&self, field: &str) -> Option<String> {
        serde_json::from_str(self.present(field)?).ok()
    }

    /// A whole number, which the public file may write as `2000000.0`; anything else is a remark,
    /// of which it has some.
    fn limit(&self, field: &str) -> Option<u64> {
        let text = self.present(field)?;
        text.strip_suffix(".0").unwrap_or(text).parse().ok()
    }

    fn present(&self, field: &str) -> Option<&str> {
        let text = self.fields.get(field)?.get();
        (text != "null").then_some(text)
    }
}

const CACHE_WRITE_1H: &str = "cache_creation_input_token_cost_above_1hr";

/// The provider table's name for a provider of the public file.
fn provider(named: &str) -> &str {
    match named {
        "azure" | "azure_text" => "azure_openai",
        "bedrock_converse" => "bedrock",
        "cohere_chat" => "cohere",
        "codestral" | "text-completion-codestral" => "mistral",
        "hosted_vllm" => "vllm",
        "lm_studio" => "lmstudio",
        "nvidia_nim" => "nvidia",
        "text-completion-openai" => "openai",
        "together_ai" => "together",
        _ if named.starts_with("vertex_ai") => "vertex",
        _ if named.starts_with("fireworks_ai") => "fireworks",
        _ => named,
    }
}

/// The upstream id: the key without the provider's own name, which may be short of a suffix
/// (`vertex_ai/…` of provider `vertex_ai-language-models`).
fn bare_id<'a>(key: &'a str, named: &str) -> &'a str {
    match key.split_once('/') {
        Some((first, rest)) if !rest.is_empty() && is_prefix_of(first, named) => rest,
        _ => key,
    }
}

fn is_prefix_of(first: &str, named: &str) -> bool {
    named.strip_prefix(first).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
}

#[cfg(test)]
mod tests;
