//! The points of a curve in the files of MLPerf Endpoints v1.0: `mlperf_endpoints/r<N>/point.yaml` and `result_summary.json`.
//!
//! The format only: its rules bind its own client, and no submission can be made from another one's numbers. What only a submitter knows
//! (division, links, the description of the system) is not in the files. `result_summary.json` has nanoseconds, and the numbers of the
//! steady state; `kernel` in it has those by the kernel's clock. A file in JSON is YAML too.

use super::SweepRuns;
use super::course::Searching;
use super::judged::{issue_seconds, seconds_between};
use super::results::{Results, Row};
use crate::terminal::print_note;
use anyhow::Result;
use experiment::search::mlperf::{ULTRA_LOW_MAX, regions};
use experiment::search::{Search, Strategy};
use metric::steady::{Course, Unsteady};
use metric::{MetricResult, Report, Stat};
use serde_json::{Value, json};
use spec::Plan;
use std::path::Path;
use store::Folder;

/// Writes a directory for each point that was measured for the least time.
pub(super) fn write(
    directory: &Path,
    experiment: &SweepRuns,
    searching: &Searching,
    results: &Results,
) -> Result<()> {
    let Some(search) = experiment.sweep.search().filter(|search| search.planner == Strategy::MlperfEndpoints)
    else {
        return Ok(());
    };
    let to = Folder::make(directory)?.within(NAME)?;
    let plan = &experiment.first().profile.plan;
    let best = searching.found().best;
    let mut written = Vec::new();
    for place in &best {
        let row = results.of(*place).iter().rev().find(|row| row.report.is_some());
        let trial = searching.trials.get(*place);
        let (Some(Row { report: Some(report), .. }), Some(trial)) = (row, trial) else { continue };
        let Some(concurrency) = trial.probe.values.first().map(|value| metric::whole(*value)) else {
            continue;
        };
        let point =
            Point { search, concurrency, pass: report.requests / u64::from(trial.probe.length), report };
        let to = to.within(&format!("r{concurrency}"))?;
        for (name, value) in [("point.yaml", point.config(plan)), ("result_summary.json", point.summary())] {
            let mut file = to.create(name)?;
            serde_json::to_writer_pretty(&mut file, &value)?;
            file.finish()?;
        }
        written.push(format!("r{concurrency}"));
    }
    let missing = search.points.len() - written.len();
    print_note(&format!(
        "{NAME}: {} of {} points, in the format of MLPerf Endpoints; {}",
        written.len(),
        search.points.len(),
        if missing > 0 {
            "the others were not measured for the least time"
        } else {
            "the rules bind its own client"
        }
    ));
    Ok(())
}

/// A point with its run.
struct Point<'a> {
    search: &'a Search,
    concurrency: u64,
    /// The requests of one pass over the data set.
    pass: u64,
    report: &'a Report,
}

impl Point<'_> {
    /// What the point is.
    fn config(&self, plan: &Plan) -> Value {
        let c_min = self.search.points.iter().copied().min().unwrap_or(1);
        let c_max = metric::whole(self.search.search_space[0].hi);
        let regions = regions(c_min, u32::try_from(c_max).unwrap_or(u32::MAX));
        let is_in = |first: u32, last: u32| (u64::from(first)..=u64::from(last)).contains(&self.concurrency);
        let region = regions.iter().find(|region| is_in(region.first, region.last));
        let least = self.search.least_issue_seconds[usize::from(self.concurrency > u64::from(ULTRA_LOW_MAX))];
        let warmup = plan.load.phases.iter().find(|phase| phase.is_warmup);
        let warmed = |tag| count(&self.report.warmup, tag);
        let completed = warmed("request_count");
        json!({
            "concurrency": self.concurrency,
            "region": region.map(|region| region.name),
            "max_supported_concurrency": c_max,
            "model_name": plan.endpoint.models.first(),
            "runtime_settings": {
                "load_pattern": "concurrency",
                "min_duration_ms": metric::whole(least * 1000.0),
                "min_sample_count": self.pass,
                "stream_all_chunks": true,
                "runtime": {},
            },
            "warmup": {
                "duration_s": warmup.and_then(|phase| phase.duration_seconds).unwrap_or(0.0),
                "requests_issued": completed + warmed("error_request_count"),
                "requests_completed": completed,
                "data_source": if warmup.is_some() { "the run's own data set" } else { "none" },
                "concurrency": warmup.and_then(|phase| phase.concurrency).unwrap_or(0),
            },
            "steady_state": self.steady_state(),
        })
    }

    /// The numbers of the steady state, or of the whole run if it has none.
    fn summary(&self) -> Value {
        let (results, requests, seconds) = self.basis();
        let of = |tag: &str| found(results, tag);
        let failed = count(results, "error_request_count").min(requests);
        let tokens = of("output_sequence_length").map_or(json!({}), |result| summed(result, 1.0));
        let total = tokens["total"].as_f64().unwrap_or(0.0);
        let times = |tag: &str| of(tag).map_or(json!({}), |result| summed(result, NS_PER_MS));
        let kernel = |tag: &str| times(&format!("kernel_{tag}"));
        json!({
            "n_samples_issued": requests,
            "n_samples_completed": requests - failed,
            "n_samples_failed": failed,
            "duration_ns": metric::whole(seconds * 1e9),
            "ttft": times("time_to_first_token"),
            "tpot": times("inter_token_latency"),
            "latency": times("request_latency"),
            "output_sequence_lengths": tokens,
            "system_tps": if seconds > 0.0 { total / seconds } else { 0.0 },
            "kernel": {
                "ttft": kernel("time_to_first_token"),
                "tpot": kernel("inter_token_latency"),
                "latency": kernel("request_latency"),
            },
        })
    }

    /// What the numbers are of: results, requests, and the seconds in which they were issued.
    fn basis(&self) -> (&[MetricResult], u64, f64) {
        match &self.report.steady {
            Some(Ok(steady)) => (&steady.slice.results, steady.slice.requests, issue_seconds(self.report)),
            _ => {
                let seconds = seconds_between(self.report.begin, self.report.end);
                (&self.report.results, self.report.requests, seconds)
            }
        }
    }

    fn steady_state(&self) -> Value {
        let verdict = match &self.report.steady {
            Some(Ok(steady)) => {
                let pass = self.pass.max(1);
                // Whole passes inside the window, counted from 0.
                let first = steady.startup.div_ceil(pass);
                let end = (steady.startup + steady.slice.requests) / pass;
                let passes = end.saturating_sub(first);
                return json!({
                    "status": if passes >= PASSES_MIN { "windowable" } else { "insufficient_passes" },
                    "verdict": "STEADY STATE",
                    "window": {
                        "super_pass_start": (passes > 0).then_some(first),
                        "super_pass_end": (passes > 0).then(|| end - 1),
                        "super_pass_size": pass,
                        "n_samples": steady.slice.requests,
                        "duration_s": issue_seconds(self.report),
                    },
                });
            }
            Some(Err(Unsteady::Changes { how: Course::Grows, .. })) => "drifting_up",
            Some(Err(Unsteady::Changes { how: Course::Falls, .. })) => "drifting_down",
            _ => "not found",
        };
        json!({"status": "insufficient_duration", "verdict": verdict})
    }
}

fn found<'a>(results: &'a [MetricResult], tag: &str) -> Option<&'a MetricResult> {
    results.iter().find(|result| result.metric.tag == tag)
}

/// A metric that counts; none counted nothing.
fn count(results: &[MetricResult], tag: &str) -> u64 {
    let counted = found(results, tag).and_then(|result| result.stats.get(Stat::Avg));
    counted.map_or(0, |count| metric::whole(count.get()))
}

/// A metric's sum and percentiles.
fn summed(result: &MetricResult, factor: f64) -> Value {
    let of = |stat| result.stats.get(stat).map(|value| value.get() * factor);
    let percentiles = [("50", Stat::P50), ("90", Stat::P90), ("95", Stat::P95), ("99", Stat::P99)];
    let percentiles =
        percentiles.into_iter().filter_map(|(name, stat)| Some((name.to_owned(), json!(of(stat)?))));
    json!({"total": of(Stat::Sum), "percentiles": Value::Object(percentiles.collect())})
}

/// The directory of the points.
const NAME: &str = "mlperf_endpoints";
/// A steady state of fewer passes shows no trend (§4.4).
const PASSES_MIN: u64 = 4;
/// In which latencies are shown.
const NS_PER_MS: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::profile_of;
    use crate::session::fake::reported;
    use common::clock::RealNs;
    use metric::{Slice, Steady};

    fn search() -> Search {
        let block = json!({
            "planner": "mlperf_endpoints",
            "search_space": [{"path": "phases.profiling.concurrency", "lo": 1, "hi": 256, "kind": "int"}],
            "points": [1, 4, 7, 18, 41, 104, 256],
        });
        serde_json::from_value(block).unwrap()
    }

    #[test]
    fn a_point_is_of_its_region_and_of_its_run() {
        let (_, profile) =
            profile_of("-m m --url localhost:1 --concurrency 41 --request-count 3 --num-warmup-requests 5")
                .unwrap();
        let report = reported(&[10, 20, 60]).unwrap().report;
        let point = Point { search: &search(), concurrency: 41, pass: 3, report: &report };
        let config = point.config(&profile.plan);
        let known = [
            ("concurrency", json!(41)),
            ("region", json!("med_concurrency")),
            ("max_supported_concurrency", json!(256)),
            ("model_name", json!("m")),
        ];
        for (name, expected) in known {
            assert_eq!(config[name], expected, "{config:#}");
        }
        assert_eq!(config["runtime_settings"]["min_duration_ms"], 1_200_000, "{config:#}");
        // Planned ones that this run did not send are not claimed.
        assert_eq!(config["warmup"]["requests_issued"], 0, "{config:#}");
        assert_eq!(config["steady_state"]["status"], "insufficient_duration", "{config:#}");
        let summary = point.summary();
        assert_eq!(summary["n_samples_completed"], 3, "{summary:#}");
        assert_eq!(summary["latency"]["percentiles"]["50"], 20e6, "nanoseconds: {summary:#}");
        assert_eq!(summary["latency"]["total"], 90e6, "{summary:#}");
    }

    #[test]
    fn the_numbers_are_those_of_the_steady_state() {
        let whole = reported(&[1000; 40]).unwrap().report;
        let results = reported(&[10, 20, 60]).unwrap().report.results;
        let check = |startup: u64, requests: u64, status: &str, first: Option<u64>, last: Option<u64>| {
            let (begin, end) = (RealNs(5_000_000_000), RealNs(7_000_000_000));
            let results = results.clone();
            let slice = Slice { begin, end, is_complete: true, requests, in_flight: requests, results };
            let steady = Steady { slice, in_flight: 4, startup, drain: 1 };
            let report = Report { steady: Some(Ok(steady)), ..whole.clone() };
            let point = Point { search: &search(), concurrency: 4, pass: 10, report: &report };
            let state = point.steady_state();
            assert_eq!(state["status"], status, "{state:#}");
            assert_eq!(state["window"]["super_pass_start"], json!(first), "{state:#}");
            assert_eq!(state["window"]["super_pass_end"], json!(last), "{state:#}");
            let summary = point.summary();
            assert_eq!(summary["duration_ns"], 2_000_000_000_u64, "{summary:#}");
            assert_eq!(summary["n_samples_issued"], requests, "{summary:#}");
            assert_eq!(summary["latency"]["percentiles"]["50"], 20e6, "{summary:#}");
        };
        check(0, 40, "windowable", Some(0), Some(3));
        // Passes that lie in it only in part do not count.
        check(1, 40, "insufficient_passes", Some(1), Some(3));
        check(10, 45, "windowable", Some(1), Some(4));
        check(1, 8, "insufficient_passes", None, None);
    }
}
