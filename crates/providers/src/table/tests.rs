use std::collections::HashSet;

use super::*;

const NAMES: &[&str] = &[
    "openai",
    "anthropic",
    "gemini",
    "azure_openai",
    "bedrock",
    "vertex",
    "groq",
    "openrouter",
    "deepseek",
    "mistral",
    "together",
    "fireworks",
    "xai",
    "cohere",
    "perplexity",
    "cerebras",
    "nvidia",
    "ollama",
    "vllm",
    "lmstudio",
    "custom",
];

const ROW: &str = r#"
[[provider]]
name = "acme"
base_url = "https://api.acme.test/v1"
auth = "bearer"
stream_usage = "ask"
[provider.endpoints.generate]
openai_chat = "/chat/completions"
"#;

#[test]
fn the_embedded_table_has_every_promised_provider() {
    let names: Vec<_> = ProviderTable::builtin().rows().map(|row| row.name.as_str()).collect();
    assert_eq!(names, NAMES);
}

#[test]
fn every_embedded_row_is_usable() {
    let must_be_configured = ["azure_openai", "bedrock", "vertex", "custom"];
    for row in ProviderTable::builtin().rows() {
        let name = &row.name;
        assert!(row.dialects(Operation::Generate).next().is_some(), "{name}");
        assert_eq!(row.base_url.is_none(), must_be_configured.contains(&name.as_str()), "{name}");
        assert_ne!(row.auth, AuthScheme::None, "{name}");
        assert!(!row.auth_also.contains(&row.auth), "{name}");
        assert!(!row.env_key.is_empty() && row.env_base_url.is_some(), "{name}");
        assert!(row.docs.is_some() || name == "custom", "{name}");
        assert!(!row.label.is_empty(), "{name}");
        let base_url = row.base_url.as_deref().unwrap_or_default();
        assert_eq!(row.local, base_url.starts_with("http://localhost:"), "{name}");
    }
}

#[test]
fn no_two_embedded_rows_share_an_environment_name_or_a_prefix() {
    let mut seen = HashSet::new();
    for row in ProviderTable::builtin().rows() {
        for name in row.env_key.iter().chain(&row.env_base_url) {
            assert!(name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'));
            assert!(seen.insert(name), "{name}");
        }
        for prefix in &row.key_prefixes {
            assert!(seen.insert(prefix), "{prefix}");
        }
    }
}

#[test]
fn no_catalogued_model_of_one_maker_is_taken_to_be_served_by_another() {
    let makers = ["openai", "anthropic", "gemini", "deepseek", "mistral", "xai", "cohere", "perplexity"];
    for maker in makers {
        for model in crate::Catalogue::builtin().models(maker) {
            let serving: Vec<_> = ProviderTable::builtin()
                .rows()
                .filter(|row| row.serves(&model.id))
                .map(|row| row.name.as_str())
                .collect();
            assert_eq!(serving, [maker], "{}", model.id);
        }
    }
}

#[test]
fn models_are_matched_whole() {
    let table = ProviderTable::builtin();
    let openai = table.get("openai").unwrap();
    for model in ["gpt-4o", "o1", "o3-mini", "text-embedding-3-small"] {
        assert!(openai.serves(model), "{model}");
    }
    for model in ["my-gpt-4o", "o1x", "claude-3-haiku-20240307", "openai/gpt-4o"] {
        assert!(!openai.serves(model), "{model}");
    }
    assert!(!table.get("openrouter").unwrap().serves("openai/gpt-4o"));
}

#[test]
fn paths_are_found_by_operation_and_dialect() {
    let table = ProviderTable::builtin();
    let anthropic = table.get("anthropic").unwrap();
    let path = anthropic.endpoint(Operation::Generate, Dialect::AnthropicMessages);
    assert_eq!(path, Some("/v1/messages"));
    assert_eq!(anthropic.endpoint(Operation::Generate, Dialect::OpenaiChat), None);
    assert_eq!(anthropic.endpoint(Operation::Embed, Dialect::AnthropicMessages), None);
    assert_eq!(anthropic.headers["anthropic-version"], "2023-06-01");
    let openrouter = table.get("openrouter").unwrap();
    let dialects: Vec<_> = openrouter.dialects(Operation::Generate).collect();
    assert_eq!(dialects, [Dialect::OpenaiChat, Dialect::OpenaiResponses, Dialect::AnthropicMessages]);
}

#[test]
fn a_key_tells_its_provider_only_by_a_distinctive_prefix() {
    let table = ProviderTable::builtin();
    for (key, owner) in [
        ("sk-ant-api03-abc", Some("anthropic")),
        ("sk-or-v1-abc", Some("openrouter")),
        ("sk-proj-abc", Some("openai")),
        ("gsk_abc", Some("groq")),
        ("AIzaSyAbc", Some("gemini")),
        ("sk-abc", None),
        ("sk-an", None),
        ("", None),
    ] {
        let found = table.owner_of_key(key).map(|row| row.name.as_str());
        assert_eq!(found, owner, "{key}");
    }
}

#[test]
fn the_longest_prefix_wins() {
    let text = format!(
        "{}{}",
        ROW.replace("auth =", "key_prefixes = [\"k-\"]\nauth ="),
        ROW.replace("auth =", "key_prefixes = [\"k-b-\"]\nauth =").replace("acme", "bolt"),
    );
    let table = ProviderTable::parse(&text).unwrap();
    assert_eq!(table.owner_of_key("k-a-1").unwrap().name, "acme");
    assert_eq!(table.owner_of_key("k-b-1").unwrap().name, "bolt");
}

#[test]
fn a_row_of_the_other_table_replaces_its_namesake_and_new_ones_follow() {
    let mut table = ProviderTable::builtin().clone();
    let text = format!("{ROW}{}", ROW.replace("acme\"", "openai\""));
    table.merge(ProviderTable::parse(&text).unwrap());
    let openai = table.get("openai").unwrap();
    assert_eq!(openai.base_url.as_deref(), Some("https://api.acme.test/v1"));
    assert_eq!(openai.label, "openai");
    assert!(!openai.serves("gpt-4o"));
    assert_eq!(table.rows().count(), NAMES.len() + 1);
    assert_eq!(table.rows().last().unwrap().name, "acme");
}

#[test]
fn an_unsound_row_is_refused_by_name_and_field() {
    for (from, to, row, field) in [
        ("https://api.acme.test/v1", "https://api.acme.test/v1/", "acme", "base_url"),
        ("https://api.acme.test/v1", "ftp://api.acme.test", "acme", "base_url"),
        ("https://api.acme.test/v1", "api.acme.test/v1", "acme", "base_url"),
        ("https://api.acme.test/v1", "https://api.acme.test?v=1", "acme", "base_url"),
        ("\"/chat", "\"chat", "acme", "endpoints.generate.openai_chat"),
        ("openai_chat", "openai_chats", "acme", "openai_chats"),
        ("endpoints.generate", "endpoints.generated", "acme", "generated"),
        ("\"bearer\"", "\"basic\"", "acme", "basic"),
        ("auth =", "authh =", "acme", "authh"),
        ("auth = \"bearer\"", "", "acme", "auth"),
        ("stream_usage = \"ask\"", "", "acme", "stream_usage"),
        ("name = \"acme\"", "", "provider row 1", "name"),
        ("\"acme\"", "\"Acme/1\"", "Acme/1", "name"),
        ("auth =", "env_key = [\"\"]\nauth =", "acme", "env_key"),
        ("auth =", "headers = { \"X-A\" = \"1\" }\nauth =", "acme", "headers.X-A"),
        ("auth =", "headers = { x-a = \"1\\n2\" }\nauth =", "acme", "headers.x-a"),
    ] {
        let text = ROW.replacen(from, to, 1);
        assert_ne!(text, ROW);
        let message = ProviderTable::parse(&text).unwrap_err().to_string();
        assert!(message.contains(row) && message.contains(field), "{to}: {message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn a_table_with_one_name_twice_or_with_something_else_at_its_top_is_refused() {
    let twice = ProviderTable::parse(&format!("{ROW}{ROW}")).unwrap_err();
    assert!(matches!(twice, TableError::Duplicate { row } if row == "provider acme"));
    let top = ProviderTable::parse("providers = 1").unwrap_err();
    assert!(top.to_string().contains("unknown field `providers`"), "{top}");
    assert!(ProviderTable::parse("provider = 1").is_err());
    assert!(ProviderTable::parse("[[provider").is_err());
}
