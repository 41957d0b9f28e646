//! The words of routing: how members and credentials are chosen, and how a credential is.

use crate::named_enum;

named_enum! {
    /// In which order the members of a route are tried, within a tier.
    RouteStrategy("strategy") {
        /// As they stand.
        Failover = "failover",
        /// Each in its turn.
        RoundRobin = "round_robin",
        /// At random, in the proportion of their weights.
        Weighted = "weighted",
        /// The one that answered fastest lately first.
        LeastLatency = "least_latency",
        /// The one with the lowest price first.
        Cheapest = "cheapest",
    }
}

named_enum! {
    /// Which credential of a provider is taken.
    CredentialStrategy("credential strategy") {
        /// Each in its turn.
        RoundRobin = "round_robin",
        /// The same one for the same caller.
        Sticky = "sticky",
        /// At random, in the proportion of their weights.
        Weighted = "weighted",
        /// The one that was used least lately.
        LeastUsed = "least_used",
    }
}

named_enum! {
    /// How a credential is.
    HealthState("health state") {
        /// It works.
        Healthy = "healthy",
        /// It has failed too often lately.
        Cooling = "cooling",
        /// Its provider wants fewer requests.
        RateLimited = "rate_limited",
        /// Its provider does not take it any more.
        AuthDead = "auth_dead",
    }
}
