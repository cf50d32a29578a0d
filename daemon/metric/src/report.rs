//! The output of an analysis: the results of every metric, for the whole run, its warmup and its slices.

use crate::flow::Flow;
use crate::metric::{Metric, Origin};
use crate::registry::METRICS;
use crate::stats::{Stat, Stats};
use crate::steady::Unsteady;
use crate::value::Value;
use common::clock::RealNs;
use std::collections::BTreeMap;

/// Everything that the exporters need to know about a run's metrics.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The results of the measured phases together, in the order of the registry.
    pub results: Vec<MetricResult>,
    /// The results of all other phases together; empty when there were none.
    pub warmup: Vec<MetricResult>,
    /// The results by time slice; empty when no slices were requested.
    pub slices: Vec<Slice>,
    /// What `--slice-duration` leaves out.
    pub slices_left_out: LeftOut,
    /// The results of the run's steady state, or why it has none; absent if not requested.
    pub steady: Option<Result<Steady, Unsteady>>,
    /// What came and went in equal parts of the measured time; empty if no steady state was requested.
    pub flow: Vec<Flow>,
    /// The results of each phase; empty for a run with one phase.
    pub phases: Vec<PhaseReport>,
    /// Verifications of draft tokens by how many each accepted, for all valid requests of the measured phases.
    pub accepted_drafts: BTreeMap<u32, u64>,
    /// For each request, in the order of the records, its number within its phase, counted from 0 by order of release.
    pub numbers: Vec<u32>,
    /// Outcomes of sessions started by other sessions, by AIPerf's names; empty for a run without such sessions.
    pub branches: BTreeMap<&'static str, u64>,
    /// Errors, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Requests of the measured phases.
    pub requests: u64,
    /// How many of these requests have no valid response.
    pub failed: u64,
    /// Events whose request is missing, so that they are counted nowhere.
    pub orphan_events: u64,
    /// Gaps between events, or waits to be read, that are left out because the later event has the earlier timestamp.
    pub reversed_gaps: u64,
    /// Start of the results' time window: that of the first measured phase, or else the first request.
    pub begin: RealNs,
    /// End of the results' time window.
    pub end: RealNs,
    /// Whether the console shows the stages of the HTTP exchange.
    pub show_trace_timing: bool,
}

/// A metric with its statistics.
#[derive(Clone, Debug)]
pub struct MetricResult {
    /// The metric.
    pub metric: &'static Metric,
    /// Its statistics, in the displayed unit.
    pub stats: Stats,
}

/// A time interval of the run; requests belong to the slice in which they started.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Its start.
    pub begin: RealNs,
    /// Its end.
    pub end: RealNs,
    /// Whether it has its full length.
    pub is_complete: bool,
    /// Requests that started in it, including failed ones. None may have: then some were in flight.
    pub requests: u64,
    /// Requests that were in flight at some time in it.
    pub in_flight: u64,
    /// The results of the requests that started in it; time-weighted ones are of all requests in flight.
    pub results: Vec<MetricResult>,
}

/// Slices and requests beyond the limits on slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Slices in which requests were in flight and none started.
    pub slices: u64,
    /// Requests that started after the last slice.
    pub requests: u64,
}

/// A run without its ramp-up and its drain.
#[derive(Clone, Debug)]
pub struct Steady {
    /// Its interval, and the results of the requests that started in it.
    pub slice: Slice,
    /// The usual number of requests in flight: the time-weighted median.
    pub in_flight: u64,
    /// Requests that started before it.
    pub startup: u64,
    /// Requests that started after it.
    pub drain: u64,
}

/// The results of one phase.
#[derive(Clone, Debug)]
pub struct PhaseReport {
    /// Its name.
    pub name: String,
    /// Its index among the measured phases; `None` for a warmup.
    pub profiling_index: Option<usize>,
    /// Its start.
    pub begin: RealNs,
    /// Its end.
    pub end: RealNs,
    /// Its results, in the order of the registry.
    pub results: Vec<MetricResult>,
    /// Its errors, the most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Its requests.
    pub requests: u64,
    /// How many of these requests have no valid response.
    pub failed: u64,
}

/// An error and its count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorCount {
    /// The HTTP status, where that is the error.
    pub code: Option<u32>,
    /// Its kind.
    pub kind: String,
    /// Its message.
    pub message: String,
    /// Its count.
    pub count: u64,
}

impl Report {
    /// The result of the metric with this tag.
    #[must_use]
    pub fn get(&self, tag: &str) -> Option<&MetricResult> {
        self.results.iter().find(|result| result.metric.tag == tag)
    }

    /// A statistic of the metric with this tag, in the displayed unit.
    #[must_use]
    pub fn stat(&self, tag: &str, stat: Stat) -> Option<Value> {
        self.get(tag)?.stats.get(stat)
    }

    /// Adds results at their positions in the registry's order.
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
        self.steady.iter_mut().flatten().for_each(|steady| keep(&mut steady.slice.results));
        self
    }
}
