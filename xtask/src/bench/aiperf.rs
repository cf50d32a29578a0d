//! NVIDIA AIPerf, the peer whose flags and files ours are: only with `--with-aiperf`, once.

use super::Row;
use super::rig::Rig;
use super::spread::float;
use crate::process;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// Events a second, 64 streams as fast as the server can.
pub(super) fn events(rig: &Rig) -> Result<Vec<Row>> {
    if !rig.with_aiperf {
        return Ok(Vec::new());
    }
    let venv = rig.folder.with_file_name("aiperf");
    if !venv.join("bin/aiperf").is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        process::run(Command::new(venv.join("bin/pip")).args(["install", "-q", VERSION]))?;
    }
    let server =
        rig.server(&["--ttft-ms", "0", "--gap-ms", "0", "--tokens", "100", "--ignore-max-tokens"])?;
    let folder = rig.folder.join("aiperf");
    let mut command = Command::new("taskset");
    command.args(["-c", "0"]).arg(venv.join("bin/aiperf")).args([
        "profile",
        "--model",
        "mock-model",
        "--url",
    ]);
    command.arg(format!("http://{}", server.address())).arg("--artifact-dir").arg(&folder);
    command.args(["--endpoint-type", "chat", "--streaming", "--ui", "none"]);
    // AIPerf's own `builtin` wants the network.
    let tokenizer = fs::canonicalize(TOKENIZER).with_context(|| format!("failed to find `{TOKENIZER}`"))?;
    command.arg("--tokenizer").arg(tokenizer);
    process::run(command.args(["--concurrency", "64", "--request-count", "1000", "--isl", "128"]))?;
    let text = fs::read(folder.join("profile_export_aiperf.json")).context("AIPerf left no summary")?;
    let summary: Value = serde_json::from_slice(&text).context("AIPerf's summary is no JSON")?;
    let rate = summary["request_throughput"]["avg"]
        .as_f64()
        .context("AIPerf's summary has no request throughput")?;
    Ok(vec![Row {
        what: "events/s".to_owned(),
        peer: format!("AIPerf {:.0}", rate * float(TOKENS)),
        ours: "see events".to_owned(),
        how: "100 events a response, 64 connections, 1,000 requests, the client on core 0, once".to_owned(),
    }])
}

const VERSION: &str = "aiperf==0.13.0";
const TOKENS: u64 = 100;

/// A tokenizer that AIPerf can read without the network, from the repository's root.
const TOKENIZER: &str = "../shared/golden/tokenizer";
