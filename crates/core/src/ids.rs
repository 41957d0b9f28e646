//! Newtypes for ids, so that one kind is never handed in for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use crate::Timestamp;

macro_rules! row_id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$name> for i64 {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    )+};
}

row_id! {
    /// Id of an organisation.
    OrgId,
    /// Id of a team.
    TeamId,
    /// Id of a user.
    UserId,
    /// Id of a user's key.
    KeyId,
    /// Id of a provider.
    ProviderId,
    /// Id of a credential.
    CredentialId,
    /// Id of a route.
    RouteId,
    /// Id of a rule set.
    RuleSetId,
}

/// The gateway's own id of one request: `req_` and the 32 hex digits of a version 7 UUID.
///
/// It is made here and never taken from a client, because settlement is idempotent by it: a
/// client that could choose it could make its second request free.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(Uuid);

/// A text that is not a request id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request id: expected `req_` and 32 hex digits, found {0:?}")]
pub struct RequestIdError(String);

const PREFIX: &str = "req_";

impl RequestId {
    /// All of its bits, the last 62 of them random.
    pub fn bits(self) -> u128 {
        self.0.as_u128()
    }

    /// A new id; ids made later sort later.
    pub fn new(now: Timestamp) -> Self {
        let millis = u64::try_from(now.0).unwrap_or(0);
        let nanos = u32::try_from((millis % 1000) * 1_000_000).unwrap_or(0);
        Self(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, millis / 1000, nanos)))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // written for each request several times, and a format string costs more than all of this
        f.write_str(PREFIX)?;
        f.write_str(self.0.simple().encode_lower(&mut Uuid::encode_buffer()))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RequestId {
    type Err = RequestIdError;

    fn from_str(text: &str) -> Result<Self, RequestIdError> {
        text.strip_prefix(PREFIX)
            .filter(|hex| hex.len() == 32)
            .and_then(|hex| Uuid::try_parse(hex).ok())
            .map(Self)
            .ok_or_else(|| RequestIdError(text.to_owned()))
    }
}

impl Serialize for RequestId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_later_and_read_back() {
        let first = RequestId::new(Timestamp(1_700_000_000_000));
        let second = RequestId::new(Timestamp(1_700_000_000_001));
        assert!(first.to_string() < second.to_string());
        assert_eq!(first.to_string().parse(), Ok(first));
    }

    #[test]
    fn a_foreign_text_is_not_an_id() {
        for text in ["", "req_", "req_123", "0192f0c1aaaa7bbb8cccddddeeeeffff"] {
            assert!(text.parse::<RequestId>().is_err(), "{text}");
        }
    }
}
