//! What happened, who is logged in, and who holds what.

use penstock_core::{RequestId, Timestamp, UserId};
use serde::Serialize;
use serde_json::Value;

use crate::table::table;

table! {
    /// A change that somebody made, or tried to.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct AuditLog in "audit_logs", key(id), index(at), index(actor_id) {
        /// Row id.
        pub id: i64,
        /// When.
        pub at: Timestamp,
        /// The user who did it, if it was one.
        pub actor_id: Option<UserId>,
        /// Who did it, for people.
        pub actor_name: Option<String>,
        /// What was done, such as `user.create`.
        pub action: String,
        /// To what.
        pub target: String,
        /// What it was like.
        pub before: Option<Value>,
        /// What it is like now.
        pub after: Option<Value>,
        /// What became of it: an HTTP status.
        pub status: i64,
        /// Where it was asked for.
        pub source_ip: Option<String>,
    }
}

table! {
    /// A request of a client.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct DownstreamRequest in "downstream_requests", key(request_id), index(at) {
        /// The gateway's id of it.
        pub request_id: RequestId,
        /// When it arrived.
        pub at: Timestamp,
        /// Its method.
        pub method: String,
        /// Its path.
        pub path: String,
        /// Its query, without keys.
        pub query: Option<String>,
        /// The status of the answer.
        pub status: i64,
        /// An object of its headers, where they are captured.
        pub headers: Option<Value>,
        /// Its body, where bodies are captured.
        pub body: Option<String>,
        /// The body of the answer, where bodies are captured.
        pub response_body: Option<String>,
    }
}

table! {
    /// A request to a provider.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct UpstreamRequest in "upstream_requests", key(request_id, attempt), index(at) {
        /// The gateway's id of the request it is for.
        pub request_id: RequestId,
        /// Which attempt it is, from 1.
        pub attempt: i64,
        /// When it was sent.
        pub at: Timestamp,
        /// The provider.
        pub provider: Option<String>,
        /// The credential, by name.
        pub credential: Option<String>,
        /// Where it went.
        pub url: String,
        /// Its method.
        pub method: String,
        /// The status of the answer; 0 if there was none.
        pub status: i64,
        /// How long it took.
        pub latency_ms: i64,
        /// An object of its headers, where they are captured.
        pub headers: Option<Value>,
        /// Its body, where bodies are captured.
        pub body: Option<String>,
        /// The body of the answer, where bodies are captured.
        pub response_body: Option<String>,
    }
}

table! {
    /// A login.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Session in "sessions", key(digest), index(user_id), index(expires_at) {
        /// The digest of its token.
        pub digest: String,
        /// Who is logged in.
        pub user_id: UserId,
        /// When it began.
        pub created_at: Timestamp,
        /// When it ends.
        pub expires_at: Timestamp,
    }
}

table! {
    /// What one node holds, and the others leave alone until it ends.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Lease in "leases", key(name) {
        /// What is held.
        pub name: String,
        /// The node that holds it.
        pub owner: String,
        /// Until when.
        pub until: Timestamp,
    }
}

table! {
    /// The vocabulary of a tokenizer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Vocab in "tokenizer_vocabs", key(name) {
        /// Its name.
        pub name: String,
        /// Its content.
        pub bytes: Vec<u8>,
    }
}
