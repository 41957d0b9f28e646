//! A case: something that holds for every backend.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use futures_util::future::BoxFuture;

/// One thing that holds, for harnesses of the kind `H`.
pub struct Case<H: ?Sized + 'static> {
    /// Its name, such as `kv/set_nx_has_one_winner`.
    pub name: &'static str,
    /// What a backend must be able to do for it.
    pub requires: &'static [Capability],
    /// What a backend must *not* be able to do for it: the case says what such a backend does instead.
    pub unless: Option<Capability>,
    /// Runs it against a namespace of its own.
    pub run: fn(Arc<H>) -> BoxFuture<'static, Outcome>,
}

impl<H: ?Sized> Case<H> {
    /// Whether it is for a backend that can do this, and nothing else of what not every backend can.
    pub fn is_for(&self, claims: &[Capability]) -> bool {
        is_for(self.requires, self.unless, claims)
    }
}

pub(crate) fn is_for(requires: &[Capability], unless: Option<Capability>, claims: &[Capability]) -> bool {
    requires.iter().all(|one| claims.contains(one)) && unless.is_none_or(|one| !claims.contains(&one))
}

impl<H: ?Sized> fmt::Debug for Case<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("name", &self.name)
            .field("requires", &self.requires)
            .field("unless", &self.unless)
            .finish_non_exhaustive()
    }
}

/// What not every backend can do. Few, and what a backend claims is pinned by a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    /// What was written is there after the backend was opened anew.
    Durable,
    /// It is kept within a number of bytes, and refuses what has no room.
    Bounded,
}

impl Capability {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Durable, Self::Bounded];

    /// The word for a backend that has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Bounded => "bounded",
        }
    }
}

/// Whether a case held.
pub type Outcome = Result<(), Failure>;

/// Why it did not.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// It failed here.
    #[track_caller]
    pub fn new(message: impl fmt::Display) -> Self {
        let place = Location::caller();
        let file = place.file().rsplit('/').next().unwrap_or_default();
        Self(format!("{file}:{}: {message}", place.line()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// Fails the case unless both are equal.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "what was found is mostly made in the call")]
pub fn equal<A: PartialEq<B> + fmt::Debug, B: fmt::Debug>(what: &str, found: A, expected: B) -> Outcome {
    if found == expected {
        return Ok(());
    }
    let [mut found, mut expected] = [format!("{found:?}"), format!("{expected:?}")];
    for text in [&mut found, &mut expected] {
        if text.len() > SHOWN {
            let end = text.floor_char_boundary(SHOWN);
            let length = text.len();
            text.truncate(end);
            *text = format!("{text}… ({length} bytes)");
        }
    }
    Err(Failure::new(format!("{what}: expected {expected}, found {found}")))
}

/// Longer values are cut in reports.
const SHOWN: usize = 400;

/// Fails the case unless it is so.
#[track_caller]
pub fn holds(what: &str, so: bool) -> Outcome {
    if so { Ok(()) } else { Err(Failure::new(format!("expected that {what}"))) }
}

/// Declares the table of a group of cases. Each is an async function of this module from a harness to an
/// [`Outcome`]; one that is not in the table is dead code, which does not compile here.
macro_rules! cases {
    ($group:literal, $harness:ty:
        $($name:ident $(requires $($capability:ident),+)? $(unless $lacking:ident)?;)*
    ) => {
        /// Every case of this group.
        pub const CASES: &[$crate::Case<$harness>] = &[$(
            $crate::Case {
                name: concat!($group, "/", stringify!($name)),
                requires: &[$($($crate::Capability::$capability),+)?],
                unless: cases!(@unless $($lacking)?),
                run: |harness| Box::pin($name(harness)),
            },
        )*];
    };
    (@unless) => { None };
    (@unless $lacking:ident) => { Some($crate::Capability::$lacking) };
}
pub(crate) use cases;
