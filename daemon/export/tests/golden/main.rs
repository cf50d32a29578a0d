//! Real runs of AIPerf 0.13.0, analysed again from their raw export: every number that AIPerf wrote must come out.
//!
//! Left out are the HTTP trace metrics, whose stamps the raw export does not hold (`UNSEEN`), ids, and the length of
//! the phase of runs without a `phase_manifest.json`, which is taken from the run's own request throughput.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]
#![expect(clippy::print_stdout, reason = "the figures are for a person")]

mod chat;
mod sample_run;

use chat::EPOCH_NS;
use common::clock::{DurationNs, MonoNs};
use export::{Artifacts, EXPORTERS, Exchange};
use metric::{Analysis, Origin, Report, Settings, Threshold};
use record::{Phase, Run};
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use tokenizers::Tokenizer;

#[test]
fn every_number_of_aiperf_comes_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let tokenizer = Tokenizer::from_file(root.join("tokenizer/tokenizer.json")).unwrap();
    let runs = std::fs::read_dir(root.join("aiperf-0.13.0")).unwrap().map(|entry| entry.unwrap().path());
    let runs = runs.collect::<Vec<_>>();
    assert!(!runs.is_empty(), "no golden run under {}", root.display());
    for directory in runs {
        let golden = Golden::read(directory, &tokenizer);
        let mut comparison = Comparison::default();
        golden.compare_summary(&mut comparison);
        golden.compare_lines(&mut comparison);
        golden.compare_csv("profile_export_aiperf.csv", &mut comparison);
        if golden.settings.slice_duration.is_some() {
            golden.compare_slices(&mut comparison);
            golden.compare_csv("profile_export_aiperf_timeslices.csv", &mut comparison);
        }
        comparison.report(&golden.directory);
    }
}

/// A run of AIPerf, analysed again.
struct Golden {
    directory: PathBuf,
    summary: Value,
    run: Run,
    settings: Settings,
    exchanges: Vec<Exchange>,
    report: Report,
}

/// What was compared and what differs.
#[derive(Default)]
struct Comparison {
    numbers: usize,
    identical: usize,
    worst: f64,
    differences: Vec<String>,
}

impl Golden {
    fn read(directory: PathBuf, tokenizer: &Tokenizer) -> Self {
        let summary = json(&directory.join("profile_export_aiperf.json"));
        let raw = File::open(directory.join("profile_export_raw.jsonl.gz")).unwrap();
        let lines = BufReader::new(flate2::read::GzDecoder::new(raw)).lines();
        let exchanges = lines
            .zip(0..)
            .map(|(line, place)| {
                chat::exchange(place, &serde_json::from_str(&line.unwrap()).unwrap(), tokenizer)
            })
            .collect::<Vec<_>>();
        let mut run = sample_run::sample_run(EPOCH_NS);
        let config = &summary["input_config"];
        run.plan.endpoint.streaming = config["endpoint"]["streaming"].as_bool().unwrap_or(false);
        run.run_id = summary["benchmark_id"].as_str().unwrap().to_owned();
        run.phases = phases(&directory, &summary);
        let mut settings = Settings::of(&run);
        let slice = &config["artifacts"]["slice_duration"];
        settings.slice_duration = slice.as_f64().map(DurationNs::from_seconds);
        let slos = config["slos"].as_object().into_iter().flatten();
        let slos = slos.map(|(tag, limit)| format!("{tag}:{limit}")).collect::<Vec<_>>().join(" ");
        settings.goodput = Threshold::parse_all(&slos).unwrap();
        let mut analysis = Analysis::new(settings.clone());
        for exchange in &exchanges {
            analysis.tokens(&exchange.tokens);
            analysis.request(&exchange.request);
        }
        let report = analysis.finish().only(Origin::Aiperf);
        Self { directory, summary, run, settings, exchanges, report }
    }

    fn export(&self, name: &str) -> String {
        let artifacts = Artifacts {
            run: &self.run,
            report: &self.report,
            settings: &self.settings,
            exchanges: &self.exchanges,
            payloads: &[],
            utc_offset_seconds: 0,
        };
        let exporter = EXPORTERS.iter().find(|exporter| exporter.default == name).unwrap();
        let mut out = Vec::new();
        (exporter.write)(&artifacts, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn compare_summary(&self, comparison: &mut Comparison) {
        let ours = serde_json::from_str::<Value>(&self.export("profile_export_aiperf.json")).unwrap();
        comparison.metrics("summary", &metrics(&self.summary), &metrics(&ours));
        comparison.metrics(
            "warm-up",
            &metrics(&self.summary["warmup_metrics"]),
            &metrics(&ours["warmup_metrics"]),
        );
        for key in ["schema_version", "aiperf_version", "benchmark_id", "was_cancelled", "is_complete"] {
            comparison.same(key, &self.summary[key], &ours[key]);
        }
        if manifest(&self.directory).exists() {
            for key in ["start_time", "end_time"] {
                comparison.same(key, &self.summary[key], &ours[key]);
            }
        }
        let until_config = |summary: &Value| {
            let keys = summary.as_object().unwrap().keys().take_while(|key| *key != "input_config");
            Value::from(keys.cloned().collect::<Vec<_>>())
        };
        comparison.same("key order", &until_config(&self.summary), &until_config(&ours));
        comparison.same("errors", &errors(&self.summary), &errors(&ours));
    }

    fn compare_slices(&self, comparison: &mut Comparison) {
        let golden = json(&self.directory.join("profile_export_aiperf_timeslices.json"));
        let ours = self.export("profile_export_aiperf_timeslices.json");
        let ours = serde_json::from_str::<Value>(&ours).unwrap();
        let slices = |document: &Value| document["timeslices"].as_array().unwrap().clone();
        let (golden, ours) = (slices(&golden), slices(&ours));
        comparison.same("slices", &golden.len().into(), &ours.len().into());
        for (place, (golden, ours)) in golden.iter().zip(&ours).enumerate() {
            comparison.metrics(&format!("slice {place}"), &metrics(golden), &metrics(ours));
            for key in ["start_ns", "end_ns", "is_complete"] {
                comparison.same(&format!("slice {place} {key}"), &golden[key], &ours[key]);
            }
        }
    }

    fn compare_lines(&self, comparison: &mut Comparison) {
        let golden = std::fs::read_to_string(self.directory.join("profile_export.jsonl")).unwrap();
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let key = |line: &Value| line["metadata"]["request_start_ns"].as_u64().unwrap();
        let ours = self.export("profile_export.jsonl").lines().map(parse).collect::<Vec<_>>();
        comparison.same("lines", &golden.lines().count().into(), &ours.len().into());
        for golden in golden.lines().map(parse) {
            let ours = ours.iter().find(|ours| key(ours) == key(&golden)).unwrap();
            let place = format!("line {}", key(&golden));
            let ours_of_aiperf = without(&ours["metrics"], |tag| {
                metric::find(tag).is_some_and(|metric| metric.origin == Origin::Ours)
            });
            comparison.metrics(&place, &metrics(&golden["metrics"]), &ours_of_aiperf);
            let facts = |line: &Value| without(&line["metadata"], |key| IDS.contains(&key));
            comparison.same(&place, &facts(&golden).into(), &facts(ours).into());
            for key in ["code", "type", "message"] {
                comparison.same(&format!("{place} error {key}"), &golden["error"][key], &ours["error"][key]);
            }
        }
    }

    /// The text must be the same, but for the lines of unseen metrics.
    fn compare_csv(&self, name: &str, comparison: &mut Comparison) {
        let golden = std::fs::read_to_string(self.directory.join(name)).unwrap();
        let headers = UNSEEN.iter().map(|tag| metric::find(tag).unwrap().header).collect::<Vec<_>>();
        let seen = |line: &&str| {
            let is = |header: &&str| {
                let rest =
                    line.strip_prefix(*header).or_else(|| Some(line.split_once(&format!(",{header},"))?.1));
                rest.is_some_and(|rest| rest.starts_with([',', ' ']) || !line.starts_with(*header))
            };
            !headers.iter().any(is)
        };
        let golden = golden.lines().filter(seen).collect::<Vec<_>>();
        let ours = self.export(name);
        let ours = ours.lines().collect::<Vec<_>>();
        comparison.same(&format!("{name} lines"), &golden.len().into(), &ours.len().into());
        for (golden, ours) in golden.iter().zip(&ours) {
            comparison.same(name, &(*golden).into(), &(*ours).into());
        }
    }
}

impl Comparison {
    fn metrics(&mut self, place: &str, golden: &Map<String, Value>, ours: &Map<String, Value>) {
        for (tag, golden) in golden {
            match ours.get(tag) {
                Some(ours) => self.value(&format!("{place}: {tag}"), golden, ours),
                None => self.differences.push(format!("{place}: {tag} is missing, AIPerf has {golden}")),
            }
        }
        for tag in ours.keys().filter(|tag| !golden.contains_key(*tag)) {
            self.differences.push(format!("{place}: {tag} is ours alone: {}", ours[tag]));
        }
    }

    fn value(&mut self, place: &str, golden: &Value, ours: &Value) {
        match (golden, ours) {
            (Value::Number(golden), Value::Number(ours)) => {
                self.number(place, golden.as_f64().unwrap(), ours.as_f64().unwrap());
            }
            (Value::Array(golden), Value::Array(ours)) if golden.len() == ours.len() => {
                golden.iter().zip(ours).for_each(|(golden, ours)| self.value(place, golden, ours));
            }
            (Value::Object(golden), Value::Object(ours)) => self.metrics(place, golden, ours),
            _ => self.same(place, golden, ours),
        }
    }

    fn number(&mut self, place: &str, golden: f64, ours: f64) {
        self.numbers += 1;
        if golden.to_bits() == ours.to_bits() {
            self.identical += 1;
            return;
        }
        let off = (ours - golden).abs() / golden.abs().max(f64::MIN_POSITIVE);
        if off > TOLERANCE {
            self.differences.push(format!("{place}: {ours} is off by {off:e}, AIPerf has {golden}"));
        } else {
            self.worst = self.worst.max(off);
        }
    }

    fn same(&mut self, place: &str, golden: &Value, ours: &Value) {
        if golden != ours {
            self.differences.push(format!("{place}: {ours}, AIPerf has {golden}"));
        }
    }

    fn report(&self, directory: &Path) {
        println!(
            "{}: {} numbers, {} bit for bit, worst relative difference {:e}",
            directory.display(),
            self.numbers,
            self.identical,
            self.worst
        );
        let first = self.differences.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(
            self.differences.is_empty(),
            "{}: {} differences:\n{first}",
            directory.display(),
            self.differences.len()
        );
        assert!(self.numbers > 500, "{} numbers are too few", self.numbers);
    }
}

/// The metrics of an object: what has a unit, unseen ones left out.
fn metrics(object: &Value) -> Map<String, Value> {
    let empty = Map::new();
    let all = object.as_object().unwrap_or(&empty).iter();
    all.filter(|(tag, value)| !value["unit"].is_null() && !UNSEEN.contains(&tag.as_str()))
        .map(|(tag, value)| (tag.clone(), value.clone()))
        .collect()
}

fn without(object: &Value, left_out: impl Fn(&str) -> bool) -> Map<String, Value> {
    let all = object.as_object().unwrap().iter();
    all.filter(|(key, _)| !left_out(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Error summaries without the causes, which are names of Python's classes.
fn errors(summary: &Value) -> Value {
    let strip = |error: &Value| {
        let mut error = error.clone();
        for key in ["cause", "cause_chain"] {
            error["error_details"].as_object_mut().unwrap().remove(key);
        }
        error
    };
    summary["error_summary"].as_array().unwrap().iter().map(strip).collect()
}

/// The phases with their windows.
fn phases(directory: &Path, summary: &Value) -> Vec<Phase> {
    let manifest = manifest(directory);
    let phase = |name: &str, begun_ns: u64, ended_ns: u64| Phase {
        name: name.to_owned(),
        begun_ns: MonoNs(begun_ns - EPOCH_NS),
        ended_ns: MonoNs(ended_ns - EPOCH_NS),
        duration_ns: None,
    };
    if manifest.exists() {
        let manifest = json(&manifest);
        let number = |value: &Value| value.as_u64().unwrap();
        let phases = manifest["phases"].as_array().unwrap().iter();
        return phases
            .map(|of| {
                phase(of["phase_name"].as_str().unwrap(), number(&of["start_ns"]), number(&of["end_ns"]))
            })
            .collect();
    }
    let average = |tag: &str| summary[tag]["avg"].as_f64().unwrap();
    let seconds = average("request_count") / average("request_throughput");
    let begin = date(summary["start_time"].as_str().unwrap());
    let length = DurationNs::from_seconds(seconds);
    vec![phase("profiling", begin, (MonoNs(begin) + length).0)]
}

/// A date of the day on which the runs were made, in nanoseconds since the epoch.
fn date(text: &str) -> u64 {
    let time = text.strip_prefix("2026-11-22T").unwrap();
    let parts = time.split([':', '.']).map(|part| part.parse::<u64>().unwrap()).collect::<Vec<_>>();
    let [hour, minute, second, micros] = parts[..] else { panic!("{text} is no date with microseconds") };
    let seconds = MIDNIGHT_SECONDS + hour * 3600 + minute * 60 + second;
    seconds * 1_000_000_000 + micros * 1000
}

fn manifest(directory: &Path) -> PathBuf {
    directory.join("phase_manifest.json")
}

fn json(path: &Path) -> Value {
    serde_json::from_reader(BufReader::new(File::open(path).unwrap())).unwrap()
}

const MIDNIGHT_SECONDS: u64 = 1_795_305_600;

const TOLERANCE: f64 = 1e-9;

/// Metrics whose stamps the raw export does not hold.
const UNSEEN: &[&str] = &[
    "http_req_blocked",
    "http_req_dns_lookup",
    "http_req_connecting",
    "http_req_sending",
    "http_req_waiting",
    "http_req_receiving",
    "http_req_connection_reused",
    "http_req_data_sent",
    "http_req_chunks_sent",
    "http_req_data_received",
    "http_req_chunks_received",
    "http_req_connection_overhead",
    "http_req_duration",
    "http_req_total",
];

/// Facts of a request that are made up anew in each run.
const IDS: &[&str] =
    &["x_request_id", "x_correlation_id", "root_correlation_id", "worker_id", "record_processor_id"];
