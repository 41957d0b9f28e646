//! Metrics that requests count: each is looked up by its labels once, and then held. The look-up costs more
//! than everything else that is done with a figure.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Metrics of one name, by the labels that tell them apart. There must be few of those: none is forgotten.
#[derive(Debug)]
pub struct Meters<Labels, Metric>(RwLock<HashMap<Labels, Metric>>);

impl<Labels, Metric> Default for Meters<Labels, Metric> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<Labels: Eq + Hash, Metric: Clone> Meters<Labels, Metric> {
    /// The metric with these labels; `register` is called for the first who asks.
    pub fn get(&self, labels: Labels, register: impl FnOnce(&Labels) -> Metric) -> Metric {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&labels).cloned();
        known.unwrap_or_else(|| {
            let metric = register(&labels);
            self.0.write().unwrap_or_else(PoisonError::into_inner).insert(labels, metric.clone());
            metric
        })
    }
}

/// What is counted of one provider.
#[derive(Debug, Default)]
pub(crate) struct ProviderMeters {
    attempts: Meters<&'static str, Counter>,
    retries: OnceLock<Counter>,
    tokens: Meters<(Option<Arc<str>>, &'static str), Counter>,
    cost: OnceLock<Gauge>,
    first_byte: OnceLock<Histogram>,
    estimated: OnceLock<Counter>,
}

impl ProviderMeters {
    /// Attempts that ended in `outcome`.
    pub(crate) fn attempts(&self, provider: &Arc<str>, outcome: &'static str) -> Counter {
        let label = || provider.to_string();
        self.attempts.get(outcome, |outcome| {
            counter!("penstock_upstream_attempts_total", "provider" => label(), "outcome" => *outcome)
        })
    }

    /// Attempts that came after another of the same request.
    pub(crate) fn retries(&self, provider: &Arc<str>) -> &Counter {
        let register = || counter!("penstock_upstream_retries_total", "provider" => provider.to_string());
        self.retries.get_or_init(register)
    }

    /// Tokens of a kind. A model without a known price may be any text that a client sent: it is `None`, and
    /// has no label of its own.
    pub(crate) fn tokens(
        &self,
        provider: &Arc<str>,
        model: Option<&Arc<str>>,
        kind: &'static str,
    ) -> Counter {
        self.tokens.get((model.cloned(), kind), |(model, kind)| {
            let model = model.as_deref().unwrap_or("other").to_owned();
            counter!("penstock_tokens_total", "provider" => provider.to_string(), "model" => model, "kind" => *kind)
        })
    }

    /// What its answers cost.
    pub(crate) fn cost(&self, provider: &Arc<str>) -> &Gauge {
        self.cost.get_or_init(|| gauge!("penstock_cost_usd_total", "provider" => provider.to_string()))
    }

    /// How long its first bytes took.
    pub(crate) fn first_byte(&self, provider: &Arc<str>) -> &Histogram {
        let register =
            || histogram!("penstock_time_to_first_byte_seconds", "provider" => provider.to_string());
        self.first_byte.get_or_init(register)
    }

    /// Answers whose usage it did not report.
    pub(crate) fn estimated(&self, provider: &Arc<str>) -> &Counter {
        let register = || counter!("penstock_usage_estimated_total", "provider" => provider.to_string());
        self.estimated.get_or_init(register)
    }
}
