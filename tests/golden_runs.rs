//! Tests that `aiperf-ctl report` reproduces real runs of AIPerf 0.13.0 from their raw export: everything that AIPerf wrote
//! must be reproduced.
//!
//! Every key of its JSON files, every line of its CSV files and every key of its per-request lines is compared. The exceptions
//! are in `UNSEEN`: the HTTP trace metrics, whose timestamps the raw export does not contain.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]
#![expect(clippy::print_stdout, reason = "the test prints its results")]

use metric::Origin;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[test]
fn everything_that_aiperf_wrote_is_reproduced() {
    let folders = fs::read_dir(golden().join("aiperf-0.13.0")).unwrap().map(|entry| entry.unwrap().path());
    let folders = folders.filter(|folder| folder.is_dir()).collect::<Vec<_>>();
    assert!(!folders.is_empty(), "no golden run under {}", golden().display());
    for folder in folders {
        let out = tempfile::tempdir().unwrap();
        let done =
            report(&folder, out.path(), &["--tokenizer", golden().join("tokenizer").to_str().unwrap()]);
        assert!(done.status.success(), "{}: {}", folder.display(), String::from_utf8_lossy(&done.stderr));
        let mut comparison = Comparison::default();
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let (golden, ours) = (folder.join(&name), out.path().join(&name));
            match name.as_str() {
                "profile_export_aiperf.json"
                | "profile_export_aiperf_timeslices.json"
                | "phase_manifest.json"
                | "inputs.json" => {
                    comparison.value(&name, &json(&golden), &json(&ours));
                }
                "profile_export.jsonl" => comparison.lines(&text(&golden), &text(&ours)),
                _ if name.ends_with(".csv") => comparison.csv(&name, &text(&golden), &text(&ours)),
                _ => {}
            }
        }
        comparison.report(&folder);
    }
}

#[test]
fn a_report_is_a_run_of_its_own() {
    let out = tempfile::tempdir().unwrap();
    let folder = golden().join("aiperf-0.13.0/chat-streaming");
    let tokenizer = golden().join("tokenizer");
    let done = report(&folder, out.path(), &["--tokenizer", tokenizer.to_str().unwrap()]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = tempfile::tempdir().unwrap();
    let done =
        report(out.path(), again.path(), &["--goodput", "request_latency:1000000", "--format", "json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (first, second) = (summary(out.path()), summary(again.path()));
    assert_eq!(first["request_latency"], second["request_latency"], "the same numbers from the records");
    assert_eq!(
        second["good_request_count"]["avg"], first["request_count"]["avg"],
        "everything is fast enough"
    );
    assert_eq!(fs::read_dir(again.path()).unwrap().count(), 1, "only the requested format");
}

#[test]
fn without_a_tokenizer_counts_are_those_of_the_run() {
    let out = tempfile::tempdir().unwrap();
    let folder = golden().join("aiperf-0.13.0/chat-streaming");
    let done = report(&folder, out.path(), &[]);
    let stderr = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && stderr.contains("local/mock"), "{stderr}");
    let mut comparison = Comparison::default();
    comparison.value("summary", &summary(&folder), &summary(out.path()));
    comparison.report(&folder);
}

#[test]
fn a_run_with_records_only_gives_the_same_numbers() {
    let part = tempfile::tempdir().unwrap();
    let folder = golden().join("aiperf-0.13.0/chat-goodput-slices");
    for name in ["profile_export.jsonl", "profile_export_aiperf.json", "phase_manifest.json"] {
        fs::copy(folder.join(name), part.path().join(name)).unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let done = report(part.path(), out.path(), &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut comparison = Comparison::default();
    comparison.value("summary", &summary(&folder), &summary(out.path()));
    comparison.report(&folder);
}

#[test]
fn a_directory_without_a_run_is_refused_with_a_reason() {
    let refused = |prepare: &dyn Fn(&Path), flags: &[&str], expected: &str| {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let done = report(folder.path(), &folder.path().join("out"), flags);
        let stderr = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(!done.status.success() && stderr.contains(expected), "{stderr}");
    };
    let raw = |line: &'static str| {
        move |folder: &Path| fs::write(folder.join("profile_export_raw.jsonl"), line).unwrap()
    };
    refused(&|_| (), &[], "contains no run");
    refused(&raw("{"), &["--tokenizer", "builtin"], "line 1");
    refused(&raw("{}\n"), &["--tokenizer", "builtin"], "request_start_ns");
    refused(&raw("{\"payload\":{\"inputs\":\"x\"}}"), &["--tokenizer", "builtin"], "request_start_ns");
    refused(&raw("{\"payload\":{\"model\":\"m/x\"}}"), &[], "m/x");
    refused(&raw("{}"), &["--tokenizer", "/nowhere"], "--tokenizer");
    refused(&raw("{}"), &["--goodput", "x:1", "--tokenizer", "builtin"], "");
}

/// The compared values and their differences.
#[derive(Default)]
struct Comparison {
    numbers: usize,
    identical: usize,
    worst: f64,
    differences: Vec<String>,
}

impl Comparison {
    /// Every golden key must be in ours; additional keys must be aiperfd's own metrics or facts.
    fn value(&mut self, place: &str, golden: &Value, ours: &Value) {
        match (golden, ours) {
            (Value::Number(golden), Value::Number(ours)) => {
                self.number(place, golden.as_f64().unwrap(), ours.as_f64().unwrap());
            }
            (Value::Array(golden), Value::Array(ours)) if golden.len() == ours.len() => {
                for (number, (golden, ours)) in golden.iter().zip(ours).enumerate() {
                    self.value(&format!("{place}[{number}]"), golden, ours);
                }
            }
            (Value::Object(golden), Value::Object(ours)) => {
                for (key, golden) in golden.iter().filter(|(key, _)| !UNSEEN.contains(&key.as_str())) {
                    match ours.get(key) {
                        Some(ours) => self.value(&format!("{place}.{key}"), golden, ours),
                        None => {
                            self.differences.push(format!("{place}.{key} is missing, AIPerf has {golden}"))
                        }
                    }
                }
                for key in ours.keys().filter(|key| !golden.contains_key(*key) && !is_ours(key)) {
                    self.differences.push(format!("{place}.{key} is additional: {}", ours[key]));
                }
            }
            _ if golden == ours => {}
            _ => self.differences.push(format!("{place}: {ours}, AIPerf has {golden}")),
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

    fn lines(&mut self, golden: &str, ours: &str) {
        let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let id = |line: &Value| line["metadata"]["x_request_id"].as_str().unwrap().to_owned();
        let ours = ours.lines().map(parse).collect::<Vec<_>>();
        self.value("lines", &golden.lines().count().into(), &ours.len().into());
        for golden in golden.lines().map(parse) {
            let found = ours.iter().find(|ours| id(ours) == id(&golden)).unwrap_or(&Value::Null);
            self.value(&format!("line {}", id(&golden)), &golden, found);
        }
    }

    /// The text must be the same, except lines of unseen metrics.
    fn csv(&mut self, name: &str, golden: &str, ours: &str) {
        let headers = UNSEEN.iter().map(|tag| metric::find(tag).unwrap().header).collect::<Vec<_>>();
        let is_unseen = |line: &&str| {
            let of = |header: &&str| {
                let rest = line.strip_prefix(*header).is_some_and(|rest| rest.starts_with([',', ' ']));
                rest || line.contains(&format!(",{header},"))
            };
            headers.iter().any(of)
        };
        let golden = golden.lines().filter(|line| !is_unseen(line)).collect::<Vec<_>>();
        let ours = ours.lines().collect::<Vec<_>>();
        self.value(&format!("{name} lines"), &golden.len().into(), &ours.len().into());
        for (golden, ours) in golden.iter().zip(&ours) {
            self.value(name, &Value::from(*golden), &Value::from(*ours));
        }
    }

    fn report(&self, folder: &Path) {
        println!(
            "{}: {} numbers, {} bit for bit, worst relative difference {:e}",
            folder.display(),
            self.numbers,
            self.identical,
            self.worst
        );
        let first = self.differences.iter().take(40).map(String::as_str).collect::<Vec<_>>().join("\n");
        let count = self.differences.len();
        assert!(count == 0, "{}: {count} differences:\n{first}", folder.display());
        assert!(self.numbers > 300, "{} numbers are too few", self.numbers);
    }
}

/// Whether a key is a metric or fact that AIPerf does not have.
fn is_ours(key: &str) -> bool {
    OUR_FACTS.contains(&key) || metric::find(key).is_some_and(|metric| metric.origin == Origin::Ours)
}

fn report(input: &Path, out: &Path, flags: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aiperf-ctl"));
    command.arg("report").arg("--input").arg(input).arg("--artifact-dir").arg(out).args(flags);
    command.env("HF_HOME", "/nonexistent").output().unwrap()
}

fn summary(folder: &Path) -> Value {
    json(&folder.join("profile_export_aiperf.json"))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap()
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

const TOLERANCE: f64 = 1e-9;

const OUR_FACTS: &[&str] = &["aiperfd_version", "timestamps", "verdict", "intervals_95", "too_few_samples"];

/// Metrics whose timestamps the raw export does not contain.
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
