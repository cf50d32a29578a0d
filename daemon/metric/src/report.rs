//! What an analysis yields: the results of every metric, for the whole run, its warm-up and its slices.

use crate::metric::{Metric, Origin};
use crate::stats::{Stat, Stats};
use crate::value::Value;
use common::clock::RealNs;

/// Everything that the exporters need to know about a run's numbers.
#[derive(Clone, Debug)]
pub struct Report {
    /// The results of the phase `profiling`, in the order of the registry.
    pub results: Vec<MetricResult>,
    /// The results of all other phases together; empty when there were none.
    pub warmup: Vec<MetricResult>,
    /// The results by time slice; empty when no slices were asked for.
    pub slices: Vec<Slice>,
    /// What went wrong, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Requests of the phase `profiling`.
    pub requests: u64,
    /// Requests among them without a valid answer.
    pub failed: u64,
    /// Events whose request never came, so that they count nowhere.
    pub orphan_events: u64,
    /// When the results' time begins: the phase's begin, or else the first request.
    pub begin: RealNs,
    /// When the results' time ends.
    pub end: RealNs,
    /// Whether the console shows the stages of the HTTP exchange.
    pub show_trace_timing: bool,
}

/// A metric with its statistics.
#[derive(Clone, Debug)]
pub struct MetricResult {
    /// The metric.
    pub metric: &'static Metric,
    /// Its statistics, in the unit in which it is shown.
    pub stats: Stats,
}

/// A stretch of the run; requests belong to the slice in which they began.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Where it begins.
    pub begin: RealNs,
    /// Where it ends.
    pub end: RealNs,
    /// Whether it has its full length.
    pub is_complete: bool,
    /// The results of its requests.
    pub results: Vec<MetricResult>,
}

/// An error and how often it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// The HTTP status, where that is the error.
    pub code: Option<u32>,
    /// Its kind.
    pub kind: String,
    /// What it says.
    pub message: String,
    /// How often it came.
    pub count: u64,
}

impl Report {
    /// The result of the metric with this tag.
    #[must_use]
    pub fn get(&self, tag: &str) -> Option<&MetricResult> {
        self.results.iter().find(|result| result.metric.tag == tag)
    }

    /// A statistic of the metric with this tag, in the unit in which it is shown.
    #[must_use]
    pub fn stat(&self, tag: &str, stat: Stat) -> Option<Value> {
        self.get(tag)?.stats.get(stat)
    }

    /// The report with the metrics of one origin only.
    #[must_use]
    pub fn only(mut self, origin: Origin) -> Self {
        let keep = |results: &mut Vec<MetricResult>| results.retain(|result| result.metric.origin == origin);
        keep(&mut self.results);
        keep(&mut self.warmup);
        self.slices.iter_mut().for_each(|slice| keep(&mut slice.results));
        self
    }
}
