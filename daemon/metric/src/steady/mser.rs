//! Where the transient at the start of a series ends: MSER-5.
//!
//! The marginal standard error rule (White 1997, "An effective truncation heuristic for bias reduction in simulation output",
//! Simulation 69(6)) drops as many leading values as make the standard error of the mean of the rest least: `sum of squares
//! about the mean of the rest / their number squared`. The 5 is the number of values of which the means are taken first. White,
//! Cobb and Spratt 2000 and Franklin and White 2008 ("Stationarity tests and MSER-5", WSC) compare it with others.

use crate::value::float_of;

/// The number of leading values of a transient; at most half of them.
///
/// Values of no spread after the transient have a standard error of zero, and the least such number is returned.
pub(super) fn truncation(values: &[f64]) -> usize {
    let batches = values.chunks_exact(BATCH).map(mean).collect::<Vec<_>>();
    let most = batches.len() / 2;
    // Sums about a value of the settled part are exact enough for any offset.
    let centre = batches.last().copied().unwrap_or_default();
    let (mut sum, mut squares, mut best, mut least) = (0.0, 0.0, 0, f64::INFINITY);
    for (place, batch) in batches.iter().enumerate().rev() {
        let offset = batch - centre;
        sum += offset;
        squares += offset * offset;
        let count = float_of(batches.len() - place);
        let error = (squares - sum * sum / count).max(0.0) / (count * count);
        if place <= most && error <= least {
            (best, least) = (place, error);
        }
    }
    best * BATCH
}

/// Like [`truncation`], for trailing values.
pub(super) fn truncation_of_end(values: &[f64]) -> usize {
    truncation(&values.iter().rev().copied().collect::<Vec<_>>())
}

/// The mean of some values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float_of(values.len())
}

/// The number of values in a batch.
const BATCH: usize = 5;
