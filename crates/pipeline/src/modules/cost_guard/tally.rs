//! What a counter is to be after a number of changes: arithmetic alone, without a store.

use std::cmp::max;

use penstock_core::Usd;

/// What settlements change, both above nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owed {
    /// What is given back.
    pub(super) less: Usd,
    /// What was spent beyond what had been reserved.
    pub(super) more: Usd,
}

impl Owed {
    /// From what was reserved to what it cost.
    pub(super) fn between(reserved: Usd, actual: Usd) -> Self {
        let (less, more) = (max(reserved - actual, Usd::ZERO), max(actual - reserved, Usd::ZERO));
        Self { less, more }
    }

    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self { less: self.less + other.less, more: self.more + other.more }
    }

    fn minus(self, other: Self) -> Self {
        Self { less: self.less - other.less, more: self.more - other.more }
    }

    /// Whether nothing changes.
    pub(super) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// A wish to reserve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) amount: Usd,
    /// What the counter must not exceed.
    pub(super) cap: Usd,
}

/// A write whose answer was lost: it may have been made.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    /// What there was.
    pub(super) before: Option<String>,
    /// What was to be there.
    pub(super) written: String,
    /// What it settled.
    pub(super) owed: Owed,
    /// What it reserved, for requests that were refused since.
    pub(super) granted: Usd,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Work {
    /// What nobody has tried to settle.
    pub(super) fresh: Owed,
    /// What a write that is in doubt may have settled.
    pub(super) tried: Owed,
    /// In the order in which they came.
    pub(super) wishes: Vec<Wish>,
}

impl Work {
    /// What there is to settle.
    pub(super) fn owed(&self) -> Owed {
        self.tried.plus(self.fresh)
    }
}

/// What is to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) before: Usd,
    pub(super) after: Usd,
    /// All that is granted.
    pub(super) granted: Usd,
    /// For each wish: granted, or what is left.
    pub(super) answers: Vec<Result<(), Usd>>,
}

impl Plan {
    /// What `work` makes of `value`, which is what the store has. An error is the reason why that is no amount.
    pub(super) fn of(value: Option<&str>, work: &Work, doubt: Option<&Doubt>) -> Result<Self, String> {
        let before = amount(value)?;
        let owed = owed(value, work, doubt);
        let mut after = max(before + owed.more - owed.less, Usd::ZERO);
        let (mut granted, mut answers) = (Usd::ZERO, Vec::with_capacity(work.wishes.len()));
        for Wish { amount, cap } in &work.wishes {
            if after + *amount <= *cap {
                after += *amount;
                granted += *amount;
                answers.push(Ok(()));
            } else {
                answers.push(Err(max(*cap - after, Usd::ZERO)));
            }
        }
        Ok(Self { before, after, granted, answers })
    }
}

/// What is still to be settled, now that it can be seen what became of a write in doubt.
fn owed(value: Option<&str>, work: &Work, doubt: Option<&Doubt>) -> Owed {
    match doubt {
        Some(doubt) if value == Some(&*doubt.written) => {
            let owed = work.owed().minus(doubt.owed);
            Owed { less: owed.less + doubt.granted, ..owed }
        }
        Some(doubt) if value != doubt.before.as_deref() => {
            // somebody else has written since. On the safe side: what may have been given back is not given back
            // again, what may not have been charged is charged
            Owed { less: work.fresh.less, more: work.owed().more }
        }
        _ => work.owed(),
    }
}

/// The greatest amount that counts as one: beyond it sums would lose their last digits.
const MOST: u32 = 15;

/// The amount that a value is. Other modules may have written it, from a float.
fn amount(value: Option<&str>) -> Result<Usd, String> {
    let Some(text) = value else { return Ok(Usd::ZERO) };
    let is_near =
        |amount: &Usd| amount.to_string().split('.').next().is_some_and(|whole| whole.len() <= MOST as usize);
    match text.trim().parse::<Usd>().ok().filter(is_near) {
        Some(amount) => Ok(max(amount, Usd::ZERO)),
        None => Err("expected an amount in US dollars, such as 12.5, found another text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn wishes(amounts: &[&str], cap: &str) -> Work {
        let wishes = amounts.iter().map(|amount| Wish { amount: usd(amount), cap: usd(cap) }).collect();
        Work { wishes, ..Work::default() }
    }

    #[test]
    fn each_wish_is_decided_by_itself_in_its_order() {
        let plan = Plan::of(Some("0.5"), &wishes(&["0.4", "0.2", "0.1"], "1"), None).unwrap();
        assert_eq!(plan.answers, [Ok(()), Err(usd("0.1")), Ok(())]);
        assert_eq!((plan.before, plan.after, plan.granted), (usd("0.5"), usd("1"), usd("0.5")));
    }

    #[test]
    fn what_is_given_back_is_there_for_the_next_and_nothing_falls_below_zero() {
        let mut work = wishes(&["1"], "1");
        work.fresh = Owed::between(usd("1"), usd("0"));
        assert_eq!(Plan::of(Some("1"), &work, None).unwrap().answers, [Ok(())]);
        assert_eq!(Plan::of(Some("0.25"), &work, None).unwrap().after, usd("1"));
    }

    #[test]
    fn amounts_of_other_modules_are_read_and_what_is_none_is_told() {
        for (text, spent) in
            [("0.30000000000000004", "0.30000000000000004"), ("1e-7", "0.0000001"), ("-1", "0")]
        {
            assert_eq!(amount(Some(text)), Ok(usd(spent)), "{text}");
        }
        for text in ["", "NaN", "Infinity", "1,5", "1e16", "79228162514264337593543950335"] {
            assert!(amount(Some(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_write_in_doubt_is_never_undone_twice() {
        let doubt = Doubt {
            before: Some("5".to_owned()),
            written: "4".to_owned(),
            owed: Owed { less: usd("2"), more: usd("0.5") },
            granted: usd("0.5"),
        };
        let work =
            Work { tried: doubt.owed, fresh: Owed { less: usd("0.1"), more: Usd::ZERO }, wishes: Vec::new() };
        let after = |value: &str| Plan::of(Some(value), &work, Some(&doubt)).unwrap().after;
        // it was not made: all of it is due
        assert_eq!(after("5"), usd("3.4"));
        // it was: what it reserved goes back, and what came later
        assert_eq!(after("4"), usd("3.4"));
        // nobody knows
        assert_eq!(after("7"), usd("7.4"));
    }
}
