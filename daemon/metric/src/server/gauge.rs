//! A gauge over a phase: a sample with one value per scrape.

use crate::stats::{Sample, Stat};
use crate::value::float_of;

/// The statistics by the names of AIPerf's server metrics; `std` has the divisor n - 1.
pub(super) fn numbers(values: Vec<f64>) -> Vec<(&'static str, f64)> {
    let std = deviation(&values);
    let stats = Sample::new(values).stats(1.0);
    let get = |stat: Stat| Some((stat.name(), stats.get(stat)?.get()));
    let head = [Stat::Avg, Stat::Min, Stat::Max].into_iter().filter_map(get);
    let tail = Stat::PERCENTILES.iter().filter_map(|(stat, _)| get(*stat));
    head.chain([("std", std)]).chain(tail).filter(|(_, number)| number.is_finite()).collect()
}

fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / float_of(values.len());
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (squares / float_of(values.len() - 1)).sqrt()
}
