//! Gives the engine the files that the host has, and no others.

use std::sync::Arc;

use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Exception, Module, Result};

use crate::engine::Host;

/// Resolves and loads by the host.
pub(super) struct HostLoader(Arc<dyn Host>);

impl HostLoader {
    pub(super) fn new(host: &Arc<dyn Host>) -> Self {
        Self(Arc::clone(host))
    }
}

impl Resolver for HostLoader {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        importer: &str,
        specifier: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        self.0.resolve(importer, specifier).map_err(|problem| Exception::throw_message(ctx, &problem))
    }
}

impl Loader for HostLoader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        match self.0.code(name) {
            Some(code) => Module::declare(ctx.clone(), name, code),
            None => Err(Exception::throw_message(ctx, &format!("there is no file {name}"))),
        }
    }
}
