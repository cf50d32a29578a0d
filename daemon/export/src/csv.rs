//! `profile_export_aiperf.csv`: AIPerf's two tables, distributions and single numbers, sorted by tag.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::gpus::telemetry_data;
use metric::{MetricResult, Origin, Stat, Unit};
use record::GpuMetric;
use serde_json::Value;
use std::io::Write;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let sorted = by_tag(artifacts, &artifacts.report.results);
    let names = COLUMNS.map(Stat::name).join(",");
    writeln!(out, "Metric,{names}")?;
    for result in sorted.iter().filter(|result| is_distribution(result)) {
        write!(out, "{}", field(&name(result)))?;
        for stat in COLUMNS {
            match result.stats.get(stat) {
                Some(value) => write!(out, ",{:.2}", value.get())?,
                None => write!(out, ",")?,
            }
        }
        writeln!(out)?;
    }
    writeln!(out, "\nMetric,Value")?;
    for result in sorted.iter().filter(|result| !is_distribution(result)) {
        if let Some(value) = result.stats.get(Stat::Avg) {
            writeln!(out, "{},{:.2}", field(&name(result)), value.get())?;
        }
    }
    if let Some(told) = telemetry_data(artifacts) {
        write_gpus(&told, out)?;
    }
    Ok(())
}

/// A line for each number of each GPU.
fn write_gpus(told: &Value, out: &mut dyn Write) -> Result<(), ExportError> {
    let names = COLUMNS.map(Stat::name).join(",");
    let of_endpoints = || told["endpoints"].as_object().into_iter().flatten();
    let gpus = || {
        of_endpoints().flat_map(|(endpoint, told)| {
            told["gpus"].as_object().into_iter().flatten().map(move |(_, gpu)| (endpoint, gpu))
        })
    };
    let more = PLACES.iter().filter(|(_, key)| gpus().any(|(_, gpu)| gpu[*key].is_string()));
    let more = more.collect::<Vec<_>>();
    let headers = more.iter().map(|(header, _)| format!(",{header}")).collect::<String>();
    writeln!(out, "\n\nEndpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,{names}{headers}")?;
    for (endpoint, gpu) in gpus() {
        let text = |key: &str| gpu[key].as_str().unwrap_or_default().to_owned();
        for (name, metric) in gpu["metrics"].as_object().into_iter().flatten() {
            let header = GpuMetric::find(name).map_or(name.as_str(), |metric| metric.header);
            let label = format!("{header} ({})", metric["unit"].as_str().unwrap_or_default());
            let mut cells = vec![endpoint.clone(), gpu["gpu_index"].to_string()];
            cells.extend([text("gpu_name"), text("gpu_uuid"), text("platform"), label]);
            cells.extend(COLUMNS.map(|stat| {
                metric[stat.name()].as_f64().map_or_else(String::new, |value| format!("{value:.2}"))
            }));
            cells.extend(more.iter().map(|(_, key)| text(key)));
            let cells = cells.iter().map(|cell| field(cell)).collect::<Vec<_>>();
            writeln!(out, "{}", cells.join(","))?;
        }
    }
    Ok(())
}

/// The results in the order of their tags; of another tool's run only those that its own table has.
pub(crate) fn by_tag<'a>(artifacts: &Artifacts<'_>, results: &'a [MetricResult]) -> Vec<&'a MetricResult> {
    let is_wanted =
        |result: &&MetricResult| artifacts.foreign.is_none() || result.metric.origin == Origin::Aiperf;
    let mut sorted = results.iter().filter(is_wanted).collect::<Vec<_>>();
    sorted.sort_by_key(|result| result.metric.tag);
    sorted
}

/// A field, in quotes where it needs them.
pub(crate) fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn is_distribution(result: &MetricResult) -> bool {
    result.stats.get(Stat::Min).is_some()
}

/// The header with its unit, unless the unit only says that things are counted.
fn name(result: &MetricResult) -> String {
    match result.metric.display {
        Unit::Requests | Unit::Count => result.metric.header.to_owned(),
        unit => format!("{} ({})", result.metric.header, unit.name()),
    }
}

/// Columns that are there if a GPU has them, with their keys.
const PLACES: &[(&str, &str)] =
    &[("Hostname", "hostname"), ("Namespace", "namespace"), ("Pod Name", "pod_name")];

/// AIPerf's columns in its order.
pub(crate) const COLUMNS: [Stat; 14] = [
    Stat::Avg,
    Stat::Min,
    Stat::Max,
    Stat::Sum,
    Stat::P1,
    Stat::P5,
    Stat::P10,
    Stat::P25,
    Stat::P50,
    Stat::P75,
    Stat::P90,
    Stat::P95,
    Stat::P99,
    Stat::Std,
];
