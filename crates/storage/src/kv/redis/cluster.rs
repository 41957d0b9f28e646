//! The servers behind one URL: one as a rule, or the nodes of a cluster.
//!
//! No setting says which. A server that is a node answers what another one is to do with where it is (`MOVED`,
//! `ASK`): that is followed, and where a slot is, is remembered. The other nodes are spoken to as the first
//! one: same login, TLS or not. What a node sends elsewhere, it has not done, so that commands that may not be
//! repeated are followed too.
//!
//! A node from which nothing of use comes is a suspect, and not asked first: another one is, which knows who
//! has taken over from it. While nobody has, that one names it again, and its keys, and no others, wait for it.
//!
//! The cluster client of the driver is not used: one and the same count of its retries is for redirections
//! and for connections that broke, so that it either follows nothing or sends `INCRBY` twice; and it asks
//! for a map of slots before anything else, which a server that is alone refuses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::{
    Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
};

use super::link::{Link, Sending, is_answer};

/// A command is sent on so many times. A slot that is on its way takes two or three; a cluster that needs more
/// is at odds with itself.
const HOPS: usize = 5;
/// As every cluster divides its keys.
const SLOTS: u16 = 16_384;

/// The servers.
#[derive(Debug)]
pub(super) struct Cluster {
    nodes: Mutex<Nodes>,
}

#[derive(Debug)]
struct Nodes {
    /// Those that are known. The first is that of the URL, and stays.
    links: Vec<Arc<Link>>,
    /// Where slots are; nowhere, if the server is alone.
    owners: HashMap<u16, Arc<Link>>,
}

/// What went wrong, and where.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) error: RedisError,
    pub(super) node: Arc<Link>,
    /// Other nodes are at work, and the keys that they have.
    pub(super) is_partial: bool,
}

impl Cluster {
    /// The cluster of this server, or only the server.
    pub(super) fn of(server: ConnectionInfo) -> RedisResult<Self> {
        let links = vec![Arc::new(Link::open(server)?)];
        Ok(Self { nodes: Mutex::new(Nodes { links, owners: HashMap::new() }) })
    }

    /// Nothing can go wrong while it is held.
    fn nodes(&self) -> MutexGuard<'_, Nodes> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the command to the server that has its key; to any of them if it has none.
    pub(super) async fn send(
        &self,
        command: &Cmd,
        key: Option<&str>,
        may_repeat: bool,
    ) -> Result<Value, Failed> {
        let Route { mut node, mut is_guess } = self.nodes().route(key);
        let mut asking = false;
        for _ in 0..HOPS {
            let error = match node.send(Sending { command, may_repeat, asking }).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let next = if let Some(redirection) = Redirection::of(&error, &node) {
                (asking, is_guess) = (!redirection.is_for_good, false);
                self.nodes().follow(&redirection)
            } else if is_guess && !is_answer(&error) && (may_repeat || error.is_connection_refusal()) {
                // it has not been done, and who lives knows better whom to ask
                self.nodes().living()
            } else {
                None
            };
            let Some(next) = next else { return Err(self.failed(error, node, key)) };
            node = next;
        }
        let last = node.send(Sending { command, may_repeat, asking }).await;
        last.map_err(|error| self.failed(error, node, key))
    }

    fn failed(&self, error: RedisError, node: Arc<Link>, key: Option<&str>) -> Failed {
        let nodes = self.nodes();
        let is_partial = key.is_some() && nodes.links.len() > 1 && nodes.living().is_some();
        Failed { error, node, is_partial }
    }
}

/// Whom to ask.
struct Route {
    node: Arc<Link>,
    /// Any other would do as well.
    is_guess: bool,
}

impl Nodes {
    /// The owner of the key. If it is unknown or a suspect, whoever is none; and if all are, who has not been
    /// tried for longest.
    fn route(&self, key: Option<&str>) -> Route {
        // the usual case: a server that is alone
        if self.links.len() > 1
            && let Some(owner) = key.and_then(|key| self.owners.get(&slot(key.as_bytes())))
            && owner.suspect().is_none()
        {
            return Route { node: Arc::clone(owner), is_guess: false };
        }
        let least = self.links.iter().min_by_key(|link| link.suspect());
        let node = Arc::clone(least.expect("the server of the URL is among them"));
        Route { node, is_guess: true }
    }

    /// The first node that is no suspect.
    fn living(&self) -> Option<Arc<Link>> {
        self.links.iter().find(|link| link.suspect().is_none()).cloned()
    }

    /// Whom the redirection names; `None` if that is no address.
    fn follow(&mut self, there: &Redirection) -> Option<Arc<Link>> {
        let node = self.at(&there.host, there.port).ok()?;
        if there.is_for_good {
            self.owners.insert(there.slot, Arc::clone(&node));
        }
        Some(node)
    }

    /// The node at that address; it may be new.
    fn at(&mut self, host: &str, port: u16) -> RedisResult<Arc<Link>> {
        let first = self.links[0].server();
        let address = address_like(first.addr(), host, port);
        if let Some(known) = self.links.iter().find(|link| *link.server().addr() == address) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(Link::open(first.clone().set_addr(address))?);
        // nodes come and go over the years: one that is gone, and that no slot and no call leads to, is let go
        let mut is_first = true;
        self.links.retain(|link| {
            std::mem::take(&mut is_first) || link.suspect().is_none() || Arc::strong_count(link) > 1
        });
        self.links.push(Arc::clone(&new));
        Ok(new)
    }
}

/// With TLS as the first server has it.
fn address_like(first: &ConnectionAddr, host: &str, port: u16) -> ConnectionAddr {
    let host = host.to_owned();
    match first {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    }
}

/// Where a server says that a slot is.
#[derive(Debug, PartialEq, Eq)]
struct Redirection {
    slot: u16,
    host: String,
    port: u16,
    /// From now on, and not for one key of a slot that is on its way.
    is_for_good: bool,
}

impl Redirection {
    fn of(error: &RedisError, node: &Link) -> Option<Self> {
        let is_for_good = match error.kind() {
            ErrorKind::Server(ServerErrorKind::Moved) => true,
            ErrorKind::Server(ServerErrorKind::Ask) => false,
            _ => return None,
        };
        Self::parse(error.detail()?, is_for_good, node.server().addr())
    }

    /// Reads `3999 127.0.0.1:6381`, where an address of version 6 has no brackets.
    fn parse(said: &str, is_for_good: bool, node: &ConnectionAddr) -> Option<Self> {
        let (slot, address) = said.split_once(' ')?;
        let slot = slot.parse().ok().filter(|slot| *slot < SLOTS)?;
        let (host, port) = address.rsplit_once(':')?;
        let host = match (host, node) {
            // its host is that of the node which says so, for all it knows
            ("", ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) => host,
            // the name is not known yet
            ("" | "?", _) => return None,
            (host, _) => host,
        };
        Some(Self { slot, host: host.to_owned(), port: port.parse().ok()?, is_for_good })
    }
}

/// Where a key is: by what stands in its first braces, if something does, else by all of it.
fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        rest.iter().position(|byte| *byte == b'}').filter(|length| *length > 0).map(|length| &rest[..length])
    });
    crc16(tag.unwrap_or(key)) % SLOTS
}

/// The checksum that clusters divide by: CRC-16 of XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u16::from(*byte) << 8), |sum, _| {
            if sum & 0x8000 == 0 { sum << 1 } else { (sum << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_slots_that_the_specification_gives() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        // what CLUSTER KEYSLOT answers
        for (key, expected) in [("123456789", 12_739), ("foo", 12_182), ("{foo}bar", 12_182), ("", 0)] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
        assert_eq!(slot(b"a{foo}b{bar}"), slot(b"foo"), "the first braces count");
        assert_eq!(slot(b"{{foo}"), slot(b"{foo"), "the first of them opens");
        for whole in ["{}foo", "{foo", "foo}", "}{foo"] {
            assert_eq!(slot(whole.as_bytes()), crc16(whole.as_bytes()) % SLOTS, "{whole}");
        }
    }

    #[test]
    fn redirections_are_read_or_left() {
        let node = ConnectionAddr::Tcp("here".to_owned(), 1);
        let cases = [
            ("3999 127.0.0.1:6381", Some((3999, "127.0.0.1", 6381))),
            ("0 ::1:6381", Some((0, "::1", 6381))),
            ("16383 redis.example:6381", Some((16383, "redis.example", 6381))),
            ("3999 :6381", Some((3999, "here", 6381))),
            ("3999 ?:6381", None),
            ("16384 127.0.0.1:6381", None),
            ("3999 127.0.0.1:65536", None),
            ("3999 127.0.0.1", None),
            ("127.0.0.1:6381", None),
            ("", None),
        ];
        for (said, expected) in cases {
            let read = Redirection::parse(said, true, &node);
            let read = read.as_ref().map(|read| (read.slot, read.host.as_str(), read.port));
            assert_eq!(read, expected, "{said:?}");
        }
    }

    #[test]
    fn nodes_are_spoken_to_as_the_first_one() {
        use redis::IntoConnectionInfo as _;
        let first = "rediss://user:password@redis.example:6380/#insecure".into_connection_info().unwrap();
        let cluster = Cluster::of(first).unwrap();
        let node = cluster.nodes().at("10.0.0.1", 7000).unwrap();
        let is_so = matches!(node.server().addr(),
            ConnectionAddr::TcpTls { host, port: 7000, insecure: true, .. } if host == "10.0.0.1");
        assert!(is_so, "{node:?}");
        assert_eq!(node.server().redis_settings().password(), Some("password"));
        assert!(Arc::ptr_eq(&node, &cluster.nodes().at("10.0.0.1", 7000).unwrap()), "it is known now");
        assert!(!format!("{cluster:?}").contains("password"), "{cluster:?}");
    }
}
