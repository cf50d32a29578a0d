//! Intervals of numbers whose requests are not at hand: of AIPerf's aggregates, and of a mean with its deviation and count.

use crate::value::float;
use statistics::{FEWEST_FOR_MEAN, Interval, Method, Needs, Reason, Spread};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

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
/// The values are taken for independent, for their order is unknown.
///
/// # Errors
/// When there are too few.
pub fn mean_interval(mean: f64, deviation: f64, count: u64) -> Result<Interval, Needs> {
    if count < FEWEST_FOR_MEAN {
        return Err(Needs { reason: Reason::TooFew, more_requests: Some(FEWEST_FOR_MEAN - count) });
    }
    let freedom = float(count - 1);
    let error = deviation / freedom.sqrt();
    let spread = Spread { value: mean, below: error, above: error, freedom };
    let interval = Interval { method: Method::Independent, ..Interval::from(&spread) };
    if error.is_finite() { Ok(interval) } else { Err(Needs::of(Reason::NoSample)) }
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
    fn means_have_intervals() {
        // t tables: 2.262 for 9 degrees of freedom at 97.5 %, 12.706 for 1.
        assert!((t_critical(10, 0.95).unwrap() - 2.262_157).abs() < 1e-5, "nine degrees of freedom");
        assert!((t_critical(2, 0.95).unwrap() - 12.706_205).abs() < 1e-4, "one");
        assert_eq!(t_critical(1, 0.95), None, "one number has no spread");
        // t tables: 1.984 for 100 degrees of freedom.
        let found = mean_interval(5.0, 10.0, 101).unwrap();
        assert!((found.high - found.low - 2.0 * 1.983_97).abs() < 1e-4, "10 / sqrt(100) is one");
        assert!(mean_interval(5.0, 3.0, 10).is_err(), "too few");
    }
}
