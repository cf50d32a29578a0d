//! Writes `server_metrics_export.json`: AIPerf's document of a server's own metrics, schema 1.1, with the quantiles' bounds.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::json::AIPERF_VERSION;
use crate::server::{ServerMetrics, labels};
use crate::summary;
use metric::float_of;
use metric::server::{Endpoint, Family, Series, Summary, unit};
use metric::{Value as Finite, Window, whole};
use serde_json::{Map, Value, json};
use std::io::Write;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    if let Some(server) = artifacts.server {
        let summaries = &server.summaries;
        let mut document = document(artifacts, server, "profiling", &summaries.profiling);
        if !summaries.warmup.is_empty() {
            document.insert("warmup_metrics".to_owned(), families(&summaries.warmup));
        }
        serde_json::to_writer_pretty(out, &document)?;
    }
    Ok(())
}

/// The server's metrics of a phase.
pub(crate) fn document(
    artifacts: &Artifacts<'_>,
    server: &ServerMetrics,
    phase: &str,
    summary: &Summary,
) -> Map<String, Value> {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("schema_version", SCHEMA_VERSION.into());
    put("aiperf_version", AIPERF_VERSION.into());
    put("benchmark_id", artifacts.run.run_id.clone().into());
    put("summary", summary_of(artifacts, server));
    put("metrics_phase", phase.into());
    put("metrics", families(summary));
    put("input_config", summary::input_config(artifacts));
    document
}

fn summary_of(artifacts: &Artifacts<'_>, server: &ServerMetrics) -> Value {
    let date = |stamp| artifacts.settings.clock.real(stamp);
    let endpoints = &server.summaries.endpoints;
    let info = endpoints
        .iter()
        .filter(|(_, endpoint)| !endpoint.received.is_empty())
        .map(|(url, endpoint)| (url.clone(), endpoint_info(artifacts, endpoint)))
        .collect::<Map<_, _>>();
    let range = |window: Window| json!({ "start_ns": date(window.begin).0, "end_ns": date(window.end).0 });
    let windows =
        [("profiling", artifacts.settings.profiling), ("warmup", artifacts.settings.warmup)].into_iter();
    let ranges = windows.filter_map(|(name, window)| Some((name.to_owned(), range(window?))));
    let mut summary = Map::new();
    let mut put = |key: &str, value: Value| summary.insert(key.to_owned(), value);
    put("endpoints_configured", endpoints.keys().cloned().collect::<Vec<_>>().into());
    put("endpoints_successful", server.successful().collect::<Vec<_>>().into());
    if let Some(window) = artifacts.settings.profiling {
        let local = |stamp| summary::date(date(stamp), artifacts.utc_offset_seconds);
        put("start_time", local(window.begin).into());
        put("end_time", local(window.end).into());
    }
    put("endpoint_info", info.into());
    put("phase_time_ranges", ranges.collect::<Map<_, _>>().into());
    Value::Object(summary)
}

fn endpoint_info(artifacts: &Artifacts<'_>, endpoint: &Endpoint) -> Value {
    // AIPerf's models accept no `null` here.
    let date = |stamp: Option<&common::clock::MonoNs>| {
        Value::from(stamp.map_or(0, |stamp| artifacts.settings.clock.real(*stamp).0))
    };
    let mut info = Map::new();
    let mut put = |key: &str, value: Value| info.insert(key.to_owned(), value);
    put("total_fetches", endpoint.received.len().into());
    put("first_fetch_ns", date(endpoint.received.first()));
    put("last_fetch_ns", date(endpoint.received.last()));
    let scrapes = float_of(endpoint.received.len().max(1));
    put("avg_fetch_latency_ms", (endpoint.waited_ns / scrapes / 1e6).into());
    put("unique_updates", endpoint.news.len().into());
    put("first_update_ns", date(endpoint.news.first()));
    put("last_update_ns", date(endpoint.news.last()));
    put("duration_seconds", endpoint.seconds().into());
    let intervals = endpoint.update_intervals_ms();
    put("avg_update_interval_ms", intervals.map_or(0.0, |(mean, _)| mean).into());
    if let Some((_, median)) = intervals {
        put("median_update_interval_ms", median.into());
    }
    if !endpoint.failed.is_empty() {
        put("failed_fetches", json!(endpoint.failed));
    }
    Value::Object(info)
}

fn families(summary: &Summary) -> Value {
    summary.iter().map(|(name, family)| (name.clone(), of_family(name, family))).collect::<Map<_, _>>().into()
}

fn of_family(name: &str, family: &Family) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), family.kind.clone().into());
    object.insert("description".to_owned(), family.description.clone().into());
    if let Some(unit) = unit(name, &family.description) {
        object.insert("unit".to_owned(), unit.into());
    }
    let series = family.series.iter().map(|series| of_series(&family.kind, series));
    object.insert("series".to_owned(), series.collect());
    Value::Object(object)
}

fn of_series(kind: &str, series: &Series) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("endpoint_url", series.endpoint_url.clone().into());
    let labels = labels(&series.labels);
    if !labels.is_empty() {
        put("labels", labels.into());
    }
    let numbers = series.numbers.iter().map(|(name, number)| ((*name).to_owned(), shown(name, *number)));
    put("stats", numbers.collect::<Map<_, _>>().into());
    if kind == "histogram" {
        let buckets = series.buckets.iter().map(|(le, count)| (le.clone(), shown("count", *count)));
        put("buckets", buckets.collect::<Map<_, _>>().into());
        let bounds = series.quantiles.iter().map(|quantile| {
            let high = quantile.high.map_or_else(|| "+Inf".into(), Value::from);
            (quantile.name.replace("_estimate", "_bounds"), json!([quantile.low, high]))
        });
        put("bounds", bounds.collect::<Map<_, _>>().into());
    }
    if series.was_reset {
        put("was_reset", true.into());
    }
    Value::Object(object)
}

/// A count is an integer, everything else a float.
fn shown(name: &str, number: f64) -> Value {
    match Finite::new(number) {
        Some(_) if name == "count" && number >= 0.0 => whole(number).into(),
        Some(number) => number.get().into(),
        None => Value::Null,
    }
}

const SCHEMA_VERSION: &str = "1.1";
