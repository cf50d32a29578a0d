//! Writes `profile_export_aiperf.csv`: AIPerf's two tables, distributions and single numbers, sorted by tag.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::gpus::telemetry_data;
use metric::{MetricResult, Origin, Stat, Unit};
use record::GpuMetric;
use serde_json::Value;
use std::io::Write;
use store::cell;

/// Writes a line of cells, quoted where necessary; what a spreadsheet would interpret as a formula is written as text.
///
/// # Errors
/// When the output cannot be written.
pub fn line(
    out: &mut dyn Write,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<(), ExportError> {
    lines(out, [cells])
}

/// Writes lines of cells, as [`line`] does.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn lines(
    out: &mut dyn Write,
    lines: impl IntoIterator<Item = impl IntoIterator<Item = impl AsRef<str>>>,
) -> Result<(), ExportError> {
    let mut writer = ::csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for cells in lines {
        for one in cells {
            writer.write_field(cell(one.as_ref()).as_bytes()).map_err(std::io::Error::from)?;
        }
        writer.write_record(None::<&[u8]>).map_err(std::io::Error::from)?;
    }
    let lines = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(out.write_all(&lines)?)
}

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let sorted = by_tag(artifacts, &artifacts.report.results);
    line(out, ["Metric"].into_iter().chain(COLUMNS.map(Stat::name)))?;
    for result in sorted.iter().filter(|result| is_distribution(result)) {
        let number =
            |stat| result.stats.get(stat).map_or_else(String::new, |value| format!("{:.2}", value.get()));
        line(out, [name(result)].into_iter().chain(COLUMNS.map(number)))?;
    }
    writeln!(out)?;
    line(out, ["Metric", "Value"])?;
    for result in sorted.iter().filter(|result| !is_distribution(result)) {
        if let Some(value) = result.stats.get(Stat::Avg) {
            line(out, [name(result), format!("{:.2}", value.get())])?;
        }
    }
    if let Some(telemetry) = telemetry_data(artifacts) {
        write_gpus(&telemetry, out)?;
    }
    Ok(())
}

/// A line for each metric of each GPU.
fn write_gpus(telemetry: &Value, out: &mut dyn Write) -> Result<(), ExportError> {
    let of_endpoints = || telemetry["endpoints"].as_object().into_iter().flatten();
    let gpus = || {
        of_endpoints().flat_map(|(endpoint, fields)| {
            fields["gpus"].as_object().into_iter().flatten().map(move |(_, gpu)| (endpoint, gpu))
        })
    };
    let more = PLACES.iter().filter(|(_, key)| gpus().any(|(_, gpu)| gpu[*key].is_string()));
    let more = more.collect::<Vec<_>>();
    writeln!(out, "\n")?;
    let first = ["Endpoint", "GPU_Index", "GPU_Name", "GPU_UUID", "Platform", "Metric"];
    let headers = more.iter().map(|(header, _)| *header);
    line(out, first.into_iter().chain(COLUMNS.map(Stat::name)).chain(headers))?;
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
            line(out, cells)?;
        }
    }
    Ok(())
}

/// The results sorted by tag; for another tool's run, only those of its own table.
pub(crate) fn by_tag<'a>(artifacts: &Artifacts<'_>, results: &'a [MetricResult]) -> Vec<&'a MetricResult> {
    let is_wanted =
        |result: &&MetricResult| artifacts.foreign.is_none() || result.metric.origin == Origin::Aiperf;
    let mut sorted = results.iter().filter(is_wanted).collect::<Vec<_>>();
    sorted.sort_by_key(|result| result.metric.tag);
    sorted
}

fn is_distribution(result: &MetricResult) -> bool {
    result.stats.get(Stat::Min).is_some()
}

/// The header with its unit, unless the unit only means a count.
fn name(result: &MetricResult) -> String {
    match result.metric.display {
        Unit::Requests | Unit::Count => result.metric.header.to_owned(),
        unit => format!("{} ({})", result.metric.header, unit.name()),
    }
}

/// Columns that are present if a GPU has the field, with their keys.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_run_nothing() {
        let check = |cells: &[&str], expected: &str| {
            let mut out = Vec::new();
            line(&mut out, cells).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{cells:?}");
        };
        check(&["a", "", "-1.5"], "a,,-1.5\n");
        check(&["a,b", "say \"x\"", "two\nlines"], "\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n");
        check(&["=HYPERLINK(\"http://x\",1)", "@SUM(1)"], "\"'=HYPERLINK(\"\"http://x\"\",1)\",'@SUM(1)\n");
    }
}
