//! A histogram over a phase: its increase, and quantiles within the bounds of their buckets.

use super::replay::{State, bound};
use crate::stats::Stat;

/// The cumulative count of observations up to each bound, in ascending order.
pub type Buckets = Vec<(String, f64)>;

/// A quantile of a histogram. The true value is between the bounds; the estimate is a guess within them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// Its name: `p99_estimate`.
    pub name: &'static str,
    /// Linearly interpolated between the bounds, as in Prometheus' `histogram_quantile`; `None` in the first bucket, which has
    /// no lower bound, and in one without an upper bound.
    pub estimate: Option<f64>,
    /// The lower bound of its bucket.
    pub low: f64,
    /// The upper bound of its bucket; `None` if there is none.
    pub high: Option<f64>,
}

/// The observations of a phase.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Growth {
    pub(super) sum: f64,
    pub(super) count: f64,
    pub(super) buckets: Buckets,
    pub(super) reset: bool,
}

/// The increase over states in order of time; after a reset it counts from zero.
pub(super) fn growth<'a>(states: impl IntoIterator<Item = &'a State>) -> Growth {
    let mut growth = Growth::default();
    let mut last: Option<(f64, f64, &Buckets)> = None;
    for state in states {
        let State::Histogram { sum, count, buckets } = state else { continue };
        if let Some((last_sum, last_count, last_buckets)) = last {
            let shrunk =
                *count < last_count || buckets.iter().zip(last_buckets).any(|(now, was)| now.1 < was.1);
            growth.reset |= shrunk;
            let was = |le: &str| {
                let found = last_buckets.iter().find(|(other, _)| other == le);
                if shrunk { 0.0 } else { found.map_or(0.0, |(_, count)| *count) }
            };
            growth.sum += if shrunk { *sum } else { sum - last_sum };
            growth.count += if shrunk { *count } else { count - last_count };
            for (le, count) in buckets {
                let more = count - was(le);
                match growth.buckets.iter_mut().find(|(other, _)| other == le) {
                    Some(bucket) => bucket.1 += more,
                    None => growth.buckets.push((le.clone(), more)),
                }
            }
        }
        last = Some((*sum, *count, buckets));
    }
    growth
}

/// The statistics by the names of AIPerf's server metrics, and the quantiles with their bounds.
pub(super) fn numbers(growth: &Growth, seconds: f64) -> (Vec<(&'static str, f64)>, Vec<Quantile>) {
    if growth.count <= 0.0 {
        return (vec![("count", 0.0)], Vec::new());
    }
    let rate = |amount: f64| if seconds > 0.0 { amount / seconds } else { f64::NAN };
    let quantiles = quantiles(&growth.buckets);
    let numbers = [
        ("count", growth.count),
        ("sum", growth.sum),
        ("avg", growth.sum / growth.count),
        ("count_rate", rate(growth.count)),
        ("sum_rate", rate(growth.sum)),
    ];
    let estimates = quantiles.iter().filter_map(|quantile| Some((quantile.name, quantile.estimate?)));
    let numbers = numbers.into_iter().chain(estimates).filter(|(_, number)| number.is_finite()).collect();
    (numbers, quantiles)
}

fn quantiles(buckets: &Buckets) -> Vec<Quantile> {
    let total = buckets.last().map_or(0.0, |(_, count)| *count);
    let is_sound = buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    if total <= 0.0 || !is_sound {
        return Vec::new();
    }
    let of = |(stat, share): &(Stat, f64)| {
        let rank = share * total;
        let place = buckets.iter().position(|(_, count)| *count >= rank)?;
        let (le, upto) = &buckets[place];
        let (low, before) = match place.checked_sub(1).map(|place| &buckets[place]) {
            Some((le, before)) => (bound(le), *before),
            None => (bound(le).min(0.0), 0.0),
        };
        let high = Some(bound(le)).filter(|bound| bound.is_finite());
        let inside = upto - before;
        let part = if inside > 0.0 { (rank - before) / inside } else { 1.0 };
        // The first bucket starts at 0: values in it may be a thousandth of its upper bound.
        let estimate = high.filter(|_| place > 0).map(|high| low + (high - low) * part);
        Some(Quantile { name: name(*stat), estimate, low, high })
    };
    Stat::PERCENTILES.iter().filter_map(of).filter(|quantile| quantile.low.is_finite()).collect()
}

const fn name(stat: Stat) -> &'static str {
    match stat {
        Stat::P1 => "p1_estimate",
        Stat::P5 => "p5_estimate",
        Stat::P10 => "p10_estimate",
        Stat::P25 => "p25_estimate",
        Stat::P50 => "p50_estimate",
        Stat::P75 => "p75_estimate",
        Stat::P90 => "p90_estimate",
        Stat::P95 => "p95_estimate",
        _ => "p99_estimate",
    }
}
