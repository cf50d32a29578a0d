//! Writes `profile_export_slices.csv`: each time slice with its requests, and each statistic with its confidence interval and
//! whether its sample is too small. AIPerf's `timeslices` files have neither, nor slices in which no request starts.

use crate::artifacts::Artifacts;
use crate::csv::{COLUMNS, by_tag, line, lines};
use crate::error::ExportError;
use crate::summary;
use metric::{MetricResult, Slice, Stat};
use std::io::Write;

/// Writes the file: one line per slice, metric and statistic; a slice without any has a line with its requests.
pub(crate) fn write(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    line(out, HEADERS)?;
    for (number, slice) in artifacts.report.slices.iter().enumerate() {
        let first = of_slice(number, slice);
        let results = by_tag(artifacts, &slice.results);
        let of_result = |result| COLUMNS.into_iter().filter_map(move |stat| of_stat(result, stat));
        let mut rows = results.into_iter().flat_map(of_result).collect::<Vec<_>>();
        if rows.is_empty() {
            rows.push([const { String::new() }; 7]);
        }
        lines(out, rows.iter().map(|row| first.iter().chain(row)))?;
    }
    Ok(())
}

fn of_slice(number: usize, slice: &Slice) -> [String; 6] {
    let Slice { begin, end, is_complete, requests, in_flight, .. } = slice;
    let numbers = [number as u64, begin.0, end.0].map(|number| number.to_string());
    let [number, begin, end] = numbers;
    [number, begin, end, is_complete.to_string(), requests.to_string(), in_flight.to_string()]
}

fn of_stat(result: &MetricResult, stat: Stat) -> Option<[String; 7]> {
    let number = |number: f64| format!("{number:.2}");
    let value = number(result.stats.get(stat)?.get());
    let interval = summary::interval(result, stat);
    let [low, high] = interval.map_or_else(|| [const { String::new() }; 2], |ends| ends.map(number));
    let (header, unit) = (result.metric.header.to_owned(), result.metric.display.name().to_owned());
    let too_few = (!result.stats.supports(stat)).to_string();
    Some([header, unit, stat.name().to_owned(), value, low, high, too_few])
}

const HEADERS: [&str; 13] = [
    "Slice",
    "Start_NS",
    "End_NS",
    "Complete",
    "Started",
    "In_Flight",
    "Metric",
    "Unit",
    "Stat",
    "Value",
    "Low_95",
    "High_95",
    "Too_Few_Samples",
];
