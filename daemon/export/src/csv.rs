//! `profile_export_aiperf.csv`: AIPerf's two tables, distributions and single numbers, sorted by tag.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::summary;
use metric::{MetricResult, Origin, Stat, Unit};
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
    if summary::gpus(artifacts).is_some() {
        writeln!(out, "\n\nEndpoint,GPU_Index,GPU_Name,GPU_UUID,Platform,Metric,{names}")?;
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
