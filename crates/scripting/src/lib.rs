//! Modules written in TypeScript and JavaScript.
//!
//! [`ScriptLoader`] reads a file and gives a factory for each module that it exports; a pipeline then has them like any
//! other. The way of a hook's call: `module` asks a `host` thread, which enters the `engine`, whose prelude calls
//! the script; what the script asks for comes back through `bindings`; what it changed is applied by `write_back`.
//!
//! What a script does wrong is an error of its hook, with a place in its source. Nothing that a script does may hold up
//! another module, stop the process, or reach a file, a process or a host that it was not given.

mod bindings;
mod engine;
mod factory;
mod host;
mod loader;
mod module;
mod options;
mod prelude;
mod tls;
mod typescript;
mod write_back;

pub use loader::ScriptLoader;
pub use options::{FetchOptions, ScriptOptions};
