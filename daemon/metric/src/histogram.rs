//! Counts of whole numbers by size, where there are too many to store: percentiles with a few significant digits.

use crate::value::float;
use hdrhistogram::Histogram;

/// Counts of numbers of any size.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    histogram: Histogram<u64>,
    least: u64,
    most: u64,
}

impl Counts {
    /// Empty counts, whose percentiles have this many significant digits, of which there are 0 to 5.
    pub(crate) fn new(digits: u8) -> Self {
        // No number is beyond the bounds, so none is counted as a smaller one.
        let histogram =
            Histogram::new_with_bounds(1, u64::MAX, digits).expect("bounds and digits are constants");
        Self { histogram, least: u64::MAX, most: 0 }
    }

    /// Counts a number.
    pub(crate) fn add(&mut self, number: u64) {
        self.histogram.saturating_record(number);
        self.least = self.least.min(number);
        self.most = self.most.max(number);
    }

    /// Forgets every number.
    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
        (self.least, self.most) = (u64::MAX, 0);
    }

    /// Adds counts with as many digits.
    pub(crate) fn join(&mut self, other: &Self) {
        // Both have the same bounds.
        self.histogram.add(&other.histogram).ok();
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }

    /// Whether nothing was counted.
    pub(crate) fn is_empty(&self) -> bool {
        self.histogram.is_empty()
    }

    /// The least number that is at least as great as this share of all; within the least and the greatest.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        float(self.histogram.value_at_quantile(share).min(self.most).max(self.least.min(self.most)))
    }

    /// The least number.
    pub(crate) const fn least(&self) -> u64 {
        self.least
    }

    /// The greatest number.
    pub(crate) const fn most(&self) -> u64 {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(numbers: &[u64], share: f64, expected: u64) {
        let mut counts = Counts::new(3);
        numbers.iter().for_each(|number| counts.add(*number));
        let (got, expected) = (counts.quantile(share), float(expected));
        assert!(
            (got - expected).abs() <= expected * 1e-3,
            "{got}, not {expected}, at {share} of {numbers:?}"
        );
    }

    #[test]
    fn numbers_of_any_size_are_counted_as_they_are() {
        let hours = 3_600_000_000_000;
        check(&[hours, 2 * hours, 24 * hours], 0.99, 24 * hours);
        check(&[7, 2 * hours], 0.5, 7);
        check(&[0, 0, 1], 0.5, 0);
        check(&[u64::MAX, u64::MAX - 1], 0.99, u64::MAX);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn percentiles_are_within_the_numbers(numbers in proptest::collection::vec(any::<u64>(), 1..50), share in 0.0..=1.0) {
            let mut counts = Counts::new(3);
            numbers.iter().for_each(|number| counts.add(*number));
            let got = counts.quantile(share);
            prop_assert!((float(counts.least())..=float(counts.most())).contains(&got), "{got}");
        }
    }
}
