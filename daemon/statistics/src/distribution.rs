//! Quantiles and tails of the normal distribution and of Student's t.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::beta_reg;
use std::f64::consts::{FRAC_PI_2, PI};

/// The number below which the normal distribution has this share.
#[must_use]
pub fn normal_quantile(share: f64) -> f64 {
    Normal::standard().inverse_cdf(share)
}

/// The share of the normal distribution above this number.
pub(crate) fn normal_tail(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// The number below which Student's t with these degrees of freedom, which need not be a whole number, has this share.
///
/// G. W. Hill, Algorithm 396, Communications of the ACM 13 (1970), 619: to six digits from two degrees of freedom on. Fewer
/// than one count as one.
#[must_use]
pub fn t_quantile(freedom: f64, share: f64) -> f64 {
    let both_tails = 2.0 * share.min(1.0 - share);
    let t = t_of_both_tails(freedom.max(1.0), both_tails);
    if share < 0.5 { -t } else { t }
}

/// The probability of at least this `t`, of either sign.
pub(crate) fn t_tails(freedom: f64, t: f64) -> f64 {
    if !t.is_finite() {
        return if t.is_nan() { 1.0 } else { 0.0 };
    }
    let freedom = freedom.clamp(1.0, MOST_FREEDOM);
    beta_reg(freedom / 2.0, 0.5, freedom / t.mul_add(t, freedom))
}

fn t_of_both_tails(n: f64, tails: f64) -> f64 {
    if n < 1.5 {
        return (tails * FRAC_PI_2).tan().recip();
    }
    if (n - 2.0).abs() < 0.01 {
        return (2.0 / (tails * (2.0 - tails)) - 2.0).sqrt();
    }
    let a = 1.0 / (n - 0.5);
    let b = 48.0 / (a * a);
    let mut c = ((20700.0 * a / b - 98.0) * a - 16.0) * a + 96.36;
    let d = ((94.5 / (b + c) - 3.0) / b + 1.0) * (a * PI / 2.0).sqrt() * n;
    let mut y = (d * tails).powf(2.0 / n);
    if y > 0.05 + a {
        let x = normal_quantile(tails / 2.0);
        y = x * x;
        if n < 5.0 {
            c += 0.3 * (n - 4.5) * (x + 0.6);
        }
        c += (((0.05 * d * x - 5.0) * x - 7.0) * x - 2.0) * x + b;
        y = (((((0.4 * y + 6.3) * y + 36.0) * y + 94.5) / c - y - 3.0) / b + 1.0) * x;
        y = (a * y * y).exp_m1();
    } else {
        let inner = (n + 6.0) / (n * y) - 0.089 * d - 0.822;
        y = ((1.0 / (inner * (n + 2.0) * 3.0) + 0.5 / (n + 4.0)) * y - 1.0) * (n + 1.0) / (n + 2.0) + 1.0 / y;
    }
    (n * y).sqrt()
}

/// Beyond this, Student's t is the normal distribution.
const MOST_FREEDOM: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_match_tables() {
        for (freedom, share, expected) in [
            (1.0, 0.975, 12.7062),
            (2.0, 0.975, 4.302_653),
            (4.0, 0.975, 2.776_445),
            (9.0, 0.975, 2.262_157),
            (9.0, 0.995, 3.249_836),
            (30.0, 0.025, -2.042_272),
            (1e7, 0.975, 1.959_964),
        ] {
            let found = t_quantile(freedom, share);
            assert!((found - expected).abs() < 2e-4 * expected.abs(), "{freedom} {share}: {found}");
        }
    }

    #[test]
    fn tails_are_the_inverse_of_quantiles() {
        for freedom in [2.0, 3.7, 12.0, 400.0, 1e9] {
            for tails in [0.5, 0.05, 0.001] {
                let found = t_tails(freedom, t_quantile(freedom, 1.0 - tails / 2.0));
                assert!((found - tails).abs() < 2e-3 * tails, "{freedom} {tails}: {found}");
            }
        }
        assert!(t_tails(5.0, f64::INFINITY) < 1e-12, "certain");
    }
}
