//! The totals of metrics over a set of requests, from which derived metrics are computed.

use crate::value::{Value, float};
use common::clock::DurationNs;

/// The totals of a set of requests: sums of record metrics, and the values of aggregate and derived ones.
#[derive(Debug)]
pub struct Totals {
    numbers: Vec<(&'static str, Value)>,
    observed: Observed,
}

/// The duration that throughputs are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// From the first request to the last token.
    Benchmark,
    /// The length of a window.
    Window(DurationNs),
    /// The lengths of several windows together, which are also the benchmark's duration.
    Windows(DurationNs),
}

impl Totals {
    /// Empty totals over this duration.
    #[must_use]
    pub const fn new(observed: Observed) -> Self {
        Self { numbers: Vec::new(), observed }
    }

    /// The total length of the windows in nanoseconds, if there are several.
    #[must_use]
    pub fn windows(&self) -> Option<Value> {
        match self.observed {
            Observed::Windows(length) => Value::new(float(length.0.max(0).unsigned_abs())),
            Observed::Benchmark | Observed::Window(_) => None,
        }
    }

    /// Adds the total of a metric.
    pub fn put(&mut self, tag: &'static str, value: Value) {
        self.numbers.push((tag, value));
    }

    /// The total of a metric.
    #[must_use]
    pub fn get(&self, tag: &str) -> Option<Value> {
        self.numbers.iter().find(|(name, _)| *name == tag).map(|(_, value)| *value)
    }

    /// The seconds that throughputs are divided by: the window, or else the benchmark's duration.
    #[must_use]
    pub fn observed_seconds(&self) -> Option<Value> {
        let nanoseconds = match self.observed {
            Observed::Window(length) | Observed::Windows(length) => float(length.0.max(0).unsigned_abs()),
            Observed::Benchmark => self.get("benchmark_duration")?.get(),
        };
        Value::new(nanoseconds * 1e-9).filter(|seconds| seconds.get() > 0.0)
    }

    /// A total per observed second.
    #[must_use]
    pub fn per_second(&self, tag: &str) -> Option<Value> {
        Value::ratio(self.get(tag)?, self.observed_seconds()?)
    }
}
