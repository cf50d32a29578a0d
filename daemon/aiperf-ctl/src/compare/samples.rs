//! The latencies of each request of a side, for the distributions on the page: what a tool stores of them, by metric.

use super::runs_below;
use crate::plan::Refusal;
use crate::report;
use anyhow::{Context, Result};
use metric::find;
use record::Verdict;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use store::source;

/// What is known of a side's requests.
#[derive(Debug, Default)]
pub(super) struct Samples {
    by_tag: BTreeMap<&'static str, Kept>,
    /// The verdict of each run of ours, by its directory.
    pub(super) verdicts: Vec<(PathBuf, Verdict)>,
}

/// Values in time order; of very many, each of so many.
#[derive(Debug)]
struct Kept {
    values: Vec<f64>,
    every: usize,
    seen: usize,
}

impl Kept {
    fn push(&mut self, value: f64) {
        if self.seen.is_multiple_of(self.every) {
            self.values.push(value);
        }
        self.seen += 1;
        if self.values.len() >= VALUES_MAX {
            let mut is_kept = false;
            self.values.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.every *= 2;
        }
    }
}

impl Samples {
    /// Those of a side's runs.
    ///
    /// # Errors
    /// When a run cannot be read.
    pub(super) fn read(path: &Path, tokenizer: Option<&str>) -> Result<Self> {
        let mut samples = Self::default();
        let runs = runs_below(path)?;
        let runs = if runs.is_empty() { vec![path.to_owned()] } else { runs };
        for run in runs {
            if run.is_dir() && report::holds_records(&run)? {
                samples.of_records(&run, tokenizer)?;
            } else if run.is_file() {
                samples.of_document(&run)?;
            }
        }
        Ok(samples)
    }

    /// The values of a metric, in time order.
    pub(super) fn get(&self, tag: &str) -> Option<&[f64]> {
        self.by_tag.get(tag).map(|kept| kept.values.as_slice()).filter(|values| !values.is_empty())
    }

    /// Of a metric with very many values one in so many is kept.
    pub(super) fn every(&self, tag: &str) -> usize {
        self.by_tag.get(tag).map_or(1, |kept| kept.every)
    }

    /// Whether nothing is known but what a tool summed up.
    pub(super) fn is_empty(&self) -> bool {
        self.by_tag.values().all(|kept| kept.values.is_empty())
    }

    /// One metric's values, for tests.
    #[cfg(test)]
    pub(super) fn of_values(tag: &str, values: &[f64]) -> Self {
        let mut samples = Self::default();
        samples.add(tag, values);
        samples
    }

    /// Adds a metric's values, for tests.
    #[cfg(test)]
    pub(super) fn add(&mut self, tag: &str, values: &[f64]) {
        values.iter().for_each(|value| self.put(tag, *value));
    }

    fn put(&mut self, tag: &str, value: f64) {
        if let Some(metric) = find(tag).filter(|_| value.is_finite()) {
            let none = || Kept { values: Vec::new(), every: 1, seen: 0 };
            self.by_tag.entry(metric.tag).or_insert_with(none).push(value);
        }
    }

    fn of_records(&mut self, run: &Path, tokenizer: Option<&str>) -> Result<()> {
        let verdict = report::numbers(run, tokenizer, |metric, value| {
            if TAGS.iter().flatten().any(|tag| *tag == metric.tag) {
                self.put(metric.tag, value);
            }
        })?;
        self.verdicts.extend(verdict.map(|verdict| (run.to_owned(), verdict)));
        Ok(())
    }

    /// vLLM's and GuideLLM's results have each request if they were saved so.
    fn of_document(&mut self, path: &Path) -> Result<()> {
        let shown = path.display();
        let text = source::read(path, super::DOCUMENT_BYTES_MAX)
            .map_err(|error| Refusal(format!("failed to read `{shown}`: {error}")))?;
        let document: Value =
            serde_json::from_slice(&text).with_context(|| format!("failed to parse `{shown}`"))?;
        self.of_value(&document);
        Ok(())
    }

    fn of_value(&mut self, document: &Value) {
        let items = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
        for seconds in items(&document["ttfts"]).iter().filter_map(Value::as_f64).filter(|one| *one > 0.0) {
            self.put("time_to_first_chunk", seconds * 1e3);
        }
        for request in items(&document["benchmarks"][0]["requests"]["successful"]) {
            let first = request["time_to_first_token_ms"].as_f64();
            let whole = request["request_latency"].as_f64().map(|seconds| seconds * 1e3);
            first.into_iter().for_each(|value| self.put("time_to_first_token", value));
            whole.into_iter().for_each(|value| self.put("http_req_duration", value));
        }
    }
}

/// The metrics whose distributions are drawn, by the client and by the kernel.
pub(super) const TAGS: [[&str; 2]; 4] = [
    ["time_to_first_token", "kernel_time_to_first_token"],
    ["time_to_first_chunk", "kernel_time_to_first_chunk"],
    ["request_latency", "kernel_request_latency"],
    ["http_req_duration", ""],
];
/// More values are thinned, evenly in time.
const VALUES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn very_many_values_are_thinned_evenly() {
        let mut kept = Kept { values: Vec::new(), every: 1, seen: 0 };
        (0..3_000_000_u32).for_each(|value| kept.push(f64::from(value)));
        assert_eq!((kept.every, kept.values.len()), (4, 750_000), "one in four");
        assert!(kept.values.windows(2).all(|pair| (pair[1] - pair[0] - 4.0).abs() < 1e-9), "evenly");
    }

    #[test]
    fn what_tools_store_of_requests_is_found() {
        let of = |document: Value| {
            let mut samples = Samples::default();
            samples.of_value(&document);
            samples
        };
        let vllm = of(json!({"ttfts": [0.5, 0.0, 0.25]}));
        assert_eq!(vllm.get("time_to_first_chunk"), Some(&[500.0, 250.0][..]), "milliseconds");
        let request = json!({"time_to_first_token_ms": 7.0, "request_latency": 0.5});
        let guidellm = of(json!({"benchmarks": [{"requests": {"successful": [request]}}]}));
        assert_eq!(guidellm.get("time_to_first_token"), Some(&[7.0][..]), "milliseconds");
        assert_eq!(guidellm.get("http_req_duration"), Some(&[500.0][..]), "to the end of the stream");
        assert!(of(json!({"mean_ttft_ms": 3.0})).is_empty(), "sums only");
    }
}
