//! Pools the requests of all runs: percentiles of one large sample, in AIPerf's file for runs that stop on convergence.

use super::aggregate::Failed;
use anyhow::Result;
use metric::{METRICS, Stat, Stats, float};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use store::Folder;

/// The values of all requests by metric and run.
#[derive(Clone, Debug, Default)]
pub(super) struct Collated {
    numbers: HashMap<&'static str, Vec<(String, Vec<f64>)>>,
}

impl Collated {
    /// Adds a run's value of one request.
    pub(super) fn put(&mut self, run: &str, tag: &'static str, number: f64) {
        let runs = self.numbers.entry(tag).or_default();
        match runs.last_mut().filter(|(label, _)| label == run) {
            Some((_, numbers)) => numbers.push(number),
            None => runs.push((run.to_owned(), vec![number])),
        }
    }

    /// Writes `profile_export_aiperf_collated.json`.
    pub(super) fn write(&self, to: &Folder, labels: &[String], failed: &[Failed]) -> Result<()> {
        let mut file = to.create("profile_export_aiperf_collated.json")?;
        serde_json::to_writer_pretty(&mut file, &self.json(labels, failed))?;
        file.finish()?;
        Ok(())
    }

    fn json(&self, labels: &[String], failed: &[Failed]) -> Value {
        let known = METRICS.iter().filter_map(|metric| Some((metric.tag, self.numbers.get(metric.tag)?)));
        let metrics = known.map(|(tag, runs)| (tag.to_owned(), of_runs(runs))).collect::<Map<_, _>>();
        json!({
            "schema_version": "1.0.0",
            "aiperf_version": "0.13.0",
            "description": DESCRIPTION,
            "metadata": {
                "aggregation_type": "detailed",
                "num_profile_runs": labels.len() + failed.len(),
                "num_successful_runs": labels.len(),
                "failed_runs": Failed::all_json(failed),
                "run_labels": labels,
            },
            "metrics": metrics,
        })
    }
}

fn of_runs(runs: &[(String, Vec<f64>)]) -> Value {
    let all = Stats::of_sample(runs.iter().flat_map(|(_, numbers)| numbers).copied());
    let count = all.count().unwrap_or(0);
    let mut combined = Map::new();
    let number = |stat| all.get(stat).map(metric::Value::get);
    // With divisor n - 1, as AIPerf here.
    let sample = if count > 1 { (float(count) / float(count - 1)).sqrt() } else { 0.0 };
    let figures = [
        ("mean", number(Stat::Avg)),
        ("std", number(Stat::Std).map(|std| std * sample)),
        ("p50", number(Stat::P50)),
        ("p90", number(Stat::P90)),
        ("p95", number(Stat::P95)),
        ("p99", number(Stat::P99)),
    ];
    for (key, figure) in figures {
        if let Some(figure) = figure.filter(|figure| figure.is_finite()) {
            combined.insert(key.to_owned(), figure.into());
        }
    }
    combined.insert("count".to_owned(), count.into());
    let each = runs.iter().map(|(label, numbers)| {
        let mut run = Map::new();
        run.insert("label".to_owned(), label.clone().into());
        if let Some(mean) = Stats::of_sample(numbers.iter().copied()).get(Stat::Avg) {
            run.insert("mean".to_owned(), mean.get().into());
        }
        run.insert("count".to_owned(), numbers.len().into());
        Value::Object(run)
    });
    json!({ "combined": combined, "per_run": each.collect::<Vec<_>>() })
}

const DESCRIPTION: &str = "Per-request numbers of all runs as one sample. profile_export_aiperf_aggregate.json has the \
                           spread of each run's own statistics instead.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_all_runs_form_one_sample() {
        let mut collated = Collated::default();
        for (run, number) in [("run_0001", 10.0), ("run_0001", 14.0), ("run_0002", 12.0)] {
            collated.put(run, "request_latency", number);
        }
        let labels = ["run_0001".to_owned(), "run_0002".to_owned()];
        let json = collated.json(&labels, &[]);
        let latency = &json["metrics"]["request_latency"];
        let expected = json!({"mean": 12.0, "std": 2.0, "p50": 12.0, "p90": 13.6, "p95": 13.8, "p99": 13.96, "count": 3});
        let close = |key: &str| {
            let number = |value: &Value| value[key].as_f64().unwrap();
            (number(&latency["combined"]) - number(&expected)).abs() < 1e-9
        };
        assert!(["mean", "std", "p50", "p90", "p95", "p99", "count"].into_iter().all(close), "{latency}");
        assert_eq!(latency["per_run"][0], json!({"label": "run_0001", "mean": 12.0, "count": 2}), "each run");
        assert_eq!(json["metadata"]["num_successful_runs"], 2, "{json}");
    }
}
