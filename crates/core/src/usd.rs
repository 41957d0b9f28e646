//! Money: exact decimals, never floats.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// US dollars. Stored and serialised as decimal text without trailing zeros, because a JSON
/// number or a float column would round it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(Decimal);

/// A text that is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an amount in US dollars: expected a decimal such as \"0.15\", found {0:?}")]
pub struct UsdError(String);

const PER_MILLION: Decimal = Decimal::from_parts(1, 0, 0, false, 6);

impl Usd {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// What `tokens` cost at `self` per million tokens, exactly.
    #[must_use]
    pub fn for_tokens(self, tokens: u64) -> Self {
        Self((self.0 * Decimal::from(tokens) * PER_MILLION).normalize())
    }

    /// A price given per single token, as the public catalogues do (`1.5e-07`), per million.
    pub fn per_million_from_per_token(text: &str) -> Result<Self, UsdError> {
        let per_token = parse(text)?;
        Ok(Self((per_token * Decimal::from(1_000_000)).normalize()))
    }

    /// True below zero.
    pub fn is_negative(self) -> bool {
        self.0.is_sign_negative() && !self.0.is_zero()
    }

    /// As a float, for gauges that people look at; never to compute with.
    pub fn approximate(self) -> f64 {
        self.0.try_into().unwrap_or(f64::NAN)
    }

    /// Rounded to `places` decimals, half up: for people, never for storage.
    #[must_use]
    pub fn rounded(self, places: u32) -> String {
        let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
        format!("{:.*}", places as usize, self.0.round_dp_with_strategy(places, strategy))
    }
}

fn parse(text: &str) -> Result<Decimal, UsdError> {
    Decimal::from_str_exact(text)
        .or_else(|_| Decimal::from_scientific(text))
        .map_err(|_| UsdError(text.to_owned()))
}

impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, UsdError> {
        parse(text).map(|value| Self(value.normalize()))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}

impl Add for Usd {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Usd {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_prices_are_exact() -> Result<(), UsdError> {
        let price: Usd = "0.15".parse()?;
        assert_eq!(price.for_tokens(1).to_string(), "0.00000015");
        assert_eq!(price.for_tokens(3_333_333).to_string(), "0.49999995");
        assert_eq!((0..10).map(|_| price.for_tokens(1)).sum::<Usd>().to_string(), "0.0000015");
        Ok(())
    }

    #[test]
    fn catalogue_numbers_read_in_either_notation() -> Result<(), UsdError> {
        for text in ["1.5e-07", "0.00000015", "1.5E-7"] {
            assert_eq!(Usd::per_million_from_per_token(text)?.to_string(), "0.15", "{text}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_money_is_refused() {
        for text in ["", "1,50", "$1", "NaN", "1e400"] {
            assert!(text.parse::<Usd>().is_err(), "{text}");
        }
    }

    #[test]
    fn rounding_is_for_people() -> Result<(), UsdError> {
        assert_eq!("0.00005".parse::<Usd>()?.rounded(4), "0.0001");
        assert_eq!("12".parse::<Usd>()?.rounded(2), "12.00");
        Ok(())
    }
}
