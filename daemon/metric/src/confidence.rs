//! Computes when a sample is too small for a percentile, and confidence intervals.

use crate::value::{float, float_of, index};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// The smallest sample size at which the percentile above `share` of the values is meaningful.
///
/// This is MLPerf LoadGen's bound for early stopping, with one value allowed above the percentile: the least n for which a
/// sample of n has at most one value above the percentile with a probability of 1 % or less, `share^n + n (1 - share)
/// share^(n-1) <= 0.01`. It gives 64 for p90 and 662 for p99. Low percentiles are counted from the other end.
#[must_use]
pub fn least_sample(share: f64) -> u64 {
    let above = share.min(1.0 - share).max(1e-6);
    let below = 1.0 - above;
    let at_most_one = |count: u64| {
        let power = (below.ln() * float(count - 1)).exp();
        power * (below + float(count) * above)
    };
    let mut high = 1;
    while at_most_one(high) > 0.01 {
        high *= 2;
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if at_most_one(middle) > 0.01 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The indices in a sorted sample between which the percentile lies with 95 % confidence, for any distribution.
///
/// The number of a sample's values below the percentile is binomial; this uses its normal approximation, `n share ± 1.96 sqrt(n
/// share (1 - share))`, rounded outwards. `None` if an end is outside the sample.
#[must_use]
pub fn ranks(count: usize, share: f64) -> Option<(usize, usize)> {
    let mean = float_of(count) * share;
    let spread = 1.96 * (mean * (1.0 - share)).sqrt();
    let low = (mean - spread).floor();
    let high = (mean + spread).ceil();
    (low >= 1.0 && high < float_of(count)).then(|| (index(low) - 1, index(high)))
}

/// The half-width, in standard errors, of a mean's confidence interval: Student's t for `count - 1` degrees of freedom at `(1 +
/// confidence) / 2`. `None` for fewer than two values.
#[must_use]
pub fn t_critical(count: u64, confidence: f64) -> Option<f64> {
    let freedom = float(count.checked_sub(1).filter(|freedom| *freedom > 0)?);
    let share = f64::midpoint(1.0, confidence);
    let is_share = (0.0..1.0).contains(&confidence);
    let critical = match is_share {
        false => return None,
        true if freedom < MANY => StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(share),
        true => t_of_many(freedom, Normal::standard().inverse_cdf(share)),
    };
    Some(critical).filter(|t| t.is_finite())
}

/// Student's t for many degrees of freedom, from the normal distribution's `z` (Abramowitz and Stegun 26.7.5).
///
/// The library's inverse uses a search that does not terminate for a million.
fn t_of_many(freedom: f64, z: f64) -> f64 {
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + first / freedom + second / freedom.powi(2)
}

/// The 95 % confidence interval of a mean, from the standard deviation (divisor n, as in the exports).
///
/// The values are assumed to be independent, which requests of one run are only approximately.
#[must_use]
pub fn mean_interval(mean: f64, deviation: f64, count: u64) -> Option<(f64, f64)> {
    let error = deviation / float(count.checked_sub(1)?).sqrt();
    let half = t_critical(count, 0.95)? * error;
    half.is_finite().then_some((mean - half, mean + half))
}

/// Degrees of freedom from which [`t_of_many`] is accurate to nine digits.
const MANY: f64 = 1000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_samples_use_the_approximation() {
        let searched = StudentsT::new(0.0, 1.0, MANY).unwrap().inverse_cdf(0.975);
        let approximated = t_critical(1001, 0.95).unwrap();
        assert!((approximated - searched).abs() < 1e-8, "{approximated} for {searched} at the threshold");
        let most = t_critical(10_000_000, 0.99).unwrap();
        assert!((most - 2.575_829_9).abs() < 1e-5, "as good as normal: {most}");
    }

    #[test]
    fn the_bound_matches_loadgen() {
        for (share, least) in [(0.9, 64), (0.99, 662), (0.01, 662)] {
            assert_eq!(least_sample(share), least, "for {share}");
        }
    }

    #[test]
    fn means_have_intervals() {
        // t tables: 2.262 for 9 degrees of freedom at 97.5 %, 12.706 for 1.
        assert!((t_critical(10, 0.95).unwrap() - 2.262_157).abs() < 1e-5, "nine degrees of freedom");
        assert!((t_critical(2, 0.95).unwrap() - 12.706_205).abs() < 1e-4, "one");
        assert_eq!(t_critical(1, 0.95), None, "one number has no spread");
        let (low, high) = mean_interval(5.0, 3.0, 10).unwrap();
        assert!((high - low - 2.0 * 2.262_157).abs() < 1e-5, "3 / sqrt(9) is one");
    }

    #[test]
    fn the_median_of_a_hundred_lies_between_the_fortieth_and_the_sixty_first() {
        assert_eq!(ranks(100, 0.5), Some((39, 60)), "indices count from 0");
        assert_eq!(ranks(5, 0.5), None, "five are too few");
    }
}
