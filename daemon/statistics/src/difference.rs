//! Two numbers: how far apart they are, how sure that is, and what distance would have been seen.

use crate::distribution::{t_quantile, t_tails};
use crate::number::{float_of, short};
use crate::precision::{Estimate, Interval};

/// A number with its standard error in each direction, which differ where it is skewed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The number.
    pub value: f64,
    /// How far below it the true value may be.
    pub below: f64,
    /// How far above it the true value may be.
    pub above: f64,
    /// The degrees of freedom of both.
    pub freedom: f64,
}

/// The difference of two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The number, less the one that it is compared with.
    pub value: f64,
    /// The lower end of its 95 % confidence interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The probability of a difference at least as large, of either sign, were there none.
    pub probability: f64,
    error: f64,
    freedom: f64,
}

impl Spread {
    /// A number that is certain.
    #[must_use]
    pub const fn certain(value: f64) -> Self {
        Self { value, below: 0.0, above: 0.0, freedom: f64::INFINITY }
    }

    /// What an estimate with an interval implies.
    #[must_use]
    pub fn of(value: f64, interval: &Interval) -> Self {
        let freedom = f64::from(interval.freedom);
        let t = t_quantile(freedom, 0.975);
        let [below, above] = [value - interval.low, interval.high - value].map(|side| side.max(0.0) / t);
        Self { value, below, above, freedom }
    }

    /// What an estimate implies, if it has an interval.
    #[must_use]
    pub fn of_estimate(estimate: &Estimate) -> Option<Self> {
        estimate.interval.ok().map(|interval| Self::of(estimate.value, &interval))
    }

    /// The number with a further, independent error of either direction.
    #[must_use]
    pub fn widened(self, error: f64) -> Self {
        let (below, above) = (self.below.hypot(error), self.above.hypot(error));
        // The further error is assumed and not estimated, so it has any number of degrees of freedom.
        let most = self.below.max(self.above).powi(4);
        let widest = below.max(above).powi(4);
        let freedom = if most > 0.0 { self.freedom * widest / most } else { f64::INFINITY };
        Self { value: self.value, below, above, freedom }
    }

    /// The mean of independent numbers; `None` if there are none.
    #[must_use]
    pub fn mean(numbers: &[Self]) -> Option<Self> {
        let (first, rest) = numbers.split_first()?;
        let add = |sum: Self, next: &Self| {
            let (below, of_below) = joint((sum.below, sum.freedom), (next.below, next.freedom));
            let (above, of_above) = joint((sum.above, sum.freedom), (next.above, next.freedom));
            Self { value: sum.value + next.value, below, above, freedom: of_below.min(of_above) }
        };
        Some(rest.iter().fold(*first, add).times(1.0 / float_of(numbers.len())))
    }

    /// The number and its errors, multiplied.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        let (below, above) = if factor < 0.0 { (self.above, self.below) } else { (self.below, self.above) };
        let value = self.value * factor;
        Self { value, below: below * factor.abs(), above: above * factor.abs(), freedom: self.freedom }
    }
}

/// The difference `spread - base`, by the errors of both.
///
/// The limits are G. Zou's and A. Donner's (MOVER, Statistics in Medicine 27 (2008), 1693): each is found from the sides that
/// face it. The degrees of freedom are Welch's and Satterthwaite's.
#[must_use]
pub fn between(base: Spread, spread: Spread) -> Difference {
    let value = spread.value - base.value;
    let down = joint((spread.below, spread.freedom), (base.above, base.freedom));
    let up = joint((spread.above, spread.freedom), (base.below, base.freedom));
    let limit = |(error, freedom): (f64, f64)| t_quantile(freedom, 0.975) * error;
    let (error, freedom) = if value >= 0.0 { down } else { up };
    let probability = if value.abs() > 0.0 { t_tails(freedom, value / error) } else { 1.0 };
    Difference { value, low: value - limit(down), high: value + limit(up), probability, error, freedom }
}

impl Difference {
    /// A difference of which only an interval and a probability are known.
    #[must_use]
    pub fn of_limits(value: f64, (low, high): (f64, f64), probability: f64) -> Self {
        let error = (high - low) / 2.0 / t_quantile(f64::MAX, 0.975);
        Self { value, low, high, probability, error, freedom: f64::MAX }
    }

    /// The difference in another unit.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            low: self.low * factor,
            high: self.high * factor,
            error: self.error * factor,
            ..self
        }
    }

    /// The difference with an interval that is one of so many, all of which hold together (Bonferroni).
    #[must_use]
    pub fn one_of(self, comparisons: usize) -> Self {
        let error = ERROR / float_of(comparisons.max(1));
        let wider = t_quantile(self.freedom, 1.0 - error / 2.0) / t_quantile(self.freedom, 1.0 - ERROR / 2.0);
        let widened = |limit: f64| self.value + (limit - self.value) * wider;
        Self { low: widened(self.low), high: widened(self.high), ..self }
    }

    /// The one of two estimates of a difference that is less certain of it.
    #[must_use]
    pub(crate) fn less_certain(self, other: Self) -> Self {
        let is_less = other.probability > self.probability
            || (other.probability >= self.probability && other.error > self.error);
        if is_less { other } else { self }
    }

    /// The distance that would have been seen with a probability of 80 %, by a test with this probability of error.
    #[must_use]
    pub fn visible(&self, error: f64) -> f64 {
        (t_quantile(self.freedom, 1.0 - error / 2.0) + t_quantile(self.freedom, POWER)) * self.error
    }
}

impl From<&Spread> for Interval {
    fn from(spread: &Spread) -> Self {
        let t = t_quantile(spread.freedom, 0.975);
        Self {
            low: spread.value - t * spread.below,
            high: spread.value + t * spread.above,
            effective: short(spread.freedom + 1.0),
            freedom: short(spread.freedom),
            method: crate::precision::Method::Runs,
        }
    }
}

/// Two independent errors together, with Satterthwaite's degrees of freedom.
fn joint((first, of_first): (f64, f64), (second, of_second): (f64, f64)) -> (f64, f64) {
    let fourth = |error: f64, freedom: f64| error.powi(4) / freedom.max(1.0);
    let both = first.hypot(second);
    let freedom = both.powi(4) / (fourth(first, of_first) + fourth(second, of_second));
    (both, if freedom.is_nan() { f64::MAX } else { freedom.clamp(1.0, f64::MAX) })
}

/// The probability of error of an interval.
const ERROR: f64 = 0.05;

/// The share of shifts that must have been found for one to count as visible.
const POWER: f64 = 0.8;

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(value: f64, error: f64, freedom: f64) -> Spread {
        Spread { value, below: error, above: error, freedom }
    }

    #[test]
    fn the_difference_of_two_means_is_welchs() {
        // t = 2 / sqrt(0.5² + 0.8²) = 2.12 with 17.9 degrees of freedom: two tails of 4.8 %.
        let found = between(spread(10.0, 0.5, 9.0), spread(12.0, 0.8, 11.0));
        assert!((found.probability - 0.048_3).abs() < 2e-3, "{found:?}");
        assert!(found.low > 0.0 && found.low < 0.1, "{found:?}");
    }

    #[test]
    fn the_sides_that_face_each_other_decide() {
        let skewed = |value| Spread { value, below: 0.1, above: 5.0, freedom: 100.0 };
        assert!(between(skewed(1.0), spread(3.0, 0.1, 100.0)).probability > 0.5, "may be as high");
        assert!(between(spread(1.0, 0.1, 100.0), skewed(3.0)).probability < 1e-6, "not as low");
    }

    #[test]
    fn the_mean_of_numbers_is_surer_than_each() {
        let found =
            Spread::mean(&[spread(1.0, 0.3, 9.0), spread(3.0, 0.3, 9.0), spread(5.0, 0.3, 9.0)]).unwrap();
        assert!(
            (found.value - 3.0).abs() < 1e-9 && (found.below - 0.3 / 3.0_f64.sqrt()).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.freedom - 27.0).abs() < 1e-6, "of all of them: {found:?}");
        assert_eq!(Spread::mean(&[]), None, "of nothing");
    }

    #[test]
    fn one_of_many_intervals_is_wider() {
        let found = between(Spread::certain(0.0), spread(5.0, 1.0, 1e6));
        let of_ten = found.one_of(10);
        // The normal quantiles of 0.975 and 0.9975.
        assert!((found.low - (5.0 - 1.96)).abs() < 1e-3, "{found:?}");
        assert!((of_ten.low - (5.0 - 2.807)).abs() < 1e-3 && of_ten.high > found.high, "{of_ten:?}");
        assert_eq!(found.one_of(1), found, "alone");
    }

    #[test]
    fn certain_numbers_differ_or_do_not() {
        let certain = |a, b| between(Spread::certain(a), Spread::certain(b)).probability;
        assert!(certain(0.0, 0.0) > 0.99 && certain(0.0, 1.0) < 1e-9, "a baseline of zero is one as any");
    }

    #[test]
    fn what_is_visible_is_found_in_four_of_five() {
        let found = between(spread(0.0, 1.0, 1e9), spread(0.0, 0.0, 1e9));
        assert!((found.visible(0.05) - (1.959_96 + 0.841_62)).abs() < 1e-3, "{found:?}");
    }
}
