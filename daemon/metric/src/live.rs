//! Percentiles during the run: a few histograms, cheap to update, with three significant digits.

use crate::case::Case;
use crate::histogram::Counts;
use crate::metric::{Kind, Metric};
use crate::settings::Settings;
use crate::value::{float, whole};
use crate::{client, kernel, latency};
use common::client_event::Outcome;
use record::Request;

/// The live percentiles of a run.
#[derive(Debug)]
pub struct Live {
    settings: Settings,
    series: Vec<Series>,
    requests: u64,
    output_tokens: u64,
    /// The second, since any moment, of the requests that are counted as recent.
    second: Option<u64>,
}

/// A metric's numbers so far.
#[derive(Debug)]
struct Series {
    metric: &'static Metric,
    all: Counts,
    moments: Moments,
    /// Of the second that goes on.
    second: Counts,
    /// The median and the 99th percentile of the last whole one.
    recent: Option<(f64, f64)>,
}

/// Mean and deviation, without the numbers (Welford's method).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, number: f64) {
        self.count += 1;
        let from_mean = number - self.mean;
        self.mean += from_mean / float(self.count);
        self.squares += from_mean * (number - self.mean);
    }

    fn deviation(&self) -> f64 {
        (self.squares / float(self.count.max(1))).sqrt()
    }
}

/// Statistics of a metric so far, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LiveStats {
    /// The metric.
    pub tag: &'static str,
    /// The mean.
    pub avg_ms: f64,
    /// The least.
    pub min_ms: f64,
    /// The greatest.
    pub max_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The standard deviation.
    pub std_ms: f64,
    /// The median and the 99th percentile of the requests that ended in the last whole second in which any did.
    pub recent_ms: Option<(f64, f64)>,
}

impl Live {
    /// Empty percentiles of a run with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let series = LIVE.iter().map(|metric| Series {
            metric,
            all: Counts::new(3),
            moments: Moments::default(),
            second: Counts::new(3),
            recent: None,
        });
        Self { settings, series: series.collect(), requests: 0, output_tokens: 0, second: None }
    }

    /// Adds a request; only successful ones of a measured phase count.
    pub fn request(&mut self, request: &Request) {
        let case = Case { request, settings: &self.settings };
        if request.outcome == Outcome::Ok {
            self.output_tokens += u64::from(case.output_length().unwrap_or(0));
        }
        if !case.is_profiling() {
            return;
        }
        self.requests += 1;
        if !case.is_valid() {
            return;
        }
        let second = request.ended_ns.0 / 1_000_000_000;
        if self.second.is_some_and(|current| current < second) {
            self.series.iter_mut().for_each(Series::turn);
        }
        self.second = Some(self.second.map_or(second, |current| current.max(second)));
        for series in &mut self.series {
            if let Kind::Record(formula) = series.metric.kind
                && let Some(value) = formula(&case)
            {
                let value = whole(value.get());
                series.all.add(value);
                series.second.add(value);
                series.moments.add(float(value));
            }
        }
    }

    /// Output tokens of the successful requests added so far, of every phase.
    #[must_use]
    pub const fn output_tokens(&self) -> u64 {
        self.output_tokens
    }

    /// Requests added so far, including failed ones.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The statistics of every metric that has a value.
    pub fn stats(&self) -> impl Iterator<Item = LiveStats> {
        let filled = self.series.iter().filter(|series| !series.all.is_empty());
        filled.map(|Series { metric, all, moments, recent, .. }| LiveStats {
            tag: metric.tag,
            avg_ms: moments.mean / 1e6,
            min_ms: float(all.least()) / 1e6,
            max_ms: float(all.most()) / 1e6,
            p50_ms: all.quantile(0.50) / 1e6,
            p90_ms: all.quantile(0.90) / 1e6,
            p99_ms: all.quantile(0.99) / 1e6,
            std_ms: moments.deviation() / 1e6,
            recent_ms: recent.map(|(p50, p99)| (p50 / 1e6, p99 / 1e6)),
        })
    }
}

impl Series {
    /// A second has ended.
    fn turn(&mut self) {
        if !self.second.is_empty() {
            self.recent = Some((self.second.quantile(0.50), self.second.quantile(0.99)));
            self.second.clear();
        }
    }
}

/// The metrics shown during the run.
const LIVE: &[&Metric] = &[
    &kernel::kernel_time_to_first_token::METRIC,
    &latency::time_to_first_token::METRIC,
    &kernel::kernel_inter_token_latency::METRIC,
    &latency::inter_token_latency::METRIC,
    &kernel::kernel_request_latency::METRIC,
    &latency::request_latency::METRIC,
    &client::schedule_lag::METRIC,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn statistics_follow_the_requests() {
        let mut live = Live::new(testing::settings());
        assert_eq!(live.stats().count(), 0, "nothing yet");
        live.request(&testing::request());
        let kernel = live.stats().find(|live| live.tag == "kernel_time_to_first_token").unwrap();
        assert!((kernel.p99_ms - 18.0).abs() < 0.1, "three digits of 18 ms: {}", kernel.p99_ms);
        assert_eq!(live.requests(), 1, "one request");
    }
}
