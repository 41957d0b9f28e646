//! What is known about the providers: where they are, how they are spoken to, what they cost.
//!
//! Data first: two embedded tables, `data/providers.toml` (one row per provider) and
//! `data/catalogue.toml` (one row per model, with prices), and the loaders that check them. An
//! operator's own tables are read by the same loaders and laid over the embedded ones with
//! `merge`. A provider that speaks a known wire protocol is therefore a row, never a file of code.
//!
//! Nothing here opens a socket, reads the environment or knows what a request looks like.

mod auth;
mod catalogue;
mod error;
mod price;
mod public_json;
mod rows;
mod table;

pub use auth::AuthScheme;
pub use catalogue::{Catalogue, CatalogueModel};
pub use error::TableError;
pub use price::{Price, Tier};
pub use table::{ProviderRow, ProviderTable, ServedBy, StreamUsage};
