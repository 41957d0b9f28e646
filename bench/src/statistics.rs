//! Medians and percentiles.

use std::time::Duration;

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub(crate) fn number(count: u64) -> f64 {
    count as f64
}

/// A duration in microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The middle of `values`, or the mean of the two in the middle; zero if there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => 0.0,
        sorted if sorted.len() % 2 == 1 => sorted[middle],
        sorted => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The smallest of `values` that at least `per_mille` thousandths of them do not exceed.
pub(crate) fn percentile(values: &mut [Duration], per_mille: usize) -> Duration {
    values.sort_unstable();
    let rank = (values.len() * per_mille).div_ceil(1000).max(1);
    values.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_found_in_any_order() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut values, 990), Duration::from_millis(198));
        assert_eq!(percentile(&mut values, 500), Duration::from_millis(100));
        assert_eq!(percentile(&mut values, 1000), Duration::from_millis(200));
    }
}
