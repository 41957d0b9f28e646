//! A field: its name, its place, what may stand in it.

/// A field of an entry.
#[derive(Debug)]
pub(in super::super) struct Field {
    /// Its name in the bundle.
    pub(in super::super) name: &'static str,
    /// The column it stands in.
    pub(in super::super) column: &'static str,
    /// Whether it is a key of the object in that column, rather than all of it.
    pub(in super::super) inside: bool,
    /// What may stand in it.
    pub(in super::super) form: Form,
    /// What a new record has where it is not given.
    pub(in super::super) absent: Absent,
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Form {
    /// Any text but an empty one.
    Text,
    /// The name of a record.
    Name,
    /// The name of a provider, which stands in paths.
    ProviderName,
    /// A URL of HTTP.
    Url,
    /// A regular expression.
    Pattern,
    /// True or false.
    Flag,
    /// A whole number from nought.
    Count,
    /// A whole number.
    Integer,
    /// US dollars.
    Money,
    /// Prices in US dollars.
    Price,
    /// An object of any content.
    Object,
    /// A list of texts.
    Texts,
    /// Anything.
    Any,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// A point in time.
    Moment,
    /// A secret, or where it is.
    Secret,
    /// The address of a proxy, which may hold a login, or where it is.
    Proxy,
    /// A password, its hash, or where it is.
    Password,
    /// A key, or where it is; of it, the digest is kept.
    Key,
    /// The digest of a key.
    Digest,
    /// The name of an organisation.
    Org,
    /// The name of a team of the user's organisation.
    Team,
    /// The name of a provider.
    Provider,
    /// The name of a rule set.
    RuleSet,
}

impl Form {
    /// Whether what stands in it must not be shown.
    pub(in super::super) const fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::Proxy | Self::Password | Self::Key)
    }
}

/// What a new record has in a field that is not given.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Absent {
    /// It has to be given.
    Required,
    /// Nothing; and `null` takes away what is there.
    Null,
    /// This.
    Flag(bool),
    /// This.
    Count(i64),
    /// This.
    Text(&'static str),
    /// What the field `name` says.
    Name,
    /// An object without content.
    Empty,
    /// Its place in the list.
    Place,
}

impl Field {
    pub(super) const fn new(name: &'static str, form: Form, absent: Absent) -> Self {
        Self { name, column: name, inside: false, form, absent }
    }

    /// The column has another name.
    pub(super) const fn at(self, column: &'static str) -> Self {
        Self { column, ..self }
    }

    /// It is a key of the object in that column.
    pub(super) const fn within(self, column: &'static str) -> Self {
        Self { column, inside: true, ..self }
    }
}

/// `enabled`, which nearly all have.
pub(super) const ENABLED: Field = Field::new("enabled", Form::Flag, Absent::Flag(true));
/// `sort_order`, where the order of a list means something.
pub(super) const SORT_ORDER: Field = Field::new("sort_order", Form::Integer, Absent::Place);
/// A name for people.
pub(super) const DESCRIPTION: Field = Field::new("description", Form::Text, Absent::Null);
