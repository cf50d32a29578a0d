//! Writes `gpu_telemetry_export.jsonl`: each GPU three times per second, in AIPerf's layout; everything else is in gpu.parquet.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::gpus::{name, url};
use common::clock::MonoNs;
use metric::gpu::{Gpus, Series};
use record::GpuMetric;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let Some(gpus) = artifacts.gpus else { return Ok(()) };
    let mut lines = Vec::new();
    for (source, of_source) in &gpus.sources {
        for gpu in of_source {
            lines.extend(readings(gpu).into_values().map(|(at, numbers)| (at, source, gpu, numbers)));
        }
    }
    lines.sort_by_key(|(at, _, gpu, _)| (*at, gpu.index, gpu.mig_index));
    for (at, source, gpu, numbers) in lines {
        serde_json::to_writer(&mut *out, &line(artifacts, at, source, gpu, numbers))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Whether there is anything to write.
pub(crate) fn is_wanted(artifacts: &Artifacts<'_>) -> bool {
    artifacts.gpus.is_some_and(|gpus: &Gpus| !gpus.is_empty())
}

/// By AIPerf's intervals: the time of the last sample, and the last value of each metric.
fn readings(gpu: &Series) -> BTreeMap<u64, (MonoNs, Map<String, Value>)> {
    let mut readings = BTreeMap::<u64, (MonoNs, Map<String, Value>)>::new();
    let is_aiperf = |name: &str| GpuMetric::find(name).is_none_or(|metric| metric.is_aiperf);
    for (name, points) in gpu.series.iter().filter(|(name, _)| is_aiperf(name)) {
        for (at, value) in &points.points {
            let (last, numbers) = readings.entry(at.0 / INTERVAL_NS).or_insert_with(|| (*at, Map::new()));
            *last = (*last).max(*at);
            numbers.insert(name.clone(), (*value).into());
        }
    }
    readings
}

fn line(
    artifacts: &Artifacts<'_>,
    at: MonoNs,
    source: &str,
    gpu: &Series,
    numbers: Map<String, Value>,
) -> Value {
    let mut line = Map::new();
    let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
    put("gpu_index", gpu.index.into());
    put("gpu_uuid", gpu.uuid.clone().into());
    put("gpu_model_name", name(gpu).into());
    for text in ["pci_bus_id", "device", "hostname", "namespace", "pod_name"] {
        if let Some(value) = gpu.texts.get(text) {
            put(text, value.clone().into());
        }
    }
    put("platform", gpu.platform().into());
    put("timestamp_ns", artifacts.settings.clock.real(at).0.into());
    put("telemetry_source_url", url(source).into());
    put("telemetry_data", json!(numbers));
    Value::Object(line)
}

/// AIPerf's sampling interval.
const INTERVAL_NS: u64 = 333_000_000;
