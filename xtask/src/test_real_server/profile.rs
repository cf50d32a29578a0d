//! Runs `aiperf-ctl profile` and reads what it left.

use super::Rig;
use super::answer::Answer;
use super::findings::Findings;
use super::verdict::Verdict;
use crate::process;
use crate::say::say;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What is measured how.
#[derive(Debug)]
pub(super) struct Load<'a> {
    /// What the profile is called: the last part of its artifact directory.
    pub(super) case: &'a str,
    /// `HOST:PORT`.
    pub(super) address: String,
    pub(super) model: String,
    pub(super) tokenizer: String,
    /// More flags.
    pub(super) flags: &'a [&'a str],
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    /// In no order.
    pub(super) answers: Vec<Answer>,
    /// The server's metrics as they stand in the report; null where it has none.
    server_metrics: Value,
}

impl Outcome {
    /// How far a counter of the server rose, by the report.
    pub(super) fn risen(&self, counter: &str) -> u64 {
        let series = self.server_metrics["metrics"][counter]["series"].as_array();
        let totals = series.into_iter().flatten().filter_map(|one| one["stats"]["total"].as_f64());
        format!("{:.0}", totals.sum::<f64>()).parse().unwrap_or(0)
    }
}

/// Streaming chats, a few at a time.
pub(super) fn profile(rig: &Rig, load: &Load<'_>, findings: &mut Findings) -> Result<Outcome> {
    findings.begin(load.case);
    say(&format!("\n{}:", load.case));
    let folder = rig.project.root.join("artifacts/real-server").join(load.case);
    fs::remove_dir_all(&folder).ok();
    let requests = REQUESTS.to_string();
    let mut command = Command::new(rig.program("aiperf-ctl"));
    command.args(["profile", "--url", &load.address, "--model", &load.model]);
    command.args(["--tokenizer", &load.tokenizer, "--endpoint-type", "chat", "--streaming"]);
    command.args(["--concurrency", "4", "--request-count", &requests, "--isl", "32", "--osl", "16"]);
    // The likeliest token each time, so that the same prompts have the same answers.
    command.args(["--extra-inputs", "temperature:0", "--random-seed", "1", "--export-level", "raw"]);
    command.args(["--fail-on", "never", "--ui", "none", "--no-gpu-telemetry", "--socket", "private"]);
    process::run(command.args(load.flags).arg("--artifact-dir").arg(&folder).current_dir(&rig.project.root))?;
    outcome(&folder)
}

fn outcome(folder: &Path) -> Result<Outcome> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("failed to read `{}`", path.display()))
    };
    let run: Value = serde_json::from_str(&read("run.json")?).context("run.json is no JSON")?;
    ensure!(
        run["timestamps"] != "user",
        "there are no stamps of the kernel here: {}",
        run["timestamps_reason"]
    );
    let verdict = serde_json::from_value(run["verdict"].clone()).context("run.json has another verdict")?;
    let mut raw = by_id(&read("profile_export_raw.jsonl")?)?;
    let records = by_id(&read("profile_export.jsonl")?)?;
    let answers = records.iter().map(|(id, record)| {
        let raw = raw.remove(id).with_context(|| format!("request {id} is not in the raw export"))?;
        Answer::new(record, &raw)
    });
    let server_metrics = read("server_metrics_export.json").and_then(|text| Ok(serde_json::from_str(&text)?));
    let server_metrics = server_metrics.unwrap_or_default();
    Ok(Outcome { verdict, answers: answers.collect::<Result<_>>()?, server_metrics })
}

/// The lines of an export, each under its request's id.
fn by_id(text: &str) -> Result<BTreeMap<String, Value>> {
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).context("a line of the export is no JSON")?;
        let id = line["metadata"]["x_request_id"].as_str().context("a line of the export has no id")?;
        Ok((id.to_owned(), line))
    };
    text.lines().map(line).collect()
}

/// Requests of each profile.
pub(super) const REQUESTS: u64 = 40;

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A run with these answers and this verdict, whose server tells nothing.
    pub(in super::super) fn outcome(verdict: Verdict, answers: Vec<Answer>) -> Outcome {
        Outcome { verdict, answers, server_metrics: Value::Null }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_the_sum_of_its_series() {
        let verdict =
            serde_json::from_value(serde_json::json!({"standing": "valid", "reasons": []})).unwrap();
        let mut outcome = testing::outcome(verdict, Vec::new());
        assert_eq!(outcome.risen("a"), 0, "no metrics");
        outcome.server_metrics = serde_json::json!({"metrics": {"a": {"series": [
            {"stats": {"total": 39.0}}, {"stats": {"total": 1.0}}]}}});
        assert_eq!(outcome.risen("a"), 40, "both series");
    }

    #[test]
    fn lines_are_found_by_their_id() {
        let lines = by_id("{\"metadata\":{\"x_request_id\":\"a\"},\"b\":1}\n").unwrap();
        assert_eq!(lines["a"]["b"], 1, "the line of that request");
        assert!(by_id("{}\n").is_err(), "a line of no request");
    }
}
