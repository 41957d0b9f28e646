//! Efforts and budgets of thinking, which mean the same in different units.
//!
//! An effort is a share of the output that may be thought: the shares are those that
//! <https://openrouter.ai/docs/use-cases/reasoning-tokens> publishes for the same translation.

use penstock_core::Number;

/// The least budget that Anthropic takes.
const LEAST: u64 = 1_024;
/// Output that is assumed where no limit is given.
const ASSUMED: u64 = 32_000;

const SHARES: &[(&str, u64)] =
    &[("minimal", 10), ("low", 20), ("medium", 50), ("high", 80), ("xhigh", 95), ("max", 95)];

/// The tokens that `effort` may think of an output of `max_tokens`; `None` for an effort nobody knows,
/// or where the output leaves no room for thinking.
pub(crate) fn budget(effort: &str, max_tokens: u64) -> Option<u64> {
    let (_, share) = SHARES.iter().find(|(name, _)| *name == effort)?;
    let budget = (max_tokens / 100).saturating_mul(*share).max(LEAST);
    (budget < max_tokens).then_some(budget)
}

/// The effort that comes nearest to a budget.
pub(crate) fn of_budget(budget: &Number, max_tokens: Option<&Number>) -> &'static str {
    let max_tokens = max_tokens.and_then(Number::as_u64).unwrap_or(ASSUMED).max(1);
    let share = budget.as_u64().unwrap_or(0).saturating_mul(100) / max_tokens;
    // "xhigh" and "max" are known to few models
    let known = SHARES.iter().take(4);
    known.min_by_key(|(_, own)| own.abs_diff(share)).map_or("medium", |(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn efforts_and_budgets_convert_into_each_other() {
        for effort in ["minimal", "low", "medium", "high"] {
            let tokens = budget(effort, 32_000).unwrap();
            assert_eq!(of_budget(&tokens.into(), Some(&32_000.into())), effort);
        }
        assert_eq!(budget("low", 2_000), Some(LEAST));
        assert_eq!(budget("low", 1_024), None);
        assert_eq!(budget("none", 32_000), None);
    }
}
