//! Writes `server_metrics_export.csv`: AIPerf's tables of a server's own metrics, one per type, then info labels.

use crate::artifacts::Artifacts;
use crate::csv::line;
use crate::error::ExportError;
use crate::json::AIPERF_VERSION;
use crate::server::{labels, shown};
use metric::server::{Family, Series, Summary, unit};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use store::visible;

/// Writes the file.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let Some(server) = artifacts.server else { return Ok(()) };
    let summary = &server.summaries.profiling;
    writeln!(out, "# AIPerf Server Metrics Export (CSV)\n# aiperf_version: {AIPERF_VERSION}")?;
    writeln!(out, "# schema_version: 1.0\n# benchmark_id: {}", visible(&artifacts.run.run_id))?;
    writeln!(out, "# Note: Same benchmark_id and version appear in JSON and Parquet exports\n#")?;
    let mut is_first = true;
    for (kind, stats) in SECTIONS {
        let rows = rows(summary, kind);
        if !rows.is_empty() {
            separate(&mut is_first, out)?;
            section(kind, stats, &rows, out)?;
        }
    }
    let infos = summary.iter().filter(|(name, _)| is_info(name)).collect::<Vec<_>>();
    if !infos.is_empty() {
        separate(&mut is_first, out)?;
        info_section(&infos, out)?;
    }
    Ok(())
}

type Row<'a> = (&'a str, &'a Family, &'a Series);

fn separate(is_first: &mut bool, out: &mut dyn Write) -> Result<(), ExportError> {
    if !std::mem::take(is_first) {
        writeln!(out)?;
    }
    Ok(())
}

fn is_info(name: &str) -> bool {
    name.ends_with("_info")
}

fn rows<'a>(summary: &'a Summary, kind: &str) -> Vec<Row<'a>> {
    let families = summary.iter().filter(|(name, family)| family.kind == kind && !is_info(name));
    families
        .flat_map(|(name, family)| family.series.iter().map(move |series| (name.as_str(), family, series)))
        .collect()
}

fn section(kind: &str, stats: &[&str], rows: &[Row<'_>], out: &mut dyn Write) -> Result<(), ExportError> {
    let columns = rows
        .iter()
        .flat_map(|(_, _, series)| labels(&series.labels))
        .map(|(label, _)| label)
        .collect::<BTreeSet<_>>();
    let mut header = ["Endpoint", "Type", "Metric", "Unit"].map(str::to_owned).to_vec();
    header.extend(stats.iter().map(|stat| (*stat).to_owned()));
    header.extend(columns.iter().cloned());
    header.push("Description".to_owned());
    if kind == "histogram" {
        header.push("buckets".to_owned());
    }
    line(out, &header)?;
    for (name, family, series) in rows {
        let labels = labels(&series.labels);
        let mut cells = vec![shown(&series.endpoint_url).to_owned(), kind.to_owned(), (*name).to_owned()];
        cells.push(unit(name, &family.description).unwrap_or_default().to_owned());
        cells.extend(
            stats.iter().map(|stat| series.get(stat).map_or_else(String::new, |it| number(stat, it))),
        );
        cells.extend(columns.iter().map(|label| text(labels.get(label))));
        cells.push(family.description.clone());
        if kind == "histogram" {
            let buckets = series.buckets.iter().map(|(le, count)| format!("{le}={count}"));
            cells.push(buckets.collect::<Vec<_>>().join(";"));
        }
        line(out, &cells)?;
    }
    Ok(())
}

/// A server's configuration is exposed as labels: a line for each.
fn info_section(infos: &[(&String, &Family)], out: &mut dyn Write) -> Result<(), ExportError> {
    line(out, ["Endpoint", "Metric", "Key", "Value", "Description"])?;
    for (name, family) in infos {
        for series in &family.series {
            for (label, value) in labels(&series.labels) {
                let endpoint = shown(&series.endpoint_url).to_owned();
                line(
                    out,
                    [endpoint, (*name).clone(), label, text(Some(&value)), family.description.clone()],
                )?;
            }
        }
    }
    Ok(())
}

fn number(stat: &str, number: f64) -> String {
    if stat == "count" { format!("{number:.0}") } else { format!("{number:.4}") }
}

fn text(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

const GAUGE: &[&str] =
    &["avg", "min", "max", "std", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99"];
const COUNTER: &[&str] = &["total", "rate", "rate_avg", "rate_min", "rate_max", "rate_std"];
const HISTOGRAM: &[&str] = &[
    "count",
    "count_rate",
    "sum",
    "sum_rate",
    "avg",
    "p1_estimate",
    "p5_estimate",
    "p10_estimate",
    "p25_estimate",
    "p50_estimate",
    "p75_estimate",
    "p90_estimate",
    "p95_estimate",
    "p99_estimate",
];
const SECTIONS: &[(&str, &[&str])] =
    &[("gauge", GAUGE), ("counter", COUNTER), ("histogram", HISTOGRAM), ("unknown", GAUGE)];
