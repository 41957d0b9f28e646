//! What the name of a host says of it, before anything is looked up.

use std::net::IpAddr;

/// Whether a host is where clouds keep the credentials of their machines, however it is spelled.
pub fn is_metadata_service(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let literal = without_brackets(&host);
    let decimal = || literal.parse::<u32>().ok().map(|number| IpAddr::from(number.to_be_bytes()));
    let address = literal.parse::<IpAddr>().ok().or_else(decimal).map(|address| address.to_canonical());
    host == "metadata.google.internal"
        || address == Some(IpAddr::from([169, 254, 169, 254]))
        || address == Some(IpAddr::from([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]))
}

/// Whether a host is this machine, by its name or its address.
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || without_brackets(&host).parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// An IPv6 address stands in brackets in a URL.
fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metadata_service_is_known_however_it_is_spelled() {
        for host in [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "2852039166",
            "Metadata.Google.Internal.",
            "[fd00:ec2::254]",
        ] {
            assert!(is_metadata_service(host), "{host}");
        }
        for host in ["169.254.169.253", "api.openai.com", "[::1]", "1"] {
            assert!(!is_metadata_service(host), "{host}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_by_address() {
        for host in ["localhost", "a.LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]", "::1", "::ffff:127.0.0.1"]
        {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1", "0.0.0.0", "[fe80::1]", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
