//! Writes `profile_export_aiperf.json`: AIPerf's summary, schema 1.4, with its keys in its order, followed by aiperfd's.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::gpus;
use crate::summary;
use metric::{ErrorCount, Interval, Needs, Report, Stat};
use record::Streamed;
use serde_json::{Map, Value, json};
use std::io::Write;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
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
    if artifacts.settings.steady_state {
        put("steady_state", steady(report));
    }
    put("aiperfd_version", run.version.clone().into());
    put("timestamps", run.timestamps.clone().into());
    put("verdict", verdict(&run.verdict));
    if !run.streamed.is_empty() {
        put("streamed", run.streamed.iter().map(stream_entry).collect());
    }
    put("intervals_95", intervals(report));
    put("too_few_samples", too_few(report));
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

/// The steady state of the run with its results, or that there is none.
fn steady(report: &Report) -> Value {
    let Some(steady) = &report.steady else {
        return json!({ "rule": STEADY_RULE, "reason": NOT_STEADY });
    };
    json!({
        "rule": STEADY_RULE,
        "start_ns": steady.slice.begin.0,
        "end_ns": steady.slice.end.0,
        "requests_in_flight": steady.in_flight,
        "request_count": steady.requests,
        "excluded_startup": steady.startup,
        "excluded_drain": steady.drain,
        "metrics": summary::metrics(&steady.slice.results),
    })
}

/// The 95 % confidence intervals by tag and statistic, or why there is none and how many more requests it would take.
fn intervals(report: &Report) -> Value {
    let mut all = Map::new();
    for result in &report.results {
        let of = |stat: Stat| {
            let precision = result.stats.precision(stat)?;
            Some((
                stat.name().to_owned(),
                precision.map_or_else(|needs| unknown(&needs), |known| interval(&known)),
            ))
        };
        let found = Stat::ALL.into_iter().filter_map(of).collect::<Map<_, _>>();
        if !found.is_empty() {
            all.insert(result.metric.tag.to_owned(), found.into());
        }
    }
    Value::Object(all)
}

fn interval(interval: &Interval) -> Value {
    json!({
        "low": interval.low,
        "high": interval.high,
        "n_eff": f64::from(interval.effective).round(),
        "method": interval.method.name(),
    })
}

fn unknown(needs: &Needs) -> Value {
    let mut object = Map::new();
    object.insert("reason".to_owned(), needs.to_string().into());
    if let Some(more) = needs.more_requests {
        object.insert("more_requests".to_owned(), more.into());
    }
    Value::Object(object)
}

/// The percentiles with too few samples, by tag.
fn too_few(report: &Report) -> Value {
    let mut all = Map::new();
    for result in &report.results {
        let is_doubtful = |stat: &Stat| result.stats.get(*stat).is_some() && !result.stats.supports(*stat);
        let doubtful = Stat::ALL.into_iter().filter(is_doubtful).map(Stat::name).collect::<Vec<_>>();
        if !doubtful.is_empty() {
            all.insert(result.metric.tag.to_owned(), doubtful.into());
        }
    }
    Value::Object(all)
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

const STEADY_RULE: &str = "Requests that started between the time at which 90 % of the usual number of requests were in \
                           flight and as many had ended, and the last time at which 90 % were; usual is the \
                           time-weighted median. Rates are per second of that interval.";

/// Why there is no steady state.
pub(crate) const NOT_STEADY: &str = "the run drained before its ramp-up was over: make it longer";

const SCHEMA_VERSION: &str = "1.4";

/// The AIPerf version whose metrics these are.
pub(crate) const AIPERF_VERSION: &str = "0.13.0";

const LAST_NAMED: &str = "total_error_isl";
