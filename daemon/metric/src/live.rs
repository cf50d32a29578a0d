//! Percentiles during the run: a few histograms, cheap to update, with three significant digits.

use crate::case::Case;
use crate::histogram::Counts;
use crate::metric::{Kind, Metric};
use crate::settings::Settings;
use crate::value::whole;
use crate::{kernel, latency};
use record::Request;

/// The live percentiles of a run.
#[derive(Debug)]
pub struct Live {
    settings: Settings,
    histograms: Vec<(&'static Metric, Counts)>,
    requests: u64,
}

/// Percentiles of a metric so far, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LivePercentiles {
    /// The metric.
    pub tag: &'static str,
    /// The median.
    pub p50_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
}

impl Live {
    /// Empty percentiles of a run with these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let histograms = LIVE.iter().map(|metric| (*metric, Counts::new(3))).collect();
        Self { settings, histograms, requests: 0 }
    }

    /// Adds a request; only successful ones of a measured phase count.
    pub fn request(&mut self, request: &Request) {
        let case = Case { request, settings: &self.settings };
        if !case.is_profiling() {
            return;
        }
        self.requests += 1;
        if !case.is_valid() {
            return;
        }
        for (metric, histogram) in &mut self.histograms {
            if let Kind::Record(formula) = metric.kind
                && let Some(value) = formula(&case)
            {
                histogram.add(whole(value.get()));
            }
        }
    }

    /// Requests added so far, including failed ones.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.requests
    }

    /// The percentiles of every metric that has a value.
    pub fn percentiles(&self) -> impl Iterator<Item = LivePercentiles> {
        let filled = self.histograms.iter().filter(|(_, histogram)| !histogram.is_empty());
        filled.map(|(metric, histogram)| LivePercentiles {
            tag: metric.tag,
            p50_ms: histogram.quantile(0.50) / 1e6,
            p99_ms: histogram.quantile(0.99) / 1e6,
        })
    }
}

/// The metrics shown during the run.
const LIVE: &[&Metric] = &[
    &kernel::kernel_time_to_first_token::METRIC,
    &latency::time_to_first_token::METRIC,
    &latency::request_latency::METRIC,
    &latency::inter_token_latency::METRIC,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn percentiles_follow_the_requests() {
        let mut live = Live::new(testing::settings());
        assert_eq!(live.percentiles().count(), 0, "nothing yet");
        live.request(&testing::request());
        let kernel = live.percentiles().find(|live| live.tag == "kernel_time_to_first_token").unwrap();
        assert!((kernel.p99_ms - 18.0).abs() < 0.1, "three digits of 18 ms: {}", kernel.p99_ms);
        assert_eq!(live.requests(), 1, "one request");
    }
}
