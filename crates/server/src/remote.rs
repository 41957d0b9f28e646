//! Where a request comes from: the other end of its connection, or, where that is a proxy whose word is taken, whom
//! the proxy names.
//!
//! What a client writes into such a header itself is believed only up to the last proxy that is trusted: hops are
//! read from the right, where each proxy adds the one it was called by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;
use penstock_gateway::Remote;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose word is taken; none unless they are named.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Reads addresses and networks; the first that is neither is the error.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let network = |entry: &'a str| {
            let address = || entry.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
            entry.parse::<IpNet>().ok().or_else(address).ok_or_else(|| entry.to_owned())
        };
        Ok(Self(entries.into_iter().map(network).collect::<Result<_, _>>()?))
    }

    fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Where a request with these headers comes from that came over a connection from `peer`.
    pub(crate) fn remote(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Remote {
        // the usual case: nobody is trusted, and no header is looked at
        let Some(peer) = peer.filter(|peer| self.has(*peer)) else { return Remote::Connection(peer) };
        let hops = match (hops(headers, &FORWARDED, forwarded), hops(headers, &X_FORWARDED_FOR, address)) {
            (None, None) => return Remote::Connection(Some(peer)),
            (Some(hops), None) | (None, Some(hops)) => hops,
            (Some(one), Some(other)) if one == other => one,
            // a proxy keeps one of them and passes the other on as its client wrote it: which, nobody knows
            (Some(_), Some(_)) => return Remote::Proxy(peer),
        };
        let mut nearest = None;
        for hop in hops.into_iter().rev() {
            let Some(address) = hop else { break };
            nearest = Some(address);
            if !self.has(address) {
                break;
            }
        }
        nearest.map_or(Remote::Proxy(peer), Remote::Forwarded)
    }
}

/// The hops that all lines of a header name, the nearest last; `None` where the header is not there.
fn hops(
    headers: &HeaderMap,
    name: &HeaderName,
    read: fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default());
    let hops: Vec<_> = lines.flat_map(|line| line.split(',')).map(|hop| read(hop.trim())).collect();
    (!hops.is_empty()).then_some(hops)
}

/// `for=192.0.2.1;proto=https`, `for="[2001:db8::1]:4711"` (RFC 7239); no address holds a comma or a semicolon.
fn forwarded(hop: &str) -> Option<IpAddr> {
    let (_, value) = hop
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    Some(bare.parse::<IpAddr>().ok().or_else(with_port)?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn remote(trusted: &str, peer: &str, headers: &[(&'static str, &str)]) -> Remote {
        let trusted = TrustedProxies::parse(trusted.split(' ').filter(|entry| !entry.is_empty())).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        trusted.remote(Some(ip(peer)), &map)
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        let claims = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=127.0.0.1")];
        assert_eq!(remote("", "9.9.9.9", &claims), Remote::Connection(Some(ip("9.9.9.9"))));
        assert_eq!(remote("10.0.0.0/8", "9.9.9.9", &claims), Remote::Connection(Some(ip("9.9.9.9"))));
        assert_eq!(remote("10.0.0.0/8", "10.0.0.1", &[]), Remote::Connection(Some(ip("10.0.0.1"))));
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_trusted() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[("x-forwarded-for", "1.2.3.4")], "1.2.3.4"),
            (&[("x-forwarded-for", "127.0.0.1, 1.2.3.4")], "1.2.3.4"),
            (&[("x-forwarded-for", "6.6.6.6, 1.2.3.4, 10.9.9.9,fd00::1")], "1.2.3.4"),
            (&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.2.3.4:80")], "1.2.3.4"),
            (&[("x-forwarded-for", "10.1.1.1, 10.2.2.2")], "10.1.1.1"),
            (&[("x-forwarded-for", "what, 10.2.2.2")], "10.2.2.2"),
            (&[("x-forwarded-for", "::ffff:1.2.3.4")], "1.2.3.4"),
            (&[("forwarded", "for=6.6.6.6, For=\"[2001:db8::1]:4711\";proto=https")], "2001:db8::1"),
            (&[("forwarded", "proto=https;for=1.2.3.4;by=10.0.0.1")], "1.2.3.4"),
            (&[("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "1.2.3.4")], "1.2.3.4"),
        ];
        for (headers, client) in cases {
            let found = remote("10.0.0.0/8 fd00::/8", "10.0.0.1", headers);
            assert_eq!(found, Remote::Forwarded(ip(client)), "{headers:?}");
        }
        let one = remote(
            "192.168.0.7",
            "::ffff:192.168.0.7".parse::<IpAddr>().unwrap().to_canonical().to_string().as_str(),
            &[("x-forwarded-for", "1.2.3.4")],
        );
        assert_eq!(one, Remote::Forwarded(ip("1.2.3.4")));
    }

    #[test]
    fn a_proxy_that_does_not_say_for_whom_it_asks_stands_for_all_its_clients() {
        let cases: &[&[(&str, &str)]] = &[
            &[("x-forwarded-for", "unknown")],
            &[("x-forwarded-for", "1.2.3.4, ")],
            &[("forwarded", "for=_hidden")],
            &[("forwarded", "proto=https")],
            // one of the two is the client's own invention
            &[("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=127.0.0.1")],
        ];
        for headers in cases {
            assert_eq!(remote("10.0.0.1", "10.0.0.1", headers), Remote::Proxy(ip("10.0.0.1")), "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_network_is_named() {
        for bad in ["10.0.0.0/33", "proxy.example", "10.0.0", "*"] {
            assert_eq!(TrustedProxies::parse(["::1", bad]).unwrap_err(), bad);
        }
    }
}
