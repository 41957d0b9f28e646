//! The model catalogue: what each model costs and how much it takes.
//!
//! Found by provider and upstream model id, without allocating. The embedded catalogue is
//! `data/catalogue.toml`; an operator may lay over it a file of the same shape or one in the
//! widely used JSON shape (see [`Catalogue::parse_public_json`]). A stored cost names the
//! [`version`](Catalogue::version) of the catalogue that gave it, so that it can be recomputed.

use std::collections::HashMap;
use std::sync::LazyLock;

use penstock_core::Usd;
use serde::{Deserialize, Serialize};

use crate::price::{Price, Tier};
use crate::rows::{Named, refuse_rest, take_rows};
use crate::{TableError, public_json};

/// One model at one provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CatalogueModel {
    /// The provider's name, as in the provider table.
    pub provider: String,
    /// The upstream id.
    pub id: String,
    /// Other ids that mean the same model, such as dated ones.
    pub aliases: Vec<String>,
    /// Prices per million tokens.
    pub price: Price,
    /// Tokens that fit into one request, answer included where the provider counts so.
    pub context: Option<u64>,
    /// The most tokens one answer may have.
    pub max_output: Option<u64>,
    /// The model decides itself how much to think, by an effort, and budgets of tokens are deprecated or
    /// refused.
    pub adaptive_thinking: bool,
    /// The model does not reason, and refuses to be asked for it.
    pub no_reasoning: bool,
}

/// A row as it stands in TOML; prices are decimal texts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    provider: String,
    id: String,
    #[serde(default)]
    aliases: Vec<String>,
    input: Usd,
    output: Usd,
    cache_read: Option<Usd>,
    cache_write_5m: Option<Usd>,
    cache_write_1h: Option<Usd>,
    #[serde(default)]
    tiers: Vec<Tier>,
    context: Option<u64>,
    max_output: Option<u64>,
    #[serde(default)]
    adaptive_thinking: bool,
    #[serde(default)]
    no_reasoning: bool,
}

/// Models by provider and id.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    version: String,
    models: Vec<CatalogueModel>,
    /// Provider → id or alias → place in `models`; nested so that a lookup needs no joined key.
    index: HashMap<String, HashMap<String, usize>>,
}

static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::parse(include_str!("../data/catalogue.toml"))
        .expect("the embedded catalogue is sound, as its test holds")
});

impl Catalogue {
    /// The embedded catalogue.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads a catalogue of a `version` and `[[model]]` rows.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut table: toml::Table = text.parse()?;
        let version = match table.remove("version") {
            Some(toml::Value::String(version)) if !version.is_empty() => version,
            other => {
                let found = other.map_or("nothing", |value| value.type_str());
                return Err(TableError::Top(format!(
                    "expected `version`, a text that is not empty, found {found}"
                )));
            }
        };
        let rows = take_rows::<Row>(&mut table, "model", &["provider", "id"])?;
        refuse_rest(&table, "`version` and `[[model]]` rows")?;
        let mut catalogue = Self { version, ..Self::default() };
        for Named { label, row } in rows {
            catalogue.insert_new(&label, row.into_model())?;
        }
        Ok(catalogue)
    }

    /// Reads the JSON shape of the public `model_prices_and_context_window.json`: an object of
    /// model → prices per *token*, read by their text into exact decimals.
    ///
    /// Entries without a provider or a price per input token are left out, provider names are
    /// translated to those of the provider table, and the version is made from the text.
    pub fn parse_public_json(text: &str) -> Result<Self, TableError> {
        let mut catalogue = Self { version: public_json::version(text), ..Self::default() };
        for (label, model) in public_json::models(text)? {
            // The public file has a few models both with and without the provider before the id.
            if !catalogue.has(&model.provider, &model.id) {
                catalogue.insert_new(&label, model)?;
            }
        }
        Ok(catalogue)
    }

    /// Lays `other` over this catalogue: its models replace those of the same provider and id,
    /// its names win over equal aliases here, and the version names both.
    pub fn merge(&mut self, other: Self) {
        self.version = match (self.version.is_empty(), other.version.is_empty()) {
            (_, true) => std::mem::take(&mut self.version),
            (true, false) => other.version,
            (false, false) => format!("{}+{}", self.version, other.version),
        };
        for model in other.models {
            self.put(model);
        }
    }

    /// What stored costs are stamped with.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The model by its id or an alias, else by its id without a trailing date (`-YYYY-MM-DD`,
    /// `-YYYYMMDD`) or `-latest`.
    pub fn get(&self, provider: &str, model: &str) -> Option<&CatalogueModel> {
        let names = self.index.get(provider)?;
        let place = names.get(model).or_else(|| names.get(undated(model)?)).copied()?;
        self.models.get(place)
    }

    /// The models of a provider, in the order they were read.
    pub fn models(&self, provider: &str) -> impl Iterator<Item = &CatalogueModel> {
        self.models.iter().filter(move |model| model.provider == provider)
    }

    /// Every model.
    pub fn all(&self) -> impl Iterator<Item = &CatalogueModel> {
        self.models.iter()
    }

    fn has(&self, provider: &str, name: &str) -> bool {
        self.index.get(provider).is_some_and(|names| names.contains_key(name))
    }

    fn insert_new(&mut self, label: &str, mut model: CatalogueModel) -> Result<(), TableError> {
        model.price.check(label)?;
        model.price.tiers.sort_by_key(|tier| tier.above);
        for (field, text) in [("provider", &model.provider), ("id", &model.id)] {
            if text.is_empty() {
                return Err(TableError::field(label, field, "a text that is not empty", text));
            }
        }
        let names = self.index.entry(model.provider.clone()).or_default();
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            if names.insert(name.clone(), self.models.len()).is_some() {
                let row = format!("model {}/{name}", model.provider);
                return Err(TableError::Duplicate { row });
            }
        }
        self.models.push(model);
        Ok(())
    }

    fn put(&mut self, mut model: CatalogueModel) {
        let names = self.index.entry(model.provider.clone()).or_default();
        let same = names.get(&model.id).copied();
        let place = match same.filter(|place| self.models[*place].id == model.id) {
            Some(place) => {
                let old = std::mem::take(&mut self.models[place].aliases);
                let kept = old.into_iter().filter(|alias| names.get(alias) == Some(&place));
                let kept: Vec<_> = kept.filter(|alias| !model.aliases.contains(alias)).collect();
                model.aliases.extend(kept);
                place
            }
            None => self.models.len(),
        };
        for name in std::iter::once(&model.id).chain(&model.aliases) {
            names.insert(name.clone(), place);
        }
        if place == self.models.len() {
            self.models.push(model);
        } else {
            self.models[place] = model;
        }
    }
}

impl Row {
    fn into_model(self) -> CatalogueModel {
        CatalogueModel {
            provider: self.provider,
            id: self.id,
            aliases: self.aliases,
            price: Price {
                input: self.input,
                output: self.output,
                cache_read: self.cache_read,
                cache_write_5m: self.cache_write_5m,
                cache_write_1h: self.cache_write_1h,
                tiers: self.tiers,
            },
            context: self.context,
            max_output: self.max_output,
            adaptive_thinking: self.adaptive_thinking,
            no_reasoning: self.no_reasoning,
        }
    }
}

/// The id without its trailing date or `-latest`, if it has one.
fn undated(model: &str) -> Option<&str> {
    if let Some(stem) = model.strip_suffix("-latest") {
        return Some(stem);
    }
    ["-0000-00-00", "-00000000"].iter().find_map(|shape| {
        let (stem, tail) = model.split_at_checked(model.len().checked_sub(shape.len())?)?;
        let fits = |(byte, shape): (u8, u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            _ => byte == shape,
        };
        tail.bytes().zip(shape.bytes()).all(fits).then_some(stem)
    })
}

#[cfg(test)]
mod tests;
