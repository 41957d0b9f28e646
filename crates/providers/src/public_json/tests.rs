use penstock_core::Usd;

use crate::{Catalogue, TableError};

const TEXT: &str = r#"{
  "sample_spec": { "litellm_provider": "one of", "input_cost_per_token": 0.0, "max_tokens": "a remark" },
  "openai-mini": {
    "litellm_provider": "openai", "mode": "chat", "supports_vision": true,
    "input_cost_per_token": 1.5e-07, "output_cost_per_token": 0.0000006,
    "cache_read_input_token_cost": 7.5e-08, "output_cost_per_token_priority": 1e-06,
    "max_input_tokens": 128000.0, "max_output_tokens": 16384, "max_tokens": 16384
  },
  "gemini/gemini-x-pro": {
    "litellm_provider": "gemini",
    "input_cost_per_token": 1.25e-06, "input_cost_per_token_above_200k_tokens": 2.5e-06,
    "output_cost_per_token": 1e-05, "output_cost_per_token_above_200k_tokens": 1.5e-05,
    "cache_read_input_token_cost": 1.25e-07, "cache_read_input_token_cost_above_200k_tokens": 2.5e-07,
    "max_input_tokens": 1048576, "max_output_tokens": null
  },
  "claude-x": {
    "litellm_provider": "anthropic", "input_cost_per_token": 3e-06, "output_cost_per_token": 1.5e-05,
    "cache_creation_input_token_cost": 3.75e-06, "cache_creation_input_token_cost_above_1hr": 6e-06,
    "max_tokens": "as the model allows"
  },
  "vertex_ai/text-x": { "litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 1e-7, "max_tokens": 8192 },
  "together_ai/org/model-x": { "litellm_provider": "together_ai", "input_cost_per_token": 0, "output_cost_per_token": 0 },
  "openrouter/openai/gpt-x": { "litellm_provider": "openrouter", "input_cost_per_token": 2E-6 },
  "dear-image": { "litellm_provider": "openai", "output_cost_per_image": 0.04 },
  "orphan": { "input_cost_per_token": 1e-06 }
}"#;

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

#[test]
fn prices_are_exact_whatever_their_notation() {
    let catalogue = Catalogue::parse_public_json(TEXT).unwrap();
    let mini = catalogue.get("openai", "openai-mini").unwrap();
    assert_eq!(mini.price.input, usd("0.15"));
    assert_eq!(mini.price.output, usd("0.6"));
    assert_eq!(mini.price.cache_read, Some(usd("0.075")));
    assert_eq!(mini.price.cache_write_5m, None);
    assert_eq!((mini.context, mini.max_output), (Some(128_000), Some(16_384)));
    let claude = catalogue.get("anthropic", "claude-x").unwrap();
    assert_eq!(claude.price.cache_write_5m, Some(usd("3.75")));
    assert_eq!(claude.price.cache_write_1h, Some(usd("6")));
    assert_eq!((claude.context, claude.max_output), (None, None));
}

#[test]
fn long_context_prices_become_tiers() {
    let catalogue = Catalogue::parse_public_json(TEXT).unwrap();
    let pro = catalogue.get("gemini", "gemini-x-pro").unwrap();
    let [tier] = pro.price.tiers.as_slice() else { panic!("{:?}", pro.price.tiers) };
    assert_eq!(tier.above, 200_000);
    assert_eq!((tier.input, tier.output), (usd("2.5"), usd("15")));
    assert_eq!(tier.cache_read, Some(usd("0.25")));
}

#[test]
fn providers_and_ids_are_those_of_the_table() {
    let catalogue = Catalogue::parse_public_json(TEXT).unwrap();
    let names: Vec<_> = catalogue.all().map(|m| (m.provider.as_str(), m.id.as_str())).collect();
    assert_eq!(
        names,
        [
            ("anthropic", "claude-x"),
            ("gemini", "gemini-x-pro"),
            ("openai", "openai-mini"),
            ("openrouter", "openai/gpt-x"),
            ("together", "org/model-x"),
            ("vertex", "text-x"),
        ]
    );
    assert_eq!(catalogue.get("vertex", "text-x").unwrap().context, Some(8192));
}

#[test]
fn the_version_follows_the_text() {
    let version = |text| Catalogue::parse_public_json(text).unwrap().version().to_owned();
    assert_eq!(version("{}"), "json-08f44b07b5901a25");
    assert_ne!(version("{}"), version("{ }"));
}

#[test]
fn what_is_no_price_is_refused_with_its_place() {
    for value in ["\"cheap\"", "-1e-06", "true", "[]", "1e400"] {
        let text = TEXT.replacen("1.5e-07", value, 1);
        let message = Catalogue::parse_public_json(&text).unwrap_err().to_string();
        assert!(message.contains("openai-mini"), "{message}");
        assert!(message.contains("input"), "{message}");
    }
    let row = Catalogue::parse_public_json(r#"{ "a": 1 }"#).unwrap_err();
    assert!(matches!(row, TableError::Row { row, .. } if row == "model a"));
    assert!(matches!(Catalogue::parse_public_json("[]"), Err(TableError::Json(_))));
}

#[test]
fn of_two_entries_with_one_name_the_first_stays() {
    let text = r#"{
      "m": { "litellm_provider": "xai", "input_cost_per_token": 2e-06 },
      "xai/m": { "litellm_provider": "xai", "input_cost_per_token": 1e-06 }
    }"#;
    let catalogue = Catalogue::parse_public_json(text).unwrap();
    assert_eq!(catalogue.all().count(), 1);
    assert_eq!(catalogue.get("xai", "m").unwrap().price.input, usd("2"));
}
