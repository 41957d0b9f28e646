//! What each kind of rule cannot do without. A rule that does not compile is refused when it is saved; what else
//! a rule may say is for who runs it.

use http::{HeaderName, HeaderValue};
use penstock_control::RuleKind;
use serde_json::Value;

use crate::admin::v1::check;
use crate::admin::v1::problem::Problem;

/// Refuses a config with which such a rule cannot work.
pub(super) fn check(kind: RuleKind, config: &Value) -> Result<(), Problem> {
    check::object("config", config)?;
    match kind {
        RuleKind::SystemText => text(config, "text").map(drop)?,
        RuleKind::Rewrite => text(config, "path").map(drop)?,
        RuleKind::Header => {
            header_name("config.name", text(config, "name")?)?;
            let value = text(config, "value")?;
            if value.parse::<HeaderValue>().is_err() {
                return Err(Problem::field("config.value", "expected a text of one line"));
            }
        }
        RuleKind::Transform => {
            if config.get("pattern").is_none() {
                text(config, "path")?;
            }
        }
        RuleKind::CacheBreakpoint => {}
    }
    if config.get("pattern").is_some() {
        check::regex("config.pattern", text(config, "pattern")?)?;
    }
    Ok(())
}

/// A header, and what its value has to match.
pub(super) fn check_filter(filter: &Value) -> Result<(), Problem> {
    check::object("filter_header", filter)?;
    let part = |name: &str| {
        let field = format!("filter_header.{name}");
        let text = filter[name].as_str().ok_or_else(|| Problem::field(&field, "expected a text"));
        text.map(|text| (field, text))
    };
    let (field, name) = part("name")?;
    header_name(&field, name)?;
    let (field, pattern) = part("pattern")?;
    check::regex(&field, pattern)
}

fn text<'a>(config: &'a Value, name: &str) -> Result<&'a str, Problem> {
    let found = config[name].as_str().filter(|text| !text.is_empty());
    found.ok_or_else(|| Problem::field(&format!("config.{name}"), "expected a text that is not empty"))
}

fn header_name(field: &str, name: &str) -> Result<(), Problem> {
    match name.parse::<HeaderName>() {
        Ok(_) => Ok(()),
        Err(_) => Err(Problem::field(field, format!("expected the name of a header, found {name:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_has_what_it_cannot_do_without() {
        let cases = [
            (RuleKind::SystemText, json!({"text": "be brief"}), None),
            (RuleKind::SystemText, json!({}), Some("config.text")),
            (RuleKind::Rewrite, json!({"path": "$.top_k", "op": "delete"}), None),
            (RuleKind::Rewrite, json!({"path": 7}), Some("config.path")),
            (RuleKind::Header, json!({"name": "x-team", "value": "a"}), None),
            (RuleKind::Header, json!({"name": "x team", "value": "a"}), Some("config.name")),
            (RuleKind::Header, json!({"name": "x-team", "value": "a\nb"}), Some("config.value")),
            (RuleKind::Transform, json!({"pattern": "a+", "replace": "b"}), None),
            (RuleKind::Transform, json!({"pattern": "(", "replace": "b"}), Some("config.pattern")),
            (RuleKind::Transform, json!({}), Some("config.path")),
            (RuleKind::CacheBreakpoint, json!({}), None),
            (RuleKind::CacheBreakpoint, json!([]), Some("config")),
        ];
        for (kind, config, field) in cases {
            let outcome = check(kind, &config);
            let detail =
                outcome.as_ref().err().map(|problem| problem.detail.split(": ").next().unwrap_or_default());
            assert_eq!(detail, field, "{kind} {config}");
        }
        assert!(check_filter(&json!({"name": "user-agent", "pattern": "claude.*"})).is_ok());
        assert!(check_filter(&json!({"name": "user-agent", "pattern": "["})).is_err());
        assert!(check_filter(&json!({"name": "user-agent"})).is_err());
    }
}
