//! What tokens cost: exact decimals per million tokens, with tiers for long contexts.

use penstock_core::{Usage, Usd};
use serde::{Deserialize, Serialize};

use crate::TableError;

/// Prices of one model in US dollars per million tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Price {
    /// Input that touched no cache.
    pub input: Usd,
    /// Output, reasoning included.
    pub output: Usd,
    /// Input read from a cache; absent: at the price of input.
    pub cache_read: Option<Usd>,
    /// Input written to a cache of five minutes; absent: at the price of input.
    pub cache_write_5m: Option<Usd>,
    /// Input written to a cache of an hour; absent: at `cache_write_5m`, else that of input.
    pub cache_write_1h: Option<Usd>,
    /// Other prices for long requests, by ascending `above`.
    pub tiers: Vec<Tier>,
}

/// Prices that hold for the *whole* request once its total input, cached or not, exceeds `above`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Total input tokens; the tier applies to requests with more.
    pub above: u64,
    /// As [`Price::input`].
    pub input: Usd,
    /// As [`Price::output`].
    pub output: Usd,
    /// As [`Price::cache_read`]; falls back within the tier.
    pub cache_read: Option<Usd>,
    /// As [`Price::cache_write_5m`]; falls back within the tier.
    pub cache_write_5m: Option<Usd>,
    /// As [`Price::cache_write_1h`]; falls back within the tier.
    pub cache_write_1h: Option<Usd>,
}

impl Price {
    /// What `usage` costs, unrounded.
    pub fn cost(&self, usage: &Usage) -> Usd {
        let total = usage.total_input();
        let tier = self.tiers.iter().filter(|tier| total > tier.above).max_by_key(|tier| tier.above);
        match tier {
            Some(tier) => Rates {
                input: tier.input,
                output: tier.output,
                cache_read: tier.cache_read,
                cache_write_5m: tier.cache_write_5m,
                cache_write_1h: tier.cache_write_1h,
            },
            None => Rates {
                input: self.input,
                output: self.output,
                cache_read: self.cache_read,
                cache_write_5m: self.cache_write_5m,
                cache_write_1h: self.cache_write_1h,
            },
        }
        .cost(usage)
    }

    /// Refuses what no price list has: amounts below zero, two tiers with one bound.
    pub(crate) fn check(&self, row: &str) -> Result<(), TableError> {
        let amounts = |input, output, cache: [Option<Usd>; 3]| {
            let [read, short, long] = cache;
            [
                ("input", Some(input)),
                ("output", Some(output)),
                ("cache_read", read),
                ("cache_write_5m", short),
                ("cache_write_1h", long),
            ]
        };
        let refuse = |prefix: &str, amounts: [(&str, Option<Usd>); 5]| {
            let negative = |amount: &Usd| amount.is_negative();
            for (field, amount) in amounts {
                if let Some(amount) = amount.filter(negative) {
                    let field = format!("{prefix}{field}");
                    let found = amount.to_string();
                    return Err(TableError::field(row, field, "a price of zero or more", &found));
                }
            }
            Ok(())
        };
        let cache = [self.cache_read, self.cache_write_5m, self.cache_write_1h];
        refuse("", amounts(self.input, self.output, cache))?;
        for (index, tier) in self.tiers.iter().enumerate() {
            let cache = [tier.cache_read, tier.cache_write_5m, tier.cache_write_1h];
            let prefix = format!("tiers[{index}].");
            refuse(&prefix, amounts(tier.input, tier.output, cache))?;
            if self.tiers[..index].iter().any(|other| other.above == tier.above) {
                let field = format!("{prefix}above");
                return Err(TableError::field(row, field, "a bound of its own", &tier.above));
            }
        }
        Ok(())
    }
}

/// The rates that hold for one request, once its tier is known.
struct Rates {
    input: Usd,
    output: Usd,
    cache_read: Option<Usd>,
    cache_write_5m: Option<Usd>,
    cache_write_1h: Option<Usd>,
}

impl Rates {
    fn cost(&self, usage: &Usage) -> Usd {
        let short_write = self.cache_write_5m.unwrap_or(self.input);
        let long_write = self.cache_write_1h.unwrap_or(short_write);
        self.input.for_tokens(usage.input)
            + self.output.for_tokens(usage.output)
            + self.cache_read.unwrap_or(self.input).for_tokens(usage.cache_read)
            + short_write.for_tokens(usage.cache_write_5m)
            + long_write.for_tokens(usage.cache_write_1h)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn sonnet() -> Price {
        Price {
            input: usd("3"),
            output: usd("15"),
            cache_read: Some(usd("0.3")),
            cache_write_5m: Some(usd("3.75")),
            cache_write_1h: Some(usd("6")),
            tiers: vec![Tier {
                above: 200_000,
                input: usd("6"),
                output: usd("22.5"),
                cache_read: Some(usd("0.6")),
                cache_write_5m: Some(usd("7.5")),
                cache_write_1h: Some(usd("12")),
            }],
        }
    }

    #[test]
    fn each_kind_of_token_has_its_price() {
        let usage = Usage {
            input: 1_001,
            output: 503,
            cache_read: 20_007,
            cache_write_5m: 4_001,
            cache_write_1h: 3,
            reasoning: 400,
        };
        // 0.003003 + 0.007545 + 0.0060021 + 0.01500375 + 0.000018
        assert_eq!(sonnet().cost(&usage), usd("0.03157185"));
    }

    #[test]
    fn a_tier_starts_above_its_bound_and_prices_the_whole_request() {
        let at = Usage { input: 1, cache_read: 199_999, output: 10, ..Usage::default() };
        // 0.000003 + 0.0599997 + 0.00015
        assert_eq!(sonnet().cost(&at), usd("0.0601527"));
        let over = Usage { input: 2, ..at };
        // 0.000012 + 0.1199994 + 0.000225
        assert_eq!(sonnet().cost(&over), usd("0.1202364"));
    }

    #[test]
    fn of_several_tiers_the_highest_reached_holds_in_any_order() {
        let tier = |above, input: &str| Tier {
            above,
            input: usd(input),
            output: usd("0"),
            cache_read: None,
            cache_write_5m: None,
            cache_write_1h: None,
        };
        let price =
            Price { input: usd("1"), tiers: vec![tier(200, "3"), tier(100, "2")], ..Price::default() };
        for (input, cost) in [(100, "0.0001"), (101, "0.000202"), (201, "0.000603")] {
            let usage = Usage { input, ..Usage::default() };
            assert_eq!(price.cost(&usage), usd(cost), "{input}");
        }
    }

    #[test]
    fn absent_cache_prices_fall_back() {
        let usage = Usage {
            cache_read: 1_000_000,
            cache_write_5m: 1_000_000,
            cache_write_1h: 1_000_000,
            ..Usage::default()
        };
        let plain = Price { input: usd("2"), ..Price::default() };
        assert_eq!(plain.cost(&usage), usd("6"));
        let short_writes = Price { cache_write_5m: Some(usd("2.5")), ..plain };
        assert_eq!(short_writes.cost(&usage), usd("7"));
    }
}
