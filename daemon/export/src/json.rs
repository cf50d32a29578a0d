//! Writes `profile_export_aiperf.json`: AIPerf's summary, schema 1.4, with its keys in its order, followed by aiperfd's.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::{gpus, steady, summary};
use metric::{ErrorCount, LeftOut};
use record::Streamed;
use serde_json::{Map, Value, json};
use std::io::Write;

/// Writes the file.
pub fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    serde_json::to_writer_pretty(out, &document(artifacts, &foreign_errors(artifacts)?))?;
    Ok(())
}

fn document(artifacts: &Artifacts<'_>, foreign_errors: &[Value]) -> Map<String, Value> {
    let Artifacts { run, report, .. } = artifacts;
    let named = report.results.iter().position(|result| is_beyond_named(result.metric.tag));
    let (named, others) = report.results.split_at(named.unwrap_or(report.results.len()));
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("schema_version", SCHEMA_VERSION.into());
    put("aiperf_version", AIPERF_VERSION.into());
    put("benchmark_id", run.run_id.clone().into());
    for result in named {
        put(result.metric.tag, summary::metric(result));
    }
    if let Some(telemetry) = gpus::telemetry_data(artifacts) {
        put("telemetry_data", telemetry);
    }
    put("input_config", summary::input_config(artifacts));
    put("run_info", run_info(artifacts));
    put("was_cancelled", run.was_cancelled.into());
    put("is_complete", run.is_complete.into());
    if let Some(reason) = &run.incomplete_reason {
        put("incomplete_reason", reason.clone().into());
    }
    put("error_summary", report.errors.iter().map(|count| error(count, foreign_errors)).collect());
    // The other tool's own dates are exact; aiperfd's are computed from dates that it rounded.
    let foreign = |key: &str| artifacts.foreign.and_then(|foreign| foreign[key].as_str()).map(str::to_owned);
    let date = |key, date| foreign(key).unwrap_or_else(|| summary::date(date, artifacts.utc_offset_seconds));
    put("start_time", date("start_time", report.begin).into());
    put("end_time", date("end_time", report.end).into());
    if !report.warmup.is_empty() {
        put("warmup_metrics", summary::metrics(&report.warmup).into());
    }
    for result in others {
        put(result.metric.tag, summary::metric(result));
    }
    if !report.accepted_drafts.is_empty() {
        let buckets =
            report.accepted_drafts.iter().map(|(accepted, count)| (accepted.to_string(), (*count).into()));
        put("pooled_spec_decode_acceptance_histogram", buckets.collect::<Map<_, _>>().into());
    }
    if !report.branches.is_empty() {
        put("branch_stats", json!(report.branches));
    }
    if report.steady.is_some() {
        put("steady_state", steady::document(report));
    }
    if report.slices_left_out != LeftOut::default() {
        let LeftOut { slices, requests } = report.slices_left_out;
        put("slices_left_out", json!({ "slices": slices, "requests": requests }));
    }
    if report.reversed_gaps > 0 {
        put("reversed_gaps", report.reversed_gaps.into());
    }
    put("aiperfd_version", run.version.clone().into());
    put("timestamps", run.timestamps.clone().into());
    put("verdict", verdict(&run.verdict));
    if !run.streamed.is_empty() {
        put("streamed", run.streamed.iter().map(stream_entry).collect());
    }
    put("intervals_95", summary::intervals(&report.results));
    put("too_few_samples", summary::too_few(&report.results));
    document
}

/// An exporter of the run, and its delivery counts.
fn stream_entry(streamed: &Streamed) -> Value {
    let Streamed { to, succeeded, failed, dropped, problem } = streamed;
    let mut entry = json!({"to": to, "succeeded": succeeded, "failed": failed, "dropped": dropped});
    if let Some(problem) = problem {
        entry["problem"] = problem.clone().into();
    }
    entry
}

/// The run's identity, in another tool's own fields if it produced the run.
fn run_info(artifacts: &Artifacts<'_>) -> Value {
    let run = artifacts.run;
    let foreign = artifacts.foreign.and_then(|foreign| foreign.get("run_info")).cloned();
    foreign.unwrap_or_else(|| {
        json!({
            "benchmark_id": run.run_id,
            "random_seed": run.plan.random_seed,
            "trial": 0,
            "cli_command": run.plan.command_line,
        })
    })
}

/// Whether a metric follows those that AIPerf's model defines, which precede `input_config`.
fn is_beyond_named(tag: &str) -> bool {
    let place = |tag: &str| metric::METRICS.iter().position(|metric| metric.tag == tag);
    place(tag) > place(LAST_NAMED)
}

/// The distinct errors of another tool's run, in its own fields.
pub(crate) fn foreign_errors(artifacts: &Artifacts<'_>) -> Result<Vec<Value>, ExportError> {
    let mut errors = Vec::new();
    if artifacts.foreign.is_some() {
        for exchange in artifacts.exchanges.iter()? {
            if let Some(error) = exchange?.foreign.and_then(|foreign| foreign.error) {
                let error = serde_json::from_str(&error)?;
                if !errors.contains(&error) {
                    errors.push(error);
                }
            }
        }
    }
    Ok(errors)
}

pub(crate) fn error(error: &ErrorCount, foreign_errors: &[Value]) -> Value {
    let is_it = |foreign: &&Value| {
        foreign["code"].as_u64() == error.code.map(u64::from)
            && foreign["type"] == error.kind.as_str()
            && foreign["message"] == error.message.as_str()
    };
    if let Some(foreign) = foreign_errors.iter().find(is_it) {
        return json!({ "error_details": foreign, "count": error.count });
    }
    let mut details = Map::new();
    if let Some(code) = error.code {
        details.insert("code".to_owned(), code.into());
    }
    details.insert("type".to_owned(), error.kind.clone().into());
    details.insert("message".to_owned(), error.message.clone().into());
    json!({ "error_details": details, "count": error.count })
}

/// Only finite figures: a missing value has no key.
fn verdict(verdict: &record::Verdict) -> Value {
    let figure = |figure: &record::Figure| {
        let mut object = Map::new();
        object.insert("name".to_owned(), figure.name.clone().into());
        if figure.value.is_finite() {
            object.insert("value".to_owned(), figure.value.into());
        }
        object.insert("unit".to_owned(), figure.unit.clone().into());
        Value::Object(object)
    };
    let reason = |reason: &record::Reason| {
        json!({
            "name": reason.name,
            "standing": reason.standing.name(),
            "text": reason.text,
            "figures": reason.figures.iter().map(figure).collect::<Vec<_>>(),
        })
    };
    let reasons = verdict.reasons.iter().map(reason).collect::<Vec<_>>();
    json!({ "standing": verdict.standing.name(), "reasons": reasons })
}

const SCHEMA_VERSION: &str = "1.4";

/// The AIPerf version whose metrics these are.
pub(crate) const AIPERF_VERSION: &str = "0.13.0";

const LAST_NAMED: &str = "total_error_isl";
