//! What one finished request owes.

mod json;

use std::sync::Arc;

use penstock_core::{
    Dialect, Ended, KeyId, Operation, OrgId, RequestId, TeamId, Timestamp, Usage, UsageSource, Usd, UserId,
};
use serde::{Deserialize, Serialize};

use crate::table::table;

table! {
    /// One usage row, complete. It is journaled as JSON, so fields may be added but not renamed.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Settlement in "usages", key(request_id), index(at), index(user_id), index(key_id), index(model) {
        /// The gateway's id; settling is idempotent by it.
        pub request_id: RequestId,
        /// When the request arrived.
        pub at: Timestamp,
        /// The model as the client named it.
        pub route: Arc<str>,
        /// The provider that answered.
        pub provider: Arc<str>,
        /// The credential used, by name; none for a caller's own key.
        pub credential: Option<Arc<str>>,
        /// Who is charged; all absent in open mode.
        pub org_id: Option<OrgId>,
        /// See `org_id`.
        pub team_id: Option<TeamId>,
        /// See `org_id`.
        pub user_id: Option<UserId>,
        /// See `org_id`.
        pub key_id: Option<KeyId>,
        /// `byok:` and a digest prefix, for a caller who brought a key.
        pub tenant: Option<Arc<str>>,
        /// What was asked.
        pub operation: Operation,
        /// In which dialect.
        pub dialect: Dialect,
        /// The provider's name of the model.
        pub model: Arc<str>,
        /// Normalised usage.
        pub usage: Usage,
        /// The provider's own usage object, if it sent one.
        pub raw_usage: Option<Box<str>>,
        /// What it costs; none where the model has no known price.
        pub cost: Option<Usd>,
        /// Version of the catalogue that priced it.
        pub price_version: Option<Arc<str>>,
        /// From arrival to the end.
        pub latency_ms: u64,
        /// From arrival to the first byte of the answer.
        pub ttft_ms: Option<u64>,
        /// Where the figures come from.
        pub source: UsageSource,
        /// How it ended.
        pub ended: Ended,
    }
}

pub(crate) use json::Journaled;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A plain row that arrived at `at`.
    pub(crate) fn settlement(at: Timestamp) -> Settlement {
        Settlement {
            request_id: RequestId::new(at),
            at,
            route: "fast".into(),
            provider: "openai".into(),
            credential: Some("main".into()),
            org_id: None,
            team_id: None,
            user_id: None,
            key_id: None,
            tenant: None,
            operation: Operation::Generate,
            dialect: Dialect::OpenaiChat,
            model: "gpt-4o-mini".into(),
            usage: Usage { input: 10, output: 5, ..Usage::default() },
            raw_usage: Some(r#"{"prompt_tokens":10}"#.into()),
            cost: "0.0000045".parse().ok(),
            price_version: Some("test".into()),
            latency_ms: 12,
            ttft_ms: Some(3),
            source: UsageSource::Upstream,
            ended: Ended::Interrupted,
        }
    }

    #[test]
    fn the_journaled_form_is_pinned() {
        let id = "req_0192f0c1aaaa7bbb8cccddddeeeeffff".parse().unwrap();
        let settlement = Settlement { request_id: id, ..settlement(Timestamp(1_700_000_000_000)) };
        let json = include_str!("../fixtures/settlement-0.1.0.json").trim_end();
        let mut written = Vec::new();
        settlement.write(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), json);
        assert_eq!(serde_json::from_str::<Settlement>(json).unwrap(), settlement);
    }
}
