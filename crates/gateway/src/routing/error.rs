//! Why a configuration of providers and routes is refused.

/// Why a configuration of providers and routes is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoutingError {
    /// Two things have one name.
    #[error("{what} {name:?} is configured twice")]
    Repeated {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The provider table has no such row.
    #[error("provider {provider:?}: unknown channel {channel:?}: expected one of {known}")]
    UnknownChannel {
        /// The provider.
        provider: String,
        /// What it names.
        channel: String,
        /// What there is.
        known: String,
    },
    /// A provider has no address.
    #[error("provider {provider:?}: `base_url` is missing: channel {channel:?} has no default")]
    NoBaseUrl {
        /// The provider.
        provider: String,
        /// Its channel.
        channel: String,
    },
    /// It is to be called through a proxy that is not known.
    #[error(
        "provider {0:?}: it has no proxy of its own, and the address of the one for all cannot be read: mend \
         `proxy_url` of the settings"
    )]
    NoProxy(String),
    /// An address cannot be used.
    #[error("provider {provider:?}: `base_url` is {url:?}: {problem}")]
    BadBaseUrl {
        /// The provider.
        provider: String,
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A name cannot be told from something else.
    #[error("{what} name {name:?}: {problem}")]
    BadName {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A secret cannot be sent.
    #[error(
        "provider {provider:?}: credential {credential:?} holds characters that no HTTP header can carry"
    )]
    BadCredential {
        /// The provider.
        provider: String,
        /// The credential.
        credential: String,
    },
    /// A route points nowhere.
    #[error("route {route:?}: unknown provider {provider:?}: configure it, or name one of {known}")]
    UnknownMember {
        /// The route.
        route: String,
        /// What it names.
        provider: String,
        /// What there is.
        known: String,
    },
    /// A route has nobody to serve it.
    #[error("route {0:?} has no members that are in use")]
    EmptyRoute(String),
    /// An alias is no regular expression.
    #[error("alias {alias:?}: {problem}")]
    BadAlias {
        /// The alias.
        alias: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A header cannot be sent.
    #[error("provider {provider:?}: header {header:?}: {problem}")]
    BadHeader {
        /// The provider.
        provider: String,
        /// The header.
        header: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An alias belongs to nobody.
    #[error("alias {alias:?}: unknown provider {provider:?}: configure it, or name \"*\" for all")]
    LostAlias {
        /// The alias.
        alias: String,
        /// The provider it names.
        provider: String,
    },
    /// The settings of a record do not hold what they should.
    #[error("{what} {name:?}: {problem}")]
    BadSettings {
        /// What kind of record.
        what: &'static str,
        /// Its name.
        name: String,
        /// Which setting, what was expected and what was found.
        problem: String,
    },
    /// A secret of a record does not open.
    #[error("provider {provider:?}: credential {credential:?}: {problem}")]
    SealedCredential {
        /// The provider.
        provider: String,
        /// The credential.
        credential: String,
        /// Why.
        problem: String,
    },
    /// A record and the configuration have something of the same name.
    #[error("{what} {name:?} is a record and stands in the configuration as well: the record holds")]
    Hidden {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
}
