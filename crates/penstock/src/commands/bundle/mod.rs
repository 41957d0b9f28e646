//! `penstock export`, `import` and `apply`: the control plane as one text.

mod apply;
mod export;
mod first_start;
mod shown;

pub(super) use self::apply::{Asked, apply};
pub(super) use self::export::export;
pub(super) use self::first_start::import_at_first_start;

use std::io::Read as _;
use std::path::Path;

use anyhow::Context;
use penstock_control::accounts::{Actor, COMMAND_LINE};
use penstock_control::bundle::{Bundle, Format};
use penstock_gateway::channel_rules;

use crate::config::Config;

/// Standard input or output, in place of a file's name.
const STANDARD: &str = "-";

/// Bytes of a bundle at the most; more would fill the memory before it is refused.
const LARGEST: u64 = 256 << 20;

fn actor() -> Actor {
    Actor::named(COMMAND_LINE)
}

/// Reads a bundle from a file, or from standard input. Providers that it makes start as their channels say.
fn read(config: &Config, path: &Path) -> anyhow::Result<Bundle> {
    let shown = name(path);
    let mut text = String::new();
    let bytes = if path == Path::new(STANDARD) {
        std::io::stdin().lock().take(LARGEST + 1).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text))
    };
    let bytes = bytes.with_context(|| format!("{shown} cannot be read"))?;
    if bytes as u64 > LARGEST {
        anyhow::bail!("{shown}: expected a bundle of at most {LARGEST} bytes");
    }
    let format = Format::of_name(&shown).unwrap_or_else(|| Format::of_text(&text));
    // what is wrong stands in lines of its own
    let bundle = Bundle::read(&text, format);
    let bundle = bundle.map_err(|error| anyhow::anyhow!("{shown} cannot be applied:\n{error}"))?;
    Ok(bundle.seeding(channel_rules(&config.table)))
}

fn name(path: &Path) -> String {
    if path == Path::new(STANDARD) { "standard input".to_owned() } else { path.display().to_string() }
}
