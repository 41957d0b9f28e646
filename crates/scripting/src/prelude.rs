//! What scripts find around them, as far as it is written in JavaScript.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::typescript;

/// The files, by the engine's names of them.
const FILES: &[(&str, &str)] = &[
    ("penstock:abort", include_str!("prelude/abort.js")),
    ("penstock:buffer", include_str!("prelude/buffer.js")),
    ("penstock:clone", include_str!("prelude/clone.js")),
    ("penstock:console", include_str!("prelude/console.js")),
    ("penstock:context", include_str!("prelude/context.js")),
    ("penstock:crypto", include_str!("prelude/crypto.js")),
    ("penstock:exports", include_str!("prelude/exports.js")),
    ("penstock:fetch", include_str!("prelude/fetch.js")),
    ("penstock:globals", include_str!("prelude/globals.js")),
    ("penstock:host", include_str!("prelude/host.js")),
    ("penstock:lazy", include_str!("prelude/lazy.js")),
    ("penstock:main", include_str!("prelude/main.js")),
    ("penstock:node-buffer", include_str!("prelude/node-buffer.js")),
    ("penstock:node-crypto", include_str!("prelude/node-crypto.js")),
    ("penstock:node-url", include_str!("prelude/node-url.js")),
    ("penstock:storage", include_str!("prelude/storage.js")),
    ("penstock:text", include_str!("prelude/text.js")),
    ("penstock:timers", include_str!("prelude/timers.js")),
    ("penstock:url", include_str!("prelude/url.js")),
];

/// The SDK that modules import: its first file, and those that this one imports as `./name.js`.
const SDK: &[(&str, &str)] = &[
    ("penstock:sdk", include_str!("../../../sdk/typescript/src/index.ts")),
    ("penstock:sdk/cost", include_str!("../../../sdk/typescript/src/cost.ts")),
    ("penstock:sdk/define", include_str!("../../../sdk/typescript/src/define.ts")),
    ("penstock:sdk/respond", include_str!("../../../sdk/typescript/src/respond.ts")),
];

/// What a file of the SDK imports.
pub(crate) fn resolve(importer: &str, specifier: &str) -> Option<String> {
    let name = specifier.strip_prefix("./")?.strip_suffix(".js")?;
    importer.starts_with("penstock:sdk").then(|| format!("penstock:sdk/{name}"))
}

/// The code of that name.
pub(crate) fn code(name: &str) -> Option<&'static str> {
    static STRIPPED: LazyLock<BTreeMap<&str, String>> = LazyLock::new(|| {
        let strip = |(name, text): &(&'static str, &str)| (*name, typescript::strip_built_in(name, text));
        SDK.iter().map(strip).collect()
    });
    let plain = FILES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    plain.or_else(|| STRIPPED.get(name).map(String::as_str))
}
