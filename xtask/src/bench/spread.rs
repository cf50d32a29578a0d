//! Several values of one figure: the median, the least and the greatest; and percentiles of many values.

use anyhow::{Context, Result};

/// `median [least–greatest]`, with so many decimals.
pub(super) fn spread(values: &[f64], decimals: usize) -> String {
    match sorted(values).as_slice() {
        [] => "–".to_owned(),
        [only] => format!("{only:.decimals$}"),
        all => {
            let (least, greatest) = (all[0], all[all.len() - 1]);
            format!("{:.decimals$} [{least:.decimals$}–{greatest:.decimals$}]", median(all))
        }
    }
}

/// The quotients of values taken in pairs.
pub(super) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
}

/// The value at a percentile, nearest rank.
pub(super) fn percentile(values: &[f64], percent: usize) -> Result<f64> {
    let sorted = sorted(values);
    let last = sorted.len().checked_sub(1).context("there is nothing to take a percentile of")?;
    Ok(sorted[(sorted.len() * percent / 100).min(last)])
}

/// A count or a number of nanoseconds as a number with a fraction.
#[expect(clippy::cast_precision_loss, reason = "counts and spans of a benchmark stay far below 2^53")]
pub(super) const fn float(count: u64) -> f64 {
    count as f64
}

/// From one stamp to another, in µs; negative when the second is earlier.
pub(super) fn micros(from_ns: u64, to_ns: u64) -> f64 {
    if to_ns >= from_ns { float(to_ns - from_ns) / 1e3 } else { -float(from_ns - to_ns) / 1e3 }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(spread(&[3.0, 1.0, 2.0], 0), "2 [1–3]", "odd");
        assert_eq!(spread(&[3.0, 1.0], 1), "2.0 [1.0–3.0]", "even");
        assert_eq!(spread(&[], 0), "–", "none");
        assert!(percentile(&[], 50).is_err(), "no value");
        let values = (0..200).map(f64::from).collect::<Vec<_>>();
        assert!((percentile(&values, 99).unwrap() - 198.0).abs() < 1e-9, "the 99th percentile");
        assert!((micros(3_000, 1_000) + 2.0).abs() < 1e-9, "backwards");
    }
}
