//! The methods that these replaced, for comparison: every request counts as independent of all others.

use statistics::t_quantile;

/// The ends of the interval of a mean: Student's t.
pub(crate) fn mean(values: &[f64]) -> Option<(f64, f64)> {
    let n = f64::from(u32::try_from(values.len()).ok()?);
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
    let half = t_quantile(n - 1.0, 0.975) * deviation / (n - 1.0).sqrt();
    Some((mean - half, mean + half))
}

/// The ends of the interval of a percentile: order statistics of independent values.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> Option<(f64, f64)> {
    let n = f64::from(u32::try_from(sorted.len()).ok()?);
    let spread = 1.96 * (n * share * (1.0 - share)).sqrt();
    let (low, high) = ((n * share - spread).floor(), (n * share + spread).ceil());
    let index =
        |rank: f64| (0..sorted.len()).find(|place| f64::from(u32::try_from(*place).unwrap_or(0)) >= rank);
    let places = (low >= 1.0 && high < n).then(|| Some((index(low - 1.0)?, index(high)?)))??;
    Some((sorted[places.0], sorted[places.1]))
}

/// Whether two numbers with intervals differ: the interval of their difference excludes zero, in each row for itself.
pub(crate) fn differ(base: (f64, (f64, f64)), other: (f64, (f64, f64))) -> bool {
    let ((value_base, (base_low, base_high)), (value, (low, high))) = (base, other);
    let difference = value - value_base;
    let least = difference - (value - low).hypot(base_high - value_base);
    let most = difference + (high - value).hypot(value_base - base_low);
    least > 0.0 || most < 0.0
}
