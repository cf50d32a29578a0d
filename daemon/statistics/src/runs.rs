//! Runs as the unit: what a run measures is one number, and runs differ more than their requests show.
//!
//! T. Kalibera and R. Jones, Rigorous Benchmarking in Reasonable Time (ISMM 2013): repeat at the highest level that varies.

use crate::difference::Spread;
use crate::number::float_of;
use crate::precision::{Estimate, Interval, Needs, Reason};

/// The mean over runs, by Student's t; one run has no interval.
#[must_use]
pub fn mean_of_runs(runs: &[f64]) -> Estimate {
    let (mean, variance) = moments(runs);
    let interval = if runs.len() < 2 {
        Err(Needs::of(Reason::TooFew))
    } else {
        let n = float_of(runs.len());
        let error = (variance / n).sqrt();
        Ok(Interval::from(&Spread { value: mean, below: error, above: error, freedom: n - 1.0 }))
    };
    Estimate { value: mean, interval }
}

/// Both sides of a comparison as means over runs, for [`crate::between`]: Welch's test.
///
/// Where one side has a single run, the runs of the other side show how much runs vary. `None` if both have a single run.
#[must_use]
pub fn welch(sides: [&[f64]; 2]) -> Option<[Spread; 2]> {
    let several = sides.iter().filter(|runs| runs.len() > 1);
    let freedom = several.clone().map(|runs| float_of(runs.len() - 1)).sum::<f64>();
    if freedom < 1.0 || sides.iter().any(|runs| runs.is_empty()) {
        return None;
    }
    let pooled = several.map(|runs| moments(runs).1 * float_of(runs.len() - 1)).sum::<f64>() / freedom;
    Some(sides.map(|runs| {
        let (value, own) = moments(runs);
        let n = float_of(runs.len());
        let (variance, freedom) = if runs.len() > 1 { (own, n - 1.0) } else { (pooled, freedom) };
        let error = (variance / n).sqrt();
        Spread { value, below: error, above: error, freedom }
    }))
}

/// What the requests of one run imply for the mean over so many runs, of which this is the value.
pub(crate) fn of_requests(runs: &[f64], within: &Spread) -> Spread {
    let root = float_of(runs.len()).sqrt();
    let [below, above] = [within.below, within.above].map(|error| error / root);
    Spread { value: moments(runs).0, below, above, freedom: within.freedom }
}

/// Mean, and variance with divisor n - 1.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = float_of(values.len());
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, if values.len() > 1 { squares / (n - 1.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::between;

    #[test]
    fn runs_have_an_interval_over_them() {
        // scipy.stats.t.interval(0.95, 2, 12, 2 / sqrt(3)).
        let found = mean_of_runs(&[10.0, 12.0, 14.0]).interval.unwrap();
        assert!((found.low - 7.031_7).abs() < 1e-3 && (found.high - 16.968_3).abs() < 1e-3, "{found:?}");
        assert!(mean_of_runs(&[5.0]).interval.is_err(), "one run does not repeat");
    }

    #[test]
    fn the_test_is_welchs() {
        // By hand: t = 4.25 / sqrt(1/3 + 35/48) = 4.123 with 4.85 degrees of freedom; tables have 4.032 at 1 % for five.
        let sides = [&[10.0, 11.0, 12.0][..], &[13.0, 15.0, 17.0, 16.0]];
        let [base, other] = welch(sides).unwrap();
        let found = between(base, other);
        assert!((found.value - 4.25).abs() < 1e-9 && (found.probability - 0.0098).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn one_run_borrows_what_the_others_show() {
        assert_eq!(welch([&[1.0], &[2.0]]), None, "nothing shows how runs vary");
        let [base, other] = welch([&[10.0], &[9.0, 11.0, 10.0]]).unwrap();
        assert!(
            (base.above - 1.0).abs() < 1e-9 && (other.above - 1.0 / 3.0_f64.sqrt()).abs() < 1e-9,
            "{base:?}"
        );
    }
}
