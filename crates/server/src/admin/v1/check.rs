//! What must hold of values before they are saved. Each refusal names the field.

use penstock_core::{ProxyUrl, Secret};
use penstock_gateway::{check_alias, check_base_url, check_provider_name};
use regex::RegexBuilder;
use serde_json::Value;

use super::problem::Problem;
use super::resource::Written;

/// Characters of a name at the most: what every database indexes.
const NAME: usize = 255;
/// Bytes of a compiled expression at the most.
const REGEX: usize = 1 << 20;

/// A name by which people and paths tell records apart.
pub(super) fn name(field: &str, name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if (1..=NAME).contains(&length) && name.trim() == name && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let expected = format!("expected 1 to {NAME} characters, without spaces at the ends, found {name:?}");
    Err(Problem::field(field, expected))
}

/// A name that could be taken for an id would hide the record with that id.
pub(super) fn own_name(field: &str, text: &str) -> Result<(), Problem> {
    name(field, text)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::field(
            field,
            format!("expected a name that is not only digits, found {text:?}"),
        ));
    }
    Ok(())
}

/// A provider's name stands in paths of this gateway.
pub(super) fn provider_name(field: &str, text: &str) -> Result<(), Problem> {
    own_name(field, text)?;
    check_provider_name(text).map_err(|expected| Problem::field(field, format!("{expected}, found {text:?}")))
}

/// A glob: any text is one, but for none at all.
pub(super) fn glob(field: &str, text: &str) -> Result<(), Problem> {
    name(field, text)
        .map_err(|_| Problem::field(field, format!("expected a glob such as \"openai/*\", found {text:?}")))
}

/// The expression of an alias, as the routing will read it.
pub(super) fn alias(field: &str, text: &str) -> Result<(), Problem> {
    name(field, text)?;
    check_alias(text).map_err(|why| Problem::field(field, format!("expected a regular expression: {why}")))
}

/// A regular expression of the engine that runs it, which does not backtrack.
pub(super) fn regex(field: &str, text: &str) -> Result<(), Problem> {
    let compiled = RegexBuilder::new(text).size_limit(REGEX).build();
    // the message of the engine has several lines; the last one says what is wrong
    let why = |error: regex::Error| error.to_string().lines().last().unwrap_or_default().trim().to_owned();
    match compiled {
        Ok(_) => Ok(()),
        Err(error) => Err(Problem::field(field, format!("expected a regular expression: {}", why(error)))),
    }
}

/// Any JSON value that is an object.
pub(super) fn object(field: &str, value: &Value) -> Result<(), Problem> {
    if value.is_object() { Ok(()) } else { Err(Problem::field(field, "expected a JSON object")) }
}

/// What becomes a header, or part of a URL.
pub(super) fn secret(field: &str, written: &Written) -> Result<(), Problem> {
    const MOST: usize = 16 << 10;
    let Written::Given(secret) = written else { return Ok(()) };
    let sound = |secret: &Secret<String>| {
        // only looked at
        let text = secret.expose();
        !text.trim().is_empty() && text.len() <= MOST && !text.contains(['\r', '\n'])
    };
    if sound(secret) {
        return Ok(());
    }
    Err(Problem::field(field, format!("expected a text of one line, of 1 to {MOST} bytes, found [hidden]")))
}

/// A proxy: `http`, `https` or `socks5`, with or without a login; or `direct`.
pub(super) fn proxy(field: &str, written: &Written) -> Result<(), Problem> {
    secret(field, written)?;
    let Written::Given(url) = written else { return Ok(()) };
    ProxyUrl::parse(url).map(|_| ()).map_err(|error| Problem::field(field, error.to_string()))
}

/// The address of a provider.
pub(super) fn base_url(field: &str, text: &str) -> Result<(), Problem> {
    check_base_url(text).map_err(|expected| Problem::field(field, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_records_apart() {
        for sound in ["ada", "gpt-4o", "a b", "ä", "a/b"] {
            assert!(own_name("name", sound).is_ok(), "{sound}");
        }
        for bad in ["", " ada", "ada ", "a\nb", "17", &"x".repeat(256)] {
            assert!(own_name("name", bad).is_err(), "{bad:?}");
        }
        for bad in ["a/b", "admin", "v1", "..", "ä", "4"] {
            assert!(provider_name("name", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn expressions_compile_and_are_of_bounded_size() {
        for check in [alias, regex] {
            assert!(check("alias", "gpt-4(.*)").is_ok());
            for bad in ["(", "a{2}{", "(?=a)", "(a{1000}){1000}", "a)|(?:b"] {
                let problem = check("alias", bad).unwrap_err();
                assert!(
                    problem.detail.starts_with("alias: expected a regular expression: "),
                    "{bad}: {problem:?}"
                );
            }
        }
    }

    #[test]
    fn base_urls_hold_no_secret_and_lead_to_no_metadata() {
        assert!(base_url("base_url", "http://10.0.0.5:8080/v1").is_ok());
        for bad in [
            "",
            "ftp://x",
            "https://",
            "https://a:b@x/v1",
            "https://x:99999/v1",
            "https://x?key=1",
            "https://x/#a",
            "http://169.254.169.254/latest",
            "http://[::ffff:169.254.169.254]/",
            "http://2852039166/",
            "http://metadata.google.internal./",
        ] {
            assert!(base_url("base_url", bad).is_err(), "{bad:?}");
        }
    }
}
