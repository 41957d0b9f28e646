//! Addresses, taken apart.

use serde_json::json;
use url::{Url, quirks};

use super::Arguments;
use crate::engine::{Failure, Value};

pub(super) fn call(operation: &str, mut arguments: Arguments<'_>) -> Result<Value, Failure> {
    let address = arguments.text()?;
    if operation == "url.parse" {
        let base = arguments.optional_text()?.map(|base| Url::parse(&base));
        let parsed = match base {
            Some(Ok(base)) => base.join(&address).ok(),
            Some(Err(_)) => None,
            None => Url::parse(&address).ok(),
        };
        return Ok(parsed.map_or(Value::Null, |url| parts(&url)));
    }
    let (part, value) = (arguments.text()?, arguments.text()?);
    let mut url = Url::parse(&address).map_err(|_| Failure::of_type("Invalid URL"))?;
    // what does not fit changes nothing, as everywhere
    match part.as_str() {
        "protocol" => drop(quirks::set_protocol(&mut url, &value)),
        "username" => drop(quirks::set_username(&mut url, &value)),
        "password" => drop(quirks::set_password(&mut url, &value)),
        "host" => drop(quirks::set_host(&mut url, &value)),
        "hostname" => drop(quirks::set_hostname(&mut url, &value)),
        "port" => drop(quirks::set_port(&mut url, &value)),
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        _ => quirks::set_hash(&mut url, &value),
    }
    Ok(parts(&url))
}

fn parts(url: &Url) -> Value {
    let parts = json!({
        "href": quirks::href(url),
        "origin": quirks::origin(url),
        "protocol": quirks::protocol(url),
        "username": quirks::username(url),
        "password": quirks::password(url),
        "host": quirks::host(url),
        "hostname": quirks::hostname(url),
        "port": quirks::port(url),
        "pathname": quirks::pathname(url),
        "search": quirks::search(url),
        "hash": quirks::hash(url),
    });
    Value::Text(parts.to_string())
}
