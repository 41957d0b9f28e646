//! The fixtures.

use std::path::{Path, PathBuf};

use penstock_core::canonical::{CanonicalRequest, CanonicalResponse, Origin};
use penstock_core::{Dialect, Json};
use penstock_dialects::codec::{Client, Codec, Target, codec};

/// The dialects that take part.
pub(crate) fn dialects() -> impl Iterator<Item = (Dialect, &'static dyn Codec)> {
    Dialect::ALL.iter().filter_map(|dialect| Some((*dialect, codec(*dialect)?)))
}

/// A file of the corpus.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) dialect: Dialect,
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
}

impl Fixture {
    /// The request it is.
    pub(crate) fn request(&self) -> CanonicalRequest {
        codec(self.dialect).unwrap().decode_request(&self.body).unwrap()
    }

    /// The answer it is.
    pub(crate) fn response(&self) -> CanonicalResponse {
        codec(self.dialect).unwrap().decode_response(&self.body, &origin(self.dialect)).unwrap()
    }
}

/// A body as JSON.
pub(crate) fn json(body: &[u8]) -> Json {
    Json::parse(String::from_utf8(body.to_vec()).unwrap()).unwrap()
}

fn folder(dialect: Dialect, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(dialect.as_str()).join(kind)
}

/// The fixtures of a kind, such as `requests`, for all dialects; `least` of each there must be.
pub(crate) fn fixtures(kind: &str, least: usize) -> Vec<Fixture> {
    let mut found = Vec::new();
    for (dialect, _) in dialects() {
        let mut paths: Vec<_> = std::fs::read_dir(folder(dialect, kind))
            .unwrap_or_else(|error| panic!("no {kind} of {dialect}: {error}"))
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        assert!(paths.len() >= least, "{dialect} has {} {kind}, fewer than {least}", paths.len());
        for path in paths {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            found.push(Fixture { dialect, name, body: std::fs::read(&path).unwrap() });
        }
    }
    found
}

/// The fixture of that name.
pub(crate) fn fixture(dialect: Dialect, kind: &str, name: &str) -> Fixture {
    let found =
        fixtures(kind, 1).into_iter().find(|fixture| fixture.dialect == dialect && fixture.name == name);
    found.unwrap_or_else(|| panic!("{dialect} has no {kind}/{name}"))
}

/// A fixture of another kind by the same name.
pub(crate) fn twin(fixture: &Fixture, kind: &str, extension: &str) -> Vec<u8> {
    let path = folder(fixture.dialect, kind).join(format!("{}.{extension}", fixture.name));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A provider of `dialect` that understands all there is to it.
pub(crate) fn target(dialect: Dialect) -> Target<'static> {
    let _ = dialect;
    Target { provider: "sample", cache_control: true, max_output: Some(8_192), ..Target::default() }
}

/// A client that asked for usage.
pub(crate) fn client() -> Client {
    Client { created: 1_790_000_000, stream_usage: true }
}

/// The provider that [`target`] is.
pub(crate) fn origin(dialect: Dialect) -> Origin {
    Origin { dialect, provider: Some("sample".into()) }
}

/// Collects what failed, so that one run shows everything.
#[derive(Default)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    pub(crate) fn note(&mut self, fixture: &Fixture, fault: impl std::fmt::Display) {
        self.0.push(format!("{}/{}: {fault}", fixture.dialect, fixture.name));
    }

    pub(crate) fn none(self) {
        assert!(self.0.is_empty(), "{} faults:\n{}", self.0.len(), self.0.join("\n"));
    }
}
