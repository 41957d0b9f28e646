//! What a program adds to the gateway.

use std::sync::Arc;

use penstock_pipeline::{Factory, NameClash, Registry, modules};

/// What a program adds to the gateway.
#[derive(Clone, Debug, Default)]
pub struct Extensions {
    modules: Vec<Arc<dyn Factory>>,
}

impl Extensions {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a module, which pipelines can name from now on. Its name must not be that of another.
    #[must_use]
    pub fn module(mut self, factory: impl Factory + 'static) -> Self {
        self.modules.push(Arc::new(factory));
        self
    }

    /// Every module in this program: those that come along, and those that were added.
    pub(crate) fn registry(self) -> Result<Registry, NameClash> {
        let mut registry = modules::built_in();
        for factory in self.modules {
            registry.add(factory)?;
        }
        Ok(registry)
    }
}

#[cfg(test)]
mod tests {
    use penstock_pipeline::modules::cost_guard::CostGuards;

    use super::*;

    #[test]
    fn a_name_is_taken_once() {
        let names =
            |registry: Registry| registry.iter().map(|factory| factory.name().to_owned()).collect::<Vec<_>>();
        assert_eq!(
            names(Extensions::new().registry().unwrap()),
            ["cost-guard", "exact-cache", "request-log"]
        );
        let clash = Extensions::new().module(CostGuards).registry().unwrap_err();
        assert_eq!(clash.to_string(), r#"there are two modules named "cost-guard": built-in and built-in"#);
    }
}
