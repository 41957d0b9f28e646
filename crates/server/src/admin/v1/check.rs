//! What must hold of values before they are saved. Each refusal names the field.

use std::net::IpAddr;

use http::Uri;
use penstock_core::Secret;
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
    const OWN_PATHS: [&str; 8] = ["v1", "v1beta", "admin", "healthz", "readyz", "metrics", "version", "api"];
    own_name(field, text)?;
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(Problem::field(
            field,
            format!("expected letters, digits, '-', '_' and '.', found {text:?}"),
        ));
    }
    if OWN_PATHS.contains(&text) || text.bytes().all(|byte| byte == b'.') {
        return Err(Problem::field(
            field,
            format!("expected none of the gateway's own paths, found {text:?}"),
        ));
    }
    Ok(())
}

/// A glob: any text is one, but for none at all.
pub(super) fn glob(field: &str, text: &str) -> Result<(), Problem> {
    name(field, text)
        .map_err(|_| Problem::field(field, format!("expected a glob such as \"openai/*\", found {text:?}")))
}

/// A regular expression of the engine that runs it, which does not backtrack.
pub(super) fn regex(field: &str, text: &str) -> Result<(), Problem> {
    let compiled = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(REGEX).build();
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

/// A proxy: `http`, `https` or `socks5`, with or without a login.
pub(super) fn proxy(field: &str, written: &Written) -> Result<(), Problem> {
    secret(field, written)?;
    let Written::Given(url) = written else { return Ok(()) };
    // only looked at
    let uri = url.expose().trim().parse::<Uri>().ok();
    let sound = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https" | "socks5"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if sound {
        Ok(())
    } else {
        Err(Problem::field(field, "expected a URL such as http://proxy.example:3128, found [hidden]"))
    }
}

/// The address of a provider.
pub(super) fn base_url(field: &str, text: &str) -> Result<(), Problem> {
    let bad = |expected: &str| Err(Problem::field(field, expected));
    let Ok(uri) = text.parse::<Uri>() else {
        return bad("expected a URL such as https://api.example.com/v1");
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return bad("expected a URL such as https://api.example.com/v1");
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return bad("expected a host without user name and password: put the secret into a credential");
    }
    if uri.query().is_some() || text.contains('#') {
        return bad("expected neither a query nor a fragment");
    }
    if uri.host().is_some_and(is_metadata_service) {
        return bad("this is the metadata service of a cloud, which holds the machine's own credentials");
    }
    Ok(())
}

fn is_metadata_service(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let decimal = || address.parse::<u32>().ok().map(|number| IpAddr::from(number.to_be_bytes()));
    let address = address.parse::<IpAddr>().ok().or_else(decimal).map(|address| address.to_canonical());
    host == "metadata.google.internal"
        || address == Some(IpAddr::from([169, 254, 169, 254]))
        || address == Some(IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]))
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
        assert!(regex("alias", "gpt-4(.*)").is_ok());
        for bad in ["(", "a{2}{", "(?=a)", "(a{1000}){1000}"] {
            let problem = regex("alias", bad).unwrap_err();
            assert!(
                problem.detail.starts_with("alias: expected a regular expression: "),
                "{bad}: {problem:?}"
            );
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
