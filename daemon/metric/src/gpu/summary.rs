//! The statistics of a GPU's metrics over a time window, as AIPerf computes them.

use super::series::{Points, Series};
use crate::settings::Window;
use crate::stats::{Stat, Stats};
use crate::value::{Value, float};
use common::clock::MonoNs;
use record::{GPU_METRICS, GpuKind, GpuMetric};

/// A GPU metric with its statistics; for a counter, only its increase, as the mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Number<'a> {
    /// Its name in records and exports.
    pub name: &'a str,
    /// Its display name.
    pub header: &'a str,
    /// Its unit.
    pub unit: &'a str,
    /// Whether AIPerf reads it too.
    pub is_aiperf: bool,
    /// Its statistics.
    pub stats: Stats,
}

impl Series {
    /// Its metrics over a time window, AIPerf's in its order first; metrics without samples there are left out.
    #[must_use]
    pub fn summary(&self, window: Option<Window>) -> Vec<Number<'_>> {
        let known = GPU_METRICS.iter().filter(|metric| metric.kind != GpuKind::Bits).filter_map(|metric| {
            let GpuMetric { name, header, unit, kind, is_aiperf } = **metric;
            let stats = self.series.get(name)?.stats(kind, window)?;
            Some(Number { name, header, unit, is_aiperf, stats })
        });
        let others = self.series.iter().filter_map(|(name, points)| {
            let (header, unit) = points.label.as_ref()?;
            let stats = points.stats(GpuKind::Gauge, window)?;
            Some(Number { name, header, unit, is_aiperf: true, stats })
        });
        known.chain(others).collect()
    }
}

impl Points {
    fn stats(&self, kind: GpuKind, window: Option<Window>) -> Option<Stats> {
        match kind {
            GpuKind::Counter => growth(&self.points, window).map(Stats::scalar),
            GpuKind::Gauge | GpuKind::Bits => distribution(&self.points, window),
        }
    }
}

/// The mean of the samples within a window.
pub(crate) fn mean(points: &[(MonoNs, f64)], window: Window) -> Option<f64> {
    distribution(points, Some(window))?.get(Stat::Avg).map(Value::get)
}

fn distribution(points: &[(MonoNs, f64)], window: Option<Window>) -> Option<Stats> {
    let within = |at: MonoNs| window.is_none_or(|Window { begin, end }| (begin..=end).contains(&at));
    let mut stats = Stats::of_sample(points.iter().filter(|(at, _)| within(*at)).map(|(_, value)| *value));
    let count = stats.count()?;
    // AIPerf divides by n - 1 here, as for a sample of a population.
    let deviation = stats.get(Stat::Std).map_or(0.0, Value::get);
    let unbiased = if count > 1 { deviation * (float(count) / float(count - 1)).sqrt() } else { 0.0 };
    stats.set(Stat::Std, unbiased);
    Some(stats)
}

/// From the last sample before the window to the last one in it; a counter that was reset has no increase.
fn growth(points: &[(MonoNs, f64)], window: Option<Window>) -> Option<Value> {
    let (first, last) = (points.first()?, points.last()?);
    let Some(Window { begin, end }) = window else { return Value::new((last.1 - first.1).max(0.0)) };
    let until = |moment: MonoNs| points.iter().take_while(|(at, _)| *at <= moment).last();
    let before = until(begin).unwrap_or(first);
    let after = until(end).unwrap_or(first);
    Value::new((after.1 - before.1).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(values: &[f64]) -> Vec<(MonoNs, f64)> {
        (0_u64..).zip(values).map(|(at, value)| (MonoNs(at * 10), *value)).collect()
    }

    #[test]
    fn gauges_have_aiperfs_deviation() {
        let window = Some(Window { begin: MonoNs(10), end: MonoNs(30) });
        let stats = distribution(&points(&[900.0, 1.0, 2.0, 3.0, 900.0]), window).unwrap();
        let near = |stat, expected: f64| stats.get(stat).is_some_and(|it| (it.get() - expected).abs() < 1e-9);
        assert!(near(Stat::Avg, 2.0) && near(Stat::Std, 1.0), "of three: {stats:?}");
        assert_eq!(stats.count(), Some(3), "those within");
        assert_eq!(distribution(&points(&[1.0]), window), None, "nothing within");
    }

    #[test]
    fn counters_increase_from_the_sample_before() {
        let window = Some(Window { begin: MonoNs(15), end: MonoNs(35) });
        let grown = |values: &[f64]| growth(&points(values), window).map(Value::get);
        assert_eq!(grown(&[0.0, 5.0, 6.0, 9.0, 20.0]), Some(4.0), "from 5 to 9");
        assert_eq!(grown(&[7.0, 7.0, 1.0, 2.0]), Some(0.0), "it was reset");
        assert_eq!(growth(&points(&[3.0, 5.0]), None).map(Value::get), Some(2.0), "all of it");
    }
}
