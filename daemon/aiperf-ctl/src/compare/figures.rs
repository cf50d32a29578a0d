//! The figures of one run by tag and statistic, each with its confidence interval where known.

use metric::{MetricResult, Stat, Value, confidence, find};
use std::collections::BTreeMap;

/// A number with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figure {
    /// The number.
    pub(crate) value: f64,
    pub(super) interval: Option<(f64, f64)>,
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

    /// The figures of a report, whose records give every interval.
    pub(crate) fn of_report(label: String, results: &[MetricResult]) -> Self {
        let mut figures = Self::new(label, "records");
        for result in results {
            for stat in Stat::ALL {
                let interval = result.stats.interval(stat).map(|(low, high)| (low.get(), high.get()));
                let value = result.stats.get(stat).map(Value::get);
                figures.put(result.metric.tag, stat, value, interval);
            }
        }
        figures
    }

    /// Adds a figure under one of our tags; unknown tags and non-numbers are ignored.
    pub(crate) fn put(&mut self, tag: &str, stat: Stat, value: Option<f64>, interval: Option<(f64, f64)>) {
        if let Some((metric, value)) = find(tag).zip(value.filter(|value| value.is_finite())) {
            self.figures.insert((metric.tag, stat.name()), Figure { value, interval });
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
        let interval = mean.zip(deviation).zip(count);
        let interval =
            interval.and_then(|((mean, deviation), count)| confidence::mean_interval(mean, deviation, count));
        self.put(tag, Stat::Avg, mean, interval);
        self.put(tag, Stat::Std, deviation, None);
    }

    /// The figure of a tag and statistic, if the run has one.
    pub(crate) fn get(&self, tag: &str, stat: &str) -> Option<Figure> {
        self.figures.iter().find(|((of, at), _)| *of == tag && *at == stat).map(|(_, figure)| *figure)
    }
}
