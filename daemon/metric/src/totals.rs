//! What derived metrics are made of: the totals of the other metrics over a set of requests.

use crate::value::{Value, float};

/// The totals of a set of requests: sums of record metrics and the numbers of aggregate and derived ones.
#[derive(Debug)]
pub struct Totals {
    numbers: Vec<(&'static str, Value)>,
    window_ns: Option<u64>,
}

impl Totals {
    /// No totals yet, over a window of this many nanoseconds if it is given.
    #[must_use]
    pub const fn new(window_ns: Option<u64>) -> Self {
        Self { numbers: Vec::new(), window_ns }
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

    /// The seconds over which throughputs are taken: the window, or else the benchmark's own duration.
    #[must_use]
    pub fn observed_seconds(&self) -> Option<Value> {
        let nanoseconds = match self.window_ns {
            Some(window) => float(window),
            None => self.get("benchmark_duration")?.get(),
        };
        Value::new(nanoseconds * 1e-9).filter(|seconds| seconds.get() > 0.0)
    }

    /// A total per observed second.
    #[must_use]
    pub fn per_second(&self, tag: &str) -> Option<Value> {
        Value::ratio(self.get(tag)?, self.observed_seconds()?)
    }
}
