//! Whom scripts may ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// The hosts and addresses that are listed.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    hosts: Vec<Pattern>,
    addresses: Vec<IpAddr>,
}

/// One entry: `example.com`, `*.example.com`, `10.0.0.7:8080`.
#[derive(Debug)]
struct Pattern {
    name: String,
    is_any_below: bool,
    port: Option<u16>,
}

impl Allowed {
    pub(super) fn new(hosts: &[String]) -> Self {
        let hosts: Vec<_> = hosts.iter().map(|host| Pattern::of(host.trim())).collect();
        let addresses = hosts.iter().flat_map(|host| match host.name.parse() {
            Ok(address) => vec![address],
            Err(_) if host.name == "localhost" => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Err(_) => Vec::new(),
        });
        Self { addresses: addresses.collect(), hosts }
    }

    /// Whether an address may be asked.
    pub(super) fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("expected an address that begins with http:// or https://".to_owned());
        }
        let (name, address) = match url.host() {
            Some(Host::Domain(name)) => (name.trim_end_matches('.').to_owned(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::from(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::from(address))),
            None => return Err("expected a host in the address".to_owned()),
        };
        let usual = if url.scheme() == "http" { 80 } else { 443 };
        let port = url.port_or_known_default().unwrap_or(usual);
        if !self.hosts.iter().any(|host| host.matches(&name, port, usual)) {
            return Err(format!(
                "host {name:?} is none that modules may ask: an operator lists them (modules.fetch_hosts)"
            ));
        }
        match address {
            Some(address) if !self.may_reach(address) => Err(refused(address)),
            _ => Ok(()),
        }
    }

    /// Whether a name may lead to this address.
    pub(super) fn may_reach(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        !is_private(address) || self.addresses.contains(&address)
    }
}

/// The sentence for an address that is not listed.
pub(super) fn refused(address: IpAddr) -> String {
    format!("{address} is an address of this machine or its network, and is not listed itself")
}

impl Pattern {
    fn of(text: &str) -> Self {
        // an address of IPv6 has colons of its own
        let bare = |text: &str| text.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text, None),
            },
            _ => (text, None),
        };
        let name = bare(host);
        match name.strip_prefix("*.") {
            Some(below) => Self { name: below.to_owned(), is_any_below: true, port },
            None => Self { name, is_any_below: false, port },
        }
    }

    fn matches(&self, name: &str, port: u16, usual: u16) -> bool {
        let is_host = if self.is_any_below {
            name.strip_suffix(&self.name).is_some_and(|above| above.len() > 1 && above.ends_with('.'))
        } else {
            name == self.name
        };
        is_host && port == self.port.unwrap_or(usual)
    }
}

/// Whether an address is of this machine, its network, or of no single host at all.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || matches!(
                    (first, second, third),
                    (0 | 240.., ..) | (100, 64..=127, _) | (192, 0, 0) | (198, 18..=19, _)
                )
        }
        IpAddr::V6(address) => {
            let [first, ..] = address.segments();
            // ::/96 and 64:ff9b::/96 have an address of IPv4 inside, 2002::/16 as well
            let inside = match address.segments() {
                [0, 0, 0, 0, 0, 0, high, low]
                | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
                | [0x2002, high, low, ..] => {
                    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                    is_private(Ipv4Addr::new(a, b, c, d).into())
                }
                _ => false,
            };
            address.is_loopback()
                || address.is_unspecified()
                || address.is_multicast()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || first == 0xfec0
                || inside
        }
    }
}
