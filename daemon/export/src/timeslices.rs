//! Writes `profile_export_aiperf_timeslices.json` and `.csv`: the metrics of each time slice.

use crate::artifacts::Artifacts;
use crate::csv::{COLUMNS, by_tag, line};
use crate::error::ExportError;
use crate::summary;
use metric::Slice;
use serde_json::{Map, Value, json};
use std::io::Write;

/// Writes the JSON file.
pub(crate) fn write_json(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    let slices = slices(artifacts).map(slice).collect::<Vec<_>>();
    let document = json!({ "timeslices": slices, "input_config": summary::input_config(artifacts) });
    serde_json::to_writer_pretty(out, &document)?;
    Ok(())
}

/// Writes the CSV file: one line per slice, metric and statistic.
pub(crate) fn write_csv(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    line(out, ["Timeslice", "Start_NS", "End_NS", "Metric", "Unit", "Stat", "Value"])?;
    for (number, slice) in slices(artifacts).enumerate() {
        let place = [number.to_string(), slice.begin.0.to_string(), slice.end.0.to_string()];
        for result in by_tag(artifacts, &slice.results) {
            let (header, unit) = (result.metric.header, result.metric.display.name());
            for stat in COLUMNS {
                if let Some(value) = result.stats.get(stat) {
                    let value = format!("{:.2}", value.get());
                    let place = place.iter().map(String::as_str);
                    line(out, place.chain([header, unit, stat.name(), &value]))?;
                }
            }
        }
    }
    Ok(())
}

/// The slices that AIPerf has: those in which a request starts.
fn slices<'a>(artifacts: &Artifacts<'a>) -> impl Iterator<Item = &'a Slice> {
    artifacts.report.slices.iter().filter(|slice| slice.requests > 0)
}

fn slice(slice: &Slice) -> Value {
    let mut object = Map::new();
    object.insert("start_ns".to_owned(), slice.begin.0.into());
    object.insert("end_ns".to_owned(), slice.end.0.into());
    if !slice.is_complete {
        object.insert("is_complete".to_owned(), false.into());
    }
    object.extend(summary::metrics(&slice.results));
    Value::Object(object)
}
