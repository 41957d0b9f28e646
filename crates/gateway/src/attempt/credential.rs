//! What a provider's refusal says of the gateway's own credential, which is none of the client's business.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use serde_json::Value;

use crate::routing::Credential;

/// Shorter ones are placeholders such as `none`, which stand in any text.
const SHORTEST: usize = 8;

/// Whether the body of a refusal shows the secret it was asked with, or may do so where nobody can read it.
/// Google's does: `Consumer 'api_key:AIza…' has been suspended.`
pub(super) fn shows(credential: &Credential, headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(secret) = secret(credential) else { return false };
    let plain = |encoding: &http::HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get(CONTENT_ENCODING).is_none_or(plain) || holds(body, secret) {
        return true;
    }
    // a slash or a plus may be escaped
    body.contains(&b'\\') && serde_json::from_slice(body).is_ok_and(|body| is_in(&body, secret))
}

/// The secret as it stands in its header.
fn secret(credential: &Credential) -> Option<&[u8]> {
    let (_, value) = credential.header.as_ref()?;
    let value = value.as_bytes();
    Some(value.strip_prefix(b"Bearer ").unwrap_or(value)).filter(|secret| secret.len() >= SHORTEST)
}

fn holds(text: &[u8], secret: &[u8]) -> bool {
    text.windows(secret.len()).any(|window| window == secret)
}

fn is_in(value: &Value, secret: &[u8]) -> bool {
    match value {
        Value::String(text) => holds(text.as_bytes(), secret),
        Value::Array(values) => values.iter().any(|value| is_in(value, secret)),
        Value::Object(fields) => {
            fields.iter().any(|(name, value)| holds(name.as_bytes(), secret) || is_in(value, secret))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a 400 says that the key is invalid or has expired, which is a 401 from anybody but Google. Its
/// endpoint for OpenAI's dialect puts the error into a list.
pub(super) fn is_called_invalid(body: &[u8]) -> bool {
    const INVALID: &str = "API_KEY_INVALID";
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return false };
    let error = &body.get(0).unwrap_or(&body)["error"];
    let mut details = error["details"].as_array().into_iter().flatten();
    error["status"] == INVALID || details.any(|detail| detail["reason"] == INVALID)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::ProviderSpec;
    use crate::choose::Candidate;
    use crate::routing::CredentialSpec;

    fn credential(channel: &str, secret: &str) -> Arc<Credential> {
        let credentials = vec![CredentialSpec::sample("main", secret)];
        let provider = ProviderSpec { credentials, ..ProviderSpec::sample(channel) };
        let provider = provider.at("https://api.example.com");
        Candidate::sample(provider, "m").credential.unwrap()
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let plain = HeaderMap::from_iter([(CONTENT_ENCODING, "Identity".parse().unwrap())]);
        for channel in ["openai", "anthropic", "gemini", "azure_openai"] {
            let credential = credential(channel, "key/of+us");
            for body in [
                "key/of+us",
                "Consumer 'api_key:key/of+us' has been suspended",
                r#"{"error":{"message":"bad: \"key\/of+us\""}}"#,
                r#"[{"key/of\u002bus":1}]"#,
            ] {
                assert!(shows(&credential, &plain, body.as_bytes()), "{channel} {body}");
            }
            for body in ["", "key/of+u", r#"{"\/":"Bearer"}"#, r"\"] {
                assert!(!shows(&credential, &plain, body.as_bytes()), "{channel} {body}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_may_show_it_and_a_placeholder_is_no_secret() {
        let packed = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert!(shows(&credential("openai", "sk-secret"), &packed, b"any"));
        for headers in [packed, HeaderMap::new()] {
            assert!(!shows(&credential("openai", "none"), &headers, b"none is there"));
        }
    }

    #[test]
    fn google_has_its_own_way_to_refuse_a_key() {
        let reason = r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"a":1},{"reason":"API_KEY_INVALID"}]}}"#;
        for invalid in [reason, &format!("[{reason}]"), r#"{"error":{"status":"API_KEY_INVALID"}}"#] {
            assert!(is_called_invalid(invalid.as_bytes()), "{invalid}");
        }
        for other in [
            "",
            "API_KEY_INVALID",
            "[]",
            r#"{"error":{"message":"API_KEY_INVALID","status":"INVALID_ARGUMENT"}}"#,
            r#"{"error":{"details":"API_KEY_INVALID"}}"#,
        ] {
            assert!(!is_called_invalid(other.as_bytes()), "{other}");
        }
    }
}
