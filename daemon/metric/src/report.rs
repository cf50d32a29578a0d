//! What an analysis yields: the results of every metric, for the whole run, its warm-up and its slices.

use crate::metric::{Metric, Origin};
use crate::registry::METRICS;
use crate::stats::{Stat, Stats};
use crate::value::Value;
use common::clock::RealNs;
use std::collections::BTreeMap;

/// Everything that the exporters need to know about a run's numbers.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The results of the measured phases together, in the order of the registry.
    pub results: Vec<MetricResult>,
    /// The results of all other phases together; empty when there were none.
    pub warmup: Vec<MetricResult>,
    /// The results by time slice; empty when no slices were asked for.
    pub slices: Vec<Slice>,
    /// The results of the steady part of the run, if they were asked for and there is such a part.
    pub steady: Option<Steady>,
    /// The results of each phase for itself; empty of a run with one phase.
    pub phases: Vec<PhaseReport>,
    /// Verifications of drafted tokens by how many each accepted, of all valid requests of the measured phases.
    pub accepted_drafts: BTreeMap<u32, u64>,
    /// Of each request, in the order of the records, its number in its phase, from 0 in the order in which they were released.
    pub numbers: Vec<u32>,
    /// What became of sessions that others started, by AIPerf's names; empty of a run without such.
    pub branches: BTreeMap<&'static str, u64>,
    /// What went wrong, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Requests of the measured phases.
    pub requests: u64,
    /// Requests among them without a valid answer.
    pub failed: u64,
    /// Events whose request never came, so that they count nowhere.
    pub orphan_events: u64,
    /// When the results' time begins: the first measured phase's begin, or else the first request.
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

/// A run without its start-up and its drain.
#[derive(Clone, Debug)]
pub struct Steady {
    /// Where it lies, and the results of the requests that began in it.
    pub slice: Slice,
    /// The usual number of requests in flight.
    pub in_flight: u64,
    /// Requests that began in it.
    pub requests: u64,
    /// Requests that began before it.
    pub startup: u64,
    /// Requests that began after it.
    pub drain: u64,
}

/// What one phase yields for itself.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// Its place among the measured phases; none of a warm-up.
    pub profiling_index: Option<usize>,
    /// When it begins.
    pub begin: RealNs,
    /// When it ends.
    pub end: RealNs,
    /// Its results, in the order of the registry.
    pub results: Vec<MetricResult>,
    /// What went wrong in it, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Its requests.
    pub requests: u64,
    /// Requests among them without a valid answer.
    pub failed: u64,
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

    /// Takes more results, which go to their places in the registry's order.
    pub fn add(&mut self, results: Vec<MetricResult>) {
        self.results.extend(results);
        let place = |result: &MetricResult| METRICS.iter().position(|metric| metric.tag == result.metric.tag);
        self.results.sort_by_key(place);
    }

    /// The report with the metrics of one origin only.
    #[must_use]
    pub fn only(mut self, origin: Origin) -> Self {
        let keep = |results: &mut Vec<MetricResult>| results.retain(|result| result.metric.origin == origin);
        keep(&mut self.results);
        keep(&mut self.warmup);
        self.slices.iter_mut().for_each(|slice| keep(&mut slice.results));
        self.phases.iter_mut().for_each(|phase| keep(&mut phase.results));
        self.steady.iter_mut().for_each(|steady| keep(&mut steady.slice.results));
        self
    }
}
