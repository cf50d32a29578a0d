//! Several runs for comparisons: the summary of each, what it is called, and whether its numbers may be used.

use super::config::{Classification, Quantity};
use super::find::{AGGREGATE_SUMMARY, RunDir, SUMMARY, trials};
use crate::multi_run::aggregate::Spread;
use crate::report;
use crate::sweep::NOT_COMPARED;
use anyhow::{Context, Result, bail};
use import::document;
use metric::{Stat, float_of};
use record::{Standing, Verdict};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::Path;
use store::visible;

/// Runs to compare.
pub(super) struct Many {
    pub(super) runs: Vec<RunSummary>,
    /// Names of groups that the user chose.
    pub(super) display_names: BTreeMap<String, String>,
}

/// A run, or several of one load.
pub(super) struct RunSummary {
    /// Statistics by metric: `{tag: {stat: number}}`.
    metrics: Value,
    /// Intervals of means over runs, of an aggregate.
    intervals: BTreeMap<(String, String), Interval>,
    /// The confidence of these intervals.
    level: f64,
    /// The runs of an aggregate.
    trials: Vec<Value>,
    /// How many runs it is of.
    pub(super) runs: u32,
    /// Columns by name, for groups and labels.
    columns: BTreeMap<String, String>,
    /// Whether it is a baseline.
    pub(super) is_baseline: bool,
    /// Why its numbers must not be used.
    pub(super) cause: Option<String>,
}

/// An interval of a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Many {
    /// Reads the summaries.
    pub(super) fn read(runs: &[RunDir], classification: Option<&Classification>) -> Result<Self> {
        let runs = runs.iter().map(|run| {
            RunSummary::read(run, classification)
                .with_context(|| format!("failed to read `{}`", run.path.display()))
        });
        let display_names = classification.map(|found| found.display_names.clone()).unwrap_or_default();
        Ok(Self { runs: runs.collect::<Result<_>>()?, display_names })
    }

    /// How many runs there are, in words.
    pub(super) fn about(&self) -> String {
        let runs = self.runs.iter().map(|run| run.runs).sum::<u32>();
        let loads = self.runs.len();
        let all = if usize::try_from(runs).is_ok_and(|runs| runs == loads) {
            format!("{loads} runs")
        } else {
            format!("{loads} results of {runs} runs")
        };
        let refused = self.runs.iter().filter(|run| run.cause.is_some()).count();
        match refused {
            0 => all,
            _ => format!("{all}, of which {refused} must not be used (hollow)"),
        }
    }
}

impl RunSummary {
    fn read(run: &RunDir, classification: Option<&Classification>) -> Result<Self> {
        let found = if run.is_aggregate { Self::of_aggregate(&run.path)? } else { Self::of_run(&run.path)? };
        let name = name_of(&run.path);
        let path = run.path.display().to_string();
        let mut columns = found.columns;
        let mut put = |key: &str, value: String| columns.insert(key.to_owned(), value);
        put("run_name", visible(&name).into_owned());
        let is_baseline = classification.is_some_and(|found| found.is_baseline(&name, &path));
        put("experiment_type", if is_baseline { "baseline" } else { "treatment" }.to_owned());
        put("experiment_group", group_of(&run.path, &name, classification));
        Ok(Self { columns, is_baseline, ..found })
    }

    fn of_run(path: &Path) -> Result<Self> {
        let is_ours = path.join("run.json").is_file() && path.join(super::find::OURS).is_file();
        let cause = if is_ours { cause(&report::read_run(path)?.verdict) } else { None };
        // In a picture of many points a name has room.
        let cause = cause.map(|(name, _)| name);
        let mut metrics = match document(path, SUMMARY)? {
            Some(summary) => summary,
            // Written under another name, or not at all: the records have it.
            None => of_report(path)?,
        };
        per_gpu(&mut metrics);
        let mut columns = flattened(&metrics["input_config"]);
        of_load(&mut columns, &metrics["input_config"]);
        Ok(Self::new(metrics, columns, cause))
    }

    fn of_aggregate(path: &Path) -> Result<Self> {
        let Some(aggregate) = document(path, AGGREGATE_SUMMARY)? else {
            bail!("it has no {AGGREGATE_SUMMARY}")
        };
        let about = &aggregate["metadata"];
        let mut metrics = Map::new();
        let mut intervals = BTreeMap::new();
        for (key, numbers) in aggregate["metrics"].as_object().into_iter().flatten() {
            let named =
                key.rsplit_once('_').filter(|(_, stat)| Stat::ALL.iter().any(|known| known.name() == *stat));
            let (tag, stat) = named.unwrap_or((key, "avg"));
            let Some(mean) = numbers["mean"].as_f64() else { continue };
            metrics.entry(tag).or_insert_with(|| Value::Object(Map::new()))[stat] = mean.into();
            if let (Some(low), Some(high)) = (numbers["ci_low"].as_f64(), numbers["ci_high"].as_f64()) {
                intervals.insert((tag.to_owned(), stat.to_owned()), Interval { low, high });
            }
        }
        let mut columns = BTreeMap::new();
        for (key, value) in about["variation_values"].as_object().into_iter().flatten() {
            let short = key.rsplit('.').next().unwrap_or(key).to_owned();
            columns.insert(short, shown(value));
            columns.insert(key.clone(), shown(value));
        }
        let trials =
            trials(path).iter().filter_map(|trial| document(trial, SUMMARY).ok()?).collect::<Vec<_>>();
        if let Some(first) = trials.first() {
            let mut of_first = flattened(&first["input_config"]);
            of_load(&mut of_first, &first["input_config"]);
            of_first.append(&mut columns);
            columns = of_first;
        }
        columns.extend(about["model"].as_str().map(|model| ("model".to_owned(), model.to_owned())));
        let runs =
            about["num_successful_runs"].as_u64().or_else(|| aggregate["num_successful_runs"].as_u64());
        let runs = runs.and_then(|runs| u32::try_from(runs).ok()).unwrap_or(1);
        let level = about["confidence_level"].as_f64().unwrap_or(USUAL_LEVEL);
        Ok(Self { intervals, level, trials, runs, ..Self::new(Value::Object(metrics), columns, None) })
    }

    fn new(metrics: Value, columns: BTreeMap<String, String>, cause: Option<String>) -> Self {
        Self {
            metrics,
            intervals: BTreeMap::new(),
            level: USUAL_LEVEL,
            trials: Vec::new(),
            runs: 1,
            columns,
            is_baseline: false,
            cause,
        }
    }

    /// A column's value; one that is missing is unknown.
    pub(super) fn column(&self, name: &str) -> Option<&str> {
        self.columns.get(name).map(String::as_str)
    }

    /// A statistic; the mean if none is asked for.
    pub(super) fn number(&self, of: &Quantity) -> Option<f64> {
        if let "concurrency" | "request_count" = of.name.as_str()
            && let Some(number) = self.column(&of.name).and_then(|text| text.parse().ok())
        {
            return Some(number);
        }
        number(&self.metrics, of)
    }

    /// The mean over the runs of an aggregate with its interval: of these runs, or if they are not there its own, which may be of
    /// another confidence than `level`.
    pub(super) fn mean(&self, of: &Quantity, level: f64) -> Option<(f64, Interval)> {
        let interval = self.intervals.get(&(of.name.clone(), stat_of(of).to_owned())).copied();
        let values = self.trials.iter().filter_map(|trial| number(trial, of)).collect::<Vec<_>>();
        if interval.is_some() && usize::try_from(self.runs).is_ok_and(|runs| runs == values.len()) {
            return interval_of(&values, level);
        }
        Some((self.number(of)?, interval?))
    }

    /// The confidence of its own intervals, if that is another one and its runs are not there.
    pub(super) fn other_level(&self, level: f64) -> Option<f64> {
        let is_other =
            !self.intervals.is_empty() && self.trials.is_empty() && (self.level - level).abs() > 1e-9;
        is_other.then_some(self.level)
    }

    /// How two quantities go together over the runs of an aggregate, from -1 to 1; `None` for less than three.
    pub(super) fn correlation(&self, x: &Quantity, y: &Quantity) -> Option<f64> {
        let pairs = self.trials.iter().filter_map(|trial| Some((number(trial, x)?, number(trial, y)?)));
        correlation(&pairs.collect::<Vec<_>>())
    }
}

/// How two numbers go together, from -1 to 1; `None` for less than three pairs.
pub(super) fn correlation(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let n = float_of(pairs.len());
    let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / n;
    let (mx, my) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let sum = |of: &dyn Fn(f64, f64) -> f64| pairs.iter().map(|(x, y)| of(x - mx, y - my)).sum::<f64>();
    let (xx, yy, xy) = (sum(&|x, _| x * x), sum(&|_, y| y * y), sum(&|x, y| x * y));
    Some(xy / (xx * yy).sqrt()).filter(|value| value.is_finite())
}

/// The mean of some values with its interval; without extent for one value, `None` for none.
pub(super) fn interval_of(values: &[f64], level: f64) -> Option<(f64, Interval)> {
    let spread = Spread::of(values, level)?;
    let (low, high) = spread.interval().unwrap_or_else(|| (spread.mean(), spread.mean()));
    Some((spread.mean(), Interval { low, high }))
}

/// Why a verdict means that numbers must not be used, as its reason's name and in words: it is invalid, or this client was the limit.
pub(crate) fn cause(verdict: &Verdict) -> Option<(String, String)> {
    let is_void = |name: &str| NOT_COMPARED.contains(&name);
    let reason =
        verdict.reasons.iter().find(|reason| reason.standing == Standing::Invalid || is_void(&reason.name));
    match reason {
        Some(reason) => {
            // What to do about it is in the report.
            let what = reason.text.split(';').next().unwrap_or_default();
            let name = visible(&reason.name).into_owned();
            Some((name, format!("{} ({})", visible(what), visible(&reason.name))))
        }
        None => (verdict.standing == Standing::Invalid)
            .then(|| ("invalid".to_owned(), "the verdict is invalid".to_owned())),
    }
}

fn stat_of(of: &Quantity) -> &'static str {
    of.stat.unwrap_or(Stat::Avg).name()
}

fn number(metrics: &Value, of: &Quantity) -> Option<f64> {
    let stats = &metrics[&of.name];
    stats[stat_of(of)].as_f64().filter(|value| value.is_finite())
}

/// The summary of a run that has none, from its records.
fn of_report(path: &Path) -> Result<Value> {
    let reported = report::Reported::of(path)?;
    let mut metrics = Map::new();
    for result in &reported.report.results {
        let stats = Stat::ALL
            .into_iter()
            .filter_map(|stat| Some((stat.name().to_owned(), result.stats.get(stat)?.get().into())));
        metrics.insert(result.metric.tag.to_owned(), Value::Object(stats.collect()));
    }
    let plan = &reported.run.plan;
    let concurrency = plan.load.profiling().and_then(|phase| phase.concurrency);
    metrics.insert(
        "input_config".to_owned(),
        serde_json::json!({
            "models": {"items": plan.endpoint.models.iter().map(|name| serde_json::json!({"name": name})).collect::<Vec<_>>()},
            "endpoint": {"type": plan.endpoint.kind, "streaming": plan.endpoint.streaming},
            "phases": [{"name": "profiling", "concurrency": concurrency}],
        }),
    );
    Ok(Value::Object(metrics))
}

/// Adds the output token throughput per GPU, where telemetry shows how many there are.
fn per_gpu(metrics: &mut Value) {
    let endpoints = metrics["telemetry_data"]["endpoints"].as_object();
    let gpus = endpoints.into_iter().flatten().filter_map(|(_, endpoint)| endpoint["gpus"].as_object());
    let gpus = gpus.map(Map::len).sum::<usize>();
    let Some(whole) = metrics["output_token_throughput"].as_object().filter(|_| gpus > 0) else { return };
    let each = whole
        .iter()
        .filter_map(|(stat, value)| Some((stat.clone(), (value.as_f64()? / float_of(gpus)).into())));
    let each = each.collect::<Map<_, _>>();
    metrics["output_token_throughput_per_gpu"] = Value::Object(each);
}

/// The columns that every run has, from AIPerf's configuration of now or of earlier versions.
fn of_load(columns: &mut BTreeMap<String, String>, config: &Value) {
    let phases = config["phases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let phase = phases.iter().find(|phase| phase["name"] == "profiling").or_else(|| phases.first());
    let of_phase = |now: &str, earlier: &str| {
        let found = phase.map_or(&Value::Null, |phase| &phase[now]);
        let found = if found.is_null() { &config["loadgen"][earlier] } else { found };
        (!found.is_null()).then(|| shown(found))
    };
    let model = config["models"]["items"][0]["name"]
        .as_str()
        .or_else(|| config["endpoint"]["model_names"][0].as_str());
    let known = [
        ("model", model.map(|model| visible(model).into_owned())),
        ("concurrency", of_phase("concurrency", "concurrency")),
        ("request_rate", of_phase("rate", "request_rate")),
        ("request_count", of_phase("requests", "request_count")),
        ("endpoint_type", config["endpoint"]["type"].as_str().map(str::to_owned)),
    ];
    columns.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
}

/// A configuration as columns, with dots between keys; a list of one is that one.
fn flattened(config: &Value) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    let mut left = vec![(String::new(), config)];
    while let Some((path, value)) = left.pop() {
        if columns.len() > COLUMNS_MAX {
            break;
        }
        match value {
            Value::Object(fields) => {
                let below =
                    |key: &String| if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                left.extend(fields.iter().map(|(key, value)| (below(key), value)));
            }
            Value::Array(items) if items.len() == 1 && !items[0].is_object() => left.push((path, &items[0])),
            Value::Null => {}
            value => {
                columns.insert(path, shown(value));
            }
        }
    }
    columns
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        // 4.0 is the concurrency 4.
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        other => other.to_string(),
    };
    store::visible_within(&text, TEXT_MAX)
}

/// What a run is called: the first name of its path, from its end, that is not only a number of a repetition.
fn name_of(path: &Path) -> String {
    let names = path.components().rev().filter_map(|part| part.as_os_str().to_str());
    let is_generic = |name: &str| {
        let counted = ["run_", "trial_"].iter().find_map(|begin| name.strip_prefix(begin));
        ["aggregate", "profile_runs", ".", ".."].contains(&name)
            || counted.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|one| one.is_ascii_digit()))
    };
    let own = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    names.map(str::to_owned).find(|name| !is_generic(name)).unwrap_or(own)
}

/// The group of a run: the nearest directory above it that a pattern names, or else its own name.
fn group_of(path: &Path, name: &str, classification: Option<&Classification>) -> String {
    let above = path.ancestors().skip(1).filter_map(|above| above.file_name()?.to_str());
    let named = above.into_iter().find(|above| classification.is_some_and(|found| found.names(above)));
    visible(named.unwrap_or(name)).into_owned()
}

/// The confidence of intervals that state none.
const USUAL_LEVEL: f64 = 0.95;
const COLUMNS_MAX: usize = 2_000;
/// Most characters of a column's value.
const TEXT_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use record::Reason;
    use serde_json::json;

    #[test]
    fn configurations_become_columns() {
        let config = json!({
            "models": {"items": [{"name": "m"}]}, "endpoint": {"type": "chat", "urls": ["http://a"]},
            "phases": [{"name": "warmup", "concurrency": 1}, {"name": "profiling", "concurrency": 8, "requests": 40}],
        });
        let mut columns = flattened(&config);
        of_load(&mut columns, &config);
        for (name, expected) in [
            ("model", "m"),
            ("concurrency", "8"),
            ("request_count", "40"),
            ("endpoint.type", "chat"),
            ("endpoint.urls", "http://a"),
        ] {
            assert_eq!(columns.get(name).map(String::as_str), Some(expected), "{name}");
        }
        let earlier = json!({"endpoint": {"model_names": ["old"]}, "loadgen": {"concurrency": 3}});
        let mut columns = BTreeMap::new();
        of_load(&mut columns, &earlier);
        assert_eq!(
            (columns["model"].as_str(), columns["concurrency"].as_str()),
            ("old", "3"),
            "of earlier versions"
        );
    }

    #[test]
    fn runs_are_named_by_what_differs() {
        let check = |path: &str, expected: &str| assert_eq!(name_of(Path::new(path)), expected, "{path}");
        check("a/concurrency_4", "concurrency_4");
        check("a/concurrency_4/profile_runs/trial_0001", "concurrency_4");
        check("a/aggregate/concurrency_4", "concurrency_4");
        check("a/search_iter_0003/profile_runs/run_0001", "search_iter_0003");
        check("aggregate", "aggregate");
    }

    #[test]
    fn throughput_is_shared_by_gpus() {
        let mut metrics = json!({
            "output_token_throughput": {"unit": "tokens/sec", "avg": 90.0},
            "telemetry_data": {"endpoints": {"a": {"gpus": {"0": {}, "1": {}}}, "b": {"gpus": {"0": {}}}}},
        });
        per_gpu(&mut metrics);
        assert_eq!(metrics["output_token_throughput_per_gpu"], json!({"avg": 30.0}), "three GPUs");
        let mut without = json!({"output_token_throughput": {"avg": 90.0}});
        per_gpu(&mut without);
        assert_eq!(without["output_token_throughput_per_gpu"], Value::Null, "no telemetry");
    }

    #[test]
    fn intervals_are_those_of_student() {
        let (mean, interval) = interval_of(&[10.0, 12.0, 14.0], 0.95).unwrap();
        // t(0.975, 2) = 4.302653, s = 2, n = 3.
        let half = 4.302_653 * 2.0 / 3.0_f64.sqrt();
        assert!((mean - 12.0).abs() < 1e-9 && (interval.high - 12.0 - half).abs() < 1e-4, "{interval:?}");
        assert_eq!(interval_of(&[5.0], 0.95), Some((5.0, Interval { low: 5.0, high: 5.0 })), "one run");
        assert_eq!(interval_of(&[], 0.95), None, "none");
    }

    /// The aggregate of three runs whose latencies are 10, 12 and 14 ms and whose throughput falls with them.
    fn aggregate(are_runs_there: bool) -> RunSummary {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, document: Value| {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, document.to_string()).unwrap();
        };
        for (number, latency) in [(1, 10.0), (2, 12.0), (3, 14.0)].into_iter().filter(|_| are_runs_there) {
            write(
                &format!("profile_runs/run_000{number}/{SUMMARY}"),
                json!({
                    "request_latency": {"avg": latency}, "request_throughput": {"avg": 100.0 - latency},
                    "input_config": {"phases": [{"name": "profiling", "concurrency": 4}]},
                }),
            );
        }
        let spread = |mean: f64| json!({"mean": mean, "ci_low": mean - 1.0, "ci_high": mean + 1.0});
        write(
            &format!("aggregate/{AGGREGATE_SUMMARY}"),
            json!({
                "metadata": {"num_successful_runs": 3, "confidence_level": 0.9, "variation_values": {"phases.profiling.rate": 7}},
                "metrics": {"request_latency_avg": spread(12.0), "request_throughput_avg": spread(88.0)},
            }),
        );
        let run = RunDir { path: directory.path().join("aggregate"), is_aggregate: true };
        RunSummary::read(&run, None).unwrap()
    }

    #[test]
    fn an_aggregate_has_the_intervals_of_its_runs_or_its_own() {
        let quantity = Quantity::of_run;
        let (x, y) = (quantity("request_latency"), quantity("request_throughput"));
        let with = aggregate(true);
        let (mean, interval) = with.mean(&x, 0.95).unwrap();
        assert!(
            (mean - 12.0).abs() < 1e-9 && (interval.high - 16.968).abs() < 1e-3,
            "{interval:?} of the runs, at 95 %"
        );
        assert_eq!(with.other_level(0.95), None, "recomputed");
        assert!((with.correlation(&x, &y).unwrap() + 1.0).abs() < 1e-9, "one falls as the other rises");
        assert_eq!(
            (with.column("concurrency"), with.column("rate"), with.runs),
            (Some("4"), Some("7"), 3),
            "columns"
        );
        let without = aggregate(false);
        assert_eq!(without.mean(&x, 0.95), Some((12.0, Interval { low: 11.0, high: 13.0 })), "its own");
        assert_eq!((without.other_level(0.95), without.correlation(&x, &y)), (Some(0.9), None), "of 90 %");
        assert_eq!(without.number(&quantity("none")), None, "nothing else");
    }

    #[test]
    fn a_verdict_refuses_what_the_client_limited() {
        let of = |name: &str, standing| {
            let reason =
                Reason { name: name.to_owned(), standing, text: "why".to_owned(), figures: Vec::new() };
            cause(&Verdict::from_reasons(vec![reason])).map(|(_, words)| words)
        };
        assert_eq!(of("governor", Standing::Degraded), None, "another reservation");
        assert_eq!(
            of("hot_core_saturated", Standing::Degraded).as_deref(),
            Some("why (hot_core_saturated)"),
            "the client"
        );
        assert!(of("clock_step", Standing::Invalid).is_some(), "invalid");
    }
}
