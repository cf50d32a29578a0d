//! How much a series depends on its own past: by how much that inflates the variance of its mean.
//!
//! ```text
//! autocovariance  ▇ ▅ ▃ ▂ ▁ ▁         Γ0 Γ1 Γ2 ...: sums of neighbouring pairs, positive and falling in any reversible chain
//!                 └─┘ └─┘ └─┘         summed up to the first that is not positive: what follows is noise
//! ```

use crate::number::float_of;

/// The dependence in a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dependence {
    /// The variance of the mean, divided by what it would be were the values independent.
    pub inflation: f64,
    /// The lag up to which autocovariances were summed.
    pub window: usize,
    /// The degrees of freedom of the variance of the mean.
    pub freedom: f64,
}

/// What the values of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// One request each.
    Requests,
    /// Several requests each.
    Batches,
}

/// The dependence of a series whose mean is zero; what looks like negative dependence counts as none.
///
/// The variance of the mean is the greater of two estimates. One is C. J. Geyer's initial monotone sequence (Practical Markov
/// chain Monte Carlo, Statistical Science 7 (1992), 473), divided by `1 - (2 window + 1) / n`, for each autocovariance is too
/// small by the variance of the mean. The other is that of a first-order autoregression, `(1 + r) / (1 - r)`, with Kendall's
/// correction of `r` (Biometrika 41 (1954), 403), for a series too short to show where its autocovariances end; of batches, whose
/// autocorrelations fall geometrically from the second on only, it is `1 + 2 r / (1 - s)`, `s` being the second by the first. A
/// series whose first autocorrelation and whose sum are within noise counts as independent.
#[must_use]
pub fn dependence(deviations: &[f64], of: Of) -> Dependence {
    let found = signed(deviations, of);
    Dependence { inflation: found.inflation.max(1.0), ..found }
}

/// Like [`dependence`], but events at regular intervals make their rate surer than independent ones would.
#[must_use]
pub fn dependence_of_rate(deviations: &[f64], of: Of) -> Dependence {
    let found = signed(deviations, of);
    Dependence { inflation: found.inflation.max(LEAST_INFLATION), ..found }
}

fn signed(deviations: &[f64], of: Of) -> Dependence {
    let n = float_of(deviations.len());
    let none = Dependence { inflation: 1.0, window: 0, freedom: (n - 1.0).max(1.0) };
    let variance = product(deviations, 0);
    if deviations.len() < FEWEST || variance <= 0.0 {
        return none;
    }
    let first = product(deviations, 1);
    let (sum, window) = initial_sequence(deviations, variance, first);
    let lags = float_of(2 * window + 1);
    let inflation = sum / (1.0 - lags / n).max(0.2);
    let correlation = first / variance;
    let noise = 3.0 * (2.0 * lags / n).sqrt();
    let z = correlation * n.sqrt();
    if z < LIMIT && inflation < 1.0 + noise {
        let regular = Dependence { inflation, window, freedom: n / (float_of(window) + 0.5) };
        return if z < -LIMIT { regular } else { none };
    }
    let corrected = |r: f64| ((r * n + 1.0) / (n - 3.0)).clamp(0.0, 0.995);
    let r = corrected(correlation);
    let decay = match of {
        Of::Requests => r,
        Of::Batches => corrected(product(deviations, 2) / first),
    };
    let autoregressive = 1.0 + 2.0 * r / (1.0 - decay);
    // The relative variance of both factors: of (1 + r) / (1 - r), and of the variance of the values.
    let square = r * r;
    let doubt = (4.0 / (1.0 - square) + 2.0 * (1.0 + square) / (1.0 - square)) / n;
    Dependence {
        inflation: inflation.max(autoregressive),
        window,
        freedom: (2.0 / doubt).min(n / (float_of(window) + 0.5)).max(1.0),
    }
}

/// The sum of Geyer's initial monotone sequence in units of the variance, and its last lag.
fn initial_sequence(deviations: &[f64], variance: f64, first: f64) -> (f64, usize) {
    let (mut sum, mut before, mut window) = (-variance, f64::INFINITY, 0);
    let mut lag = 0;
    while lag + 1 < deviations.len() / 2 {
        let pair = match lag {
            0 => variance + first,
            _ => product(deviations, lag) + product(deviations, lag + 1),
        };
        if pair <= 0.0 {
            break;
        }
        before = pair.min(before);
        sum += 2.0 * before;
        window = lag + 1;
        lag += 2;
    }
    (sum / variance, window)
}

/// The sum of the products of values that are this many places apart, in eight lanes.
fn product(values: &[f64], lag: usize) -> f64 {
    let (early, late) = (&values[..values.len() - lag], &values[lag..]);
    let (left, left_rest) = early.as_chunks::<8>();
    let (right, right_rest) = late.as_chunks::<8>();
    let mut lanes = [0.0; 8];
    for (left, right) in left.iter().zip(right) {
        for (lane, (left, right)) in lanes.iter_mut().zip(left.iter().zip(right)) {
            *lane += left * right;
        }
    }
    let rest = left_rest.iter().zip(right_rest).map(|(left, right)| left * right).sum::<f64>();
    lanes.iter().sum::<f64>() + rest
}

/// A shorter series shows no dependence.
const FEWEST: usize = 8;
/// One standard normal value in twenty is greater.
const LIMIT: f64 = 1.645;
/// Perfectly regular events would make a rate certain, which no measurement is.
const LEAST_INFLATION: f64 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length_are_summed() {
        let values = (1..=21_u8).map(f64::from).collect::<Vec<_>>();
        for lag in [0, 1, 5, 20] {
            let expected = values.iter().zip(&values[lag..]).map(|(a, b)| a * b).sum::<f64>();
            assert!((product(&values, lag) - expected).abs() < 1e-9, "lag {lag}");
        }
    }

    #[test]
    fn slow_waves_depend_and_alternation_does_not() {
        let wave = |period: f64| (0..512_u16).map(|at| (f64::from(at) / period).sin()).collect::<Vec<_>>();
        assert!(dependence(&wave(30.0), Of::Requests).inflation > 20.0, "each value repeats the one before");
        let alternating = [1.0, -1.0].repeat(100);
        assert!(
            (dependence(&alternating, Of::Requests).inflation - 1.0).abs() < 1e-12,
            "not less than independent"
        );
        assert!(dependence_of_rate(&alternating, Of::Requests).inflation < 0.1, "but a rate is regular");
        assert!((dependence(&[0.0; 50], Of::Requests).inflation - 1.0).abs() < 1e-12, "a constant");
    }
}
