//! Shares of requests, such as those that failed.

use crate::difference::Difference;
use crate::distribution::{normal_quantile, normal_tail};

/// Wilson's score interval of a share among `n` independent requests, at this probability of error.
///
/// E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209. It is never empty, also for no failure.
#[must_use]
pub fn wilson(share: f64, n: f64, error: f64) -> (f64, f64) {
    score(share, n, normal_quantile(1.0 - error / 2.0))
}

/// The difference of two shares, `share - base`, with its 95 % interval and its probability.
///
/// R. G. Newcombe's hybrid score interval (Statistics in Medicine 17 (1998), 873, method 10); the probability is that at which
/// the interval begins to exclude zero. Each share is given with the number of independent requests that it is worth, for
/// failures come in bursts.
#[must_use]
pub fn newcombe(base: (f64, f64), share: (f64, f64)) -> Difference {
    let difference = share.0 - base.0;
    let excludes_zero = |z: f64| {
        let (low, high) = limits(base, share, z);
        low > 0.0 || high < 0.0
    };
    let (mut never, mut always) = (0.0, MOST_DEVIATIONS);
    for _ in 0..50 {
        let middle = f64::midpoint(never, always);
        if excludes_zero(middle) {
            never = middle;
        } else {
            always = middle;
        }
    }
    let probability = if difference.abs() > 0.0 { 2.0 * normal_tail(never) } else { 1.0 };
    Difference::of_limits(difference, limits(base, share, normal_quantile(0.975)), probability)
}

fn limits(base: (f64, f64), share: (f64, f64), z: f64) -> (f64, f64) {
    let (base_low, base_high) = score(base.0, base.1, z);
    let (low, high) = score(share.0, share.1, z);
    let difference = share.0 - base.0;
    let least = difference - (share.0 - low).hypot(base_high - base.0);
    let most = difference + (high - share.0).hypot(base.0 - base_low);
    (least, most)
}

fn score(share: f64, n: f64, z: f64) -> (f64, f64) {
    let square = z * z / n;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = z * (share * (1.0 - share) / n + square / (4.0 * n)).sqrt() / (1.0 + square);
    // At no failure and at nothing but failures, the ends are exact.
    let low = if share <= 0.0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if share >= 1.0 { 1.0 } else { (middle + half).min(1.0) };
    (low, high)
}

/// Probabilities beyond this many standard deviations are not distinguished.
const MOST_DEVIATIONS: f64 = 12.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_newcombes_examples() {
        // Newcombe 1998, table II, method 10: 56/70 - 48/80 and 10/10 - 0/20.
        for (first, second, low, high) in [
            ((56.0, 70.0), (48.0, 80.0), 0.0524, 0.3339),
            ((9.0, 10.0), (3.0, 10.0), 0.1705, 0.8090),
            ((10.0, 10.0), (0.0, 20.0), 0.6791, 1.0),
        ] {
            let share = |(count, n): (f64, f64)| (count / n, n);
            let found = newcombe(share(second), share(first));
            assert!((found.low - low).abs() < 2e-4 && (found.high - high).abs() < 2e-4, "{found:?}");
            assert!(found.probability < 0.05, "{found:?}");
        }
    }

    #[test]
    fn no_failure_is_not_certainty() {
        let (low, high) = wilson(0.0, 100.0, 0.05);
        assert!(low.abs() < 1e-12 && (high - 0.036_99).abs() < 1e-4, "{low} {high}");
    }
}
