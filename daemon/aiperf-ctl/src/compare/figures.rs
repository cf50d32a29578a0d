//! The figures of one run by tag and statistic, each with how sure it is where known.

use super::rows::FAILURES;
use metric::{Interval, Kind, Metric, MetricResult, Needs, Reason, Stat, Unit, Value, confidence, find};
use statistics::wilson;
use std::collections::BTreeMap;

/// A number of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// The number.
    pub(crate) value: f64,
    /// Its 95 % confidence interval or why it has none; `None` for what is a fact of the run, such as a count or a maximum.
    pub(super) precision: Option<Result<Interval, Needs>>,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// The source of the figures.
    pub(crate) label: String,
    /// The tool that produced them.
    pub(crate) tool: &'static str,
    /// The verdict, for a run of aiperfd.
    pub(crate) verdict: Option<String>,
    figures: BTreeMap<(&'static str, &'static str), Figure>,
}

impl Figures {
    /// A run without figures.
    pub(crate) const fn new(label: String, tool: &'static str) -> Self {
        Self { label, tool, verdict: None, figures: BTreeMap::new() }
    }

    /// The figures of a report, whose records show how sure they are.
    pub(crate) fn of_report(label: String, results: &[MetricResult]) -> Self {
        let mut figures = Self::new(label, "records");
        for MetricResult { metric, stats } in results {
            for stat in Stat::ALL {
                if let Some(value) = stats.get(stat).map(Value::get) {
                    let figure = Figure { value, precision: stats.precision(stat) };
                    figures.figures.insert((metric.tag, stat.name()), figure);
                }
            }
        }
        figures
    }

    /// Adds a figure under one of our tags; unknown tags and non-numbers are ignored. Without an interval, it is not known how
    /// sure it is.
    pub(crate) fn put(
        &mut self,
        tag: &str,
        stat: Stat,
        value: Option<f64>,
        precision: Option<Result<Interval, Needs>>,
    ) {
        if let Some((metric, value)) = find(tag).zip(value.filter(|value| value.is_finite())) {
            let unknown = || is_estimate(metric, stat).then_some(Err(Needs::of(Reason::NoSample)));
            let precision = precision.or_else(unknown);
            self.figures.insert((metric.tag, stat.name()), Figure { value, precision });
        }
    }

    /// Adds a metric's statistics, each by another tool's name for it; of two names for one, the later counts.
    pub(super) fn put_stats(
        &mut self,
        tag: &str,
        stats: &[(&str, Stat)],
        number: impl Fn(&str) -> Option<f64>,
    ) {
        for (key, stat) in stats {
            self.put(tag, *stat, number(key), None);
        }
    }

    /// Adds metrics of one number each, by another tool's name and ours.
    pub(super) fn put_averages(&mut self, names: &[(&str, &str)], number: impl Fn(&str) -> Option<f64>) {
        for (name, tag) in names {
            self.put(tag, Stat::Avg, number(name), None);
        }
    }

    /// Adds a mean with the interval that follows from its deviation and count.
    pub(super) fn put_mean(
        &mut self,
        tag: &str,
        mean: Option<f64>,
        deviation: Option<f64>,
        count: Option<u64>,
    ) {
        let known = mean.zip(deviation).zip(count);
        let precision =
            known.map(|((mean, deviation), count)| confidence::mean_interval(mean, deviation, count));
        self.put(tag, Stat::Avg, mean, precision);
        self.put(tag, Stat::Std, deviation, None);
    }

    /// Adds the share of failures of counted requests, which are taken for independent.
    pub(super) fn put_failures(&mut self, succeeded: Option<f64>, failed: Option<f64>) {
        let counts = succeeded.zip(failed).filter(|(succeeded, failed)| *succeeded >= 0.0 && *failed >= 0.0);
        let Some((succeeded, failed)) = counts.filter(|(succeeded, failed)| succeeded + failed > 0.0) else {
            return;
        };
        let n = succeeded + failed;
        let (low, high) = wilson(failed / n, n, 0.05);
        let interval = Interval::of_share(low * 100.0, high * 100.0, n);
        self.put(FAILURES, Stat::Avg, Some(failed / n * 100.0), Some(Ok(interval)));
    }

    /// The figure of a tag and statistic, if the run has one.
    pub(crate) fn get(&self, tag: &str, stat: &str) -> Option<Figure> {
        self.figures.iter().find(|((of, at), _)| *of == tag && *at == stat).map(|(_, figure)| *figure)
    }
}

/// Whether another run of the same load would have given another number: a statistic of requests, or a rate.
fn is_estimate(metric: &Metric, stat: Stat) -> bool {
    let is_rate =
        || matches!(metric.unit, Unit::RequestsPerSecond | Unit::TokensPerSecond) && stat == Stat::Avg;
    let is_central = stat == Stat::Avg || Stat::PERCENTILES.iter().any(|(percentile, _)| *percentile == stat);
    is_central && (matches!(metric.kind, Kind::Record(_) | Kind::List(_)) || is_rate())
}
