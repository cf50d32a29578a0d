//! Exports GPU telemetry in AIPerf's structure: source, GPU, metric.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::summary;
use metric::Window;
use metric::gpu::{Gpus, Number, Series};
use record::GpuSample;
use serde_json::{Map, Value, json};
use std::path::Path;
use store::parquet::rows;

/// Reads `gpu.parquet`.
///
/// # Errors
/// When it cannot be read.
pub fn gpus(path: &Path) -> Result<Gpus, ExportError> {
    let rows = rows::<GpuSample>(path)?.flat_map(|batch| match batch {
        Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    });
    Ok(Gpus::of(rows)?)
}

/// `telemetry_data` of AIPerf's summary: aiperfd's, or what another tool measured during its run.
pub(crate) fn telemetry_data(artifacts: &Artifacts<'_>) -> Option<Value> {
    let foreign = artifacts.foreign.and_then(|foreign| foreign.get("telemetry_data"));
    let foreign = foreign.filter(|data| !data.is_null()).cloned();
    foreign.or_else(|| document(artifacts, artifacts.gpus?, artifacts.settings.profiling))
}

/// The metrics of all GPUs in a time window, in the structure of AIPerf's `TelemetryExportData`.
pub(crate) fn document(artifacts: &Artifacts<'_>, gpus: &Gpus, window: Option<Window>) -> Option<Value> {
    if gpus.is_empty() {
        return None;
    }
    let mut endpoints = Map::new();
    for (source, of_source) in &gpus.sources {
        let endpoint = endpoints.entry(shown(source)).or_insert_with(|| json!({ "gpus": {} }));
        let Some(Value::Object(fields)) = endpoint.get_mut("gpus") else { continue };
        for gpu in of_source {
            fields.insert(key(gpu), one(gpu, window));
        }
    }
    let urls = gpus.sources.keys().map(|source| url(source)).collect::<Vec<_>>();
    let mut summary = Map::new();
    summary.insert("endpoints_configured".to_owned(), json!(urls));
    summary.insert("endpoints_successful".to_owned(), json!(urls));
    if let Some(Window { begin, end }) = window {
        let date = |stamp| summary::date(artifacts.settings.clock.real(stamp), artifacts.utc_offset_seconds);
        summary.insert("start_time".to_owned(), date(begin).into());
        summary.insert("end_time".to_owned(), date(end).into());
    }
    Some(json!({ "summary": summary, "endpoints": endpoints, "error_summary": [] }))
}

fn one(gpu: &Series, window: Option<Window>) -> Value {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("gpu_index", gpu.index.into());
    put("gpu_name", name(gpu).into());
    put("gpu_uuid", gpu.uuid.clone().into());
    put("platform", gpu.platform().into());
    for text in ["hostname", "namespace", "pod_name"] {
        if let Some(value) = gpu.texts.get(text) {
            put(text, value.clone().into());
        }
    }
    let numbers = gpu.summary(window);
    let numbers = numbers
        .iter()
        .map(|Number { name, unit, stats, .. }| ((*name).to_owned(), summary::statistics(unit, stats)));
    put("metrics", numbers.collect::<Map<_, _>>().into());
    Value::Object(fields)
}

/// A GPU's key within its endpoint.
fn key(gpu: &Series) -> String {
    match gpu.mig_index {
        Some(part) => format!("gpu_{}_mig_{part}", gpu.index),
        None => format!("gpu_{}", gpu.index),
    }
}

/// A GPU's model.
pub(crate) fn name(gpu: &Series) -> &str {
    gpu.texts.get("gpu_model_name").map_or("", String::as_str)
}

/// AIPerf's URL of the source.
pub(crate) fn url(source: &str) -> String {
    match source {
        "nvml" => "pynvml://localhost".to_owned(),
        "amdgpu" => "amdsmi://localhost".to_owned(),
        url => url.to_owned(),
    }
}

/// A source as shown in tables: without scheme and `/metrics`.
pub(crate) fn shown(source: &str) -> String {
    let url = url(source);
    let bare = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    bare.strip_suffix("/metrics").unwrap_or(bare).to_owned()
}
