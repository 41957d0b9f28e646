//! Randomness as a parameter.

/// A row of random numbers, the same for the same seed.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From any bits that nobody can foresee; those of a request's id will do.
    pub fn of(seed: u128) -> Self {
        let low = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or(0);
        let high = u64::try_from(seed >> 64).unwrap_or(0);
        Self(low ^ high.rotate_left(32))
    }

    /// The next number (`SplitMix64`).
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws from `all` until none is left, each time in the proportion of the weights of those that are
    /// left. What has no weight stands at the end, in its order.
    pub(super) fn draw_by_weight<T>(&mut self, all: &mut [T], weight: impl Fn(&T) -> u64) {
        // no sum of them is too large to be multiplied
        let weight = |one: &T| u128::from(weight(one).min(u64::from(u32::MAX)));
        for drawn in 0..all.len() {
            let total: u128 = all[drawn..].iter().map(&weight).sum();
            if total == 0 {
                return;
            }
            let mut left = (u128::from(self.next()) * total) >> 64;
            let found = all[drawn..].iter().position(|one| {
                let own = weight(one);
                let is_it = left < own;
                left = left.saturating_sub(own);
                is_it
            });
            let place = drawn + found.unwrap_or(0);
            // not swapped: what is left keeps its order
            all[drawn..=place].rotate_right(1);
        }
    }
}
