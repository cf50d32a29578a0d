//! NVIDIA AIPerf, the peer whose flags and files ours are: only with `--with-aiperf`, once.

use super::Row;
use super::rig::Rig;
use super::spread::float;
use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Events a second, its time to first token against the server's script, and what it costs.
pub(super) fn rows(rig: &Rig) -> Result<Vec<Row>> {
    if !rig.with_aiperf {
        return Ok(Vec::new());
    }
    let program = install(rig)?;
    Ok([events(rig, &program)?, first_token(rig, &program)?].concat())
}

/// As many events a second as it can take, 64 streams.
fn events(rig: &Rig, program: &PathBuf) -> Result<Vec<Row>> {
    let server = ["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "100", "--ignore-max-tokens"];
    let before = children_seconds()?;
    let summary = profile(rig, program, &server, REQUESTS)?;
    let cost = children_seconds()? - before;
    let rate = statistic(&summary, "request_throughput", "avg")?;
    let how = "100 events a response, 64 connections, 1,000 requests, the client on core 0, once";
    let million = 1e6 / float(REQUESTS * TOKENS);
    Ok(vec![
        Row {
            what: "events/s".to_owned(),
            peer: format!("AIPerf {:.0}", rate * float(TOKENS)),
            ours: "see events".to_owned(),
            how: how.to_owned(),
        },
        Row {
            what: "client CPU per million events, s".to_owned(),
            peer: format!("AIPerf {:.0}", cost * million),
            ours: "see events".to_owned(),
            how: format!("{how}; its start and tokenizer included"),
        },
    ])
}

/// The time to first token that it reports when the server's script says 20 ms.
fn first_token(rig: &Rig, program: &PathBuf) -> Result<Vec<Row>> {
    let server = ["--ttft-ms", "20", "--gap-ms", "5", "--tokens", "100", "--ignore-max-tokens"];
    let summary = profile(rig, program, &server, REQUESTS)?;
    let [p50, p99] = ["p50", "p99"].map(|name| statistic(&summary, "time_to_first_token", name));
    Ok(vec![Row {
        what: "client TTFT - script, 64 streams, p50 / p99, ms".to_owned(),
        peer: format!("AIPerf {:.1} / {:.1}", p50? - SCRIPT_MS, p99? - SCRIPT_MS),
        ours: "see ttft".to_owned(),
        how: "first token after 20 ms, 100 events 5 ms apart, 64 connections, 1,000 requests, once"
            .to_owned(),
    }])
}

fn install(rig: &Rig) -> Result<PathBuf> {
    let venv = rig.folder.with_file_name("aiperf");
    if !venv.join("bin/aiperf").is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        process::run(Command::new(venv.join("bin/pip")).args(["install", "-q", VERSION]))?;
    }
    Ok(venv.join("bin/aiperf"))
}

/// Has it send requests against a fresh server; gives its summary.
fn profile(rig: &Rig, program: &PathBuf, server: &[&str], requests: u64) -> Result<Value> {
    let server = rig.server(server)?;
    let folder = rig.folder.join("aiperf");
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(program).args(["profile", "--model", "mock-model", "--url"]);
    command.arg(format!("http://{}", server.address())).arg("--artifact-dir").arg(&folder);
    command.args(["--endpoint-type", "chat", "--streaming", "--ui", "none"]);
    // AIPerf's own `builtin` wants the network.
    let tokenizer = fs::canonicalize(TOKENIZER).with_context(|| format!("failed to find `{TOKENIZER}`"))?;
    command.arg("--tokenizer").arg(tokenizer).args(["--concurrency", "64", "--isl", "128"]);
    process::run(command.args(["--request-count", &requests.to_string()]))?;
    let text = fs::read(folder.join("profile_export_aiperf.json")).context("AIPerf left no summary")?;
    serde_json::from_slice(&text).context("AIPerf's summary is no JSON")
}

fn statistic(summary: &Value, tag: &str, name: &str) -> Result<f64> {
    summary[tag][name].as_f64().with_context(|| format!("AIPerf's summary has no {name} of `{tag}`"))
}

/// Processor time of all children that have ended, in seconds (man 5 proc, `cutime` and `cstime`).
fn children_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("failed to read /proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat is not what was expected")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(|field| field.parse::<u64>().unwrap_or(0));
    Ok(float(ticks.sum::<u64>()) / float(rustix::param::clock_ticks_per_second()))
}

const VERSION: &str = "aiperf==0.13.0";
const REQUESTS: u64 = 1000;
const TOKENS: u64 = 100;
const SCRIPT_MS: f64 = 20.0;

/// A tokenizer that AIPerf can read without the network, from the repository's root.
const TOKENIZER: &str = "tests/golden/tokenizer";
