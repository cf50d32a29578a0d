//! Writes the console report: one screen that ends with the verdict, or every table.
//!
//! ```text
//! screen.rs   80 columns, 24 lines: latencies, client overhead, throughput, errors, verdict
//! full.rs     every table, and the verdict; profile_export_console.txt is this one
//! ```

mod full;
mod screen;

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::table::Colour;
use metric::server::{KNOWN, Known, Series, Twin};
use metric::{MetricResult, Stat};
use std::io::Write;

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What fits on one screen.
    Screen,
    /// Every table.
    Full,
}

/// Writes `profile_export_console.txt`: every table, 140 columns, no colors.
pub(crate) fn write_file(artifacts: &Artifacts<'_>, out: &mut dyn Write) -> Result<(), ExportError> {
    write(artifacts, Extent::Full, FILE_WIDTH, Colour::Plain, out)
}

/// Writes the console report for a terminal of this width.
///
/// # Errors
/// When the output cannot be written.
pub fn write(
    artifacts: &Artifacts<'_>,
    extent: Extent,
    width: usize,
    colour: Colour,
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    match extent {
        Extent::Screen => screen::write(artifacts, width, colour, out),
        Extent::Full => full::write(artifacts, width, colour, out),
    }
}

/// A latency in both views.
struct View {
    label: &'static str,
    client: &'static str,
    kernel: &'static str,
    /// The client's excess over the kernel, request by request.
    added: &'static str,
}

/// The server's own metric of a known kind, with its statistics.
fn from_server<'a>(
    artifacts: &Artifacts<'a>,
    twin: Twin,
) -> impl Iterator<Item = (&'static Known, &'a Series)> + use<'a> {
    let server = artifacts.server;
    KNOWN.iter().filter(move |known| known.twin == twin).filter_map(move |known| {
        let (_, series) = server?.summaries.find(known.names)?;
        (series.get("count") != Some(0.0)).then_some((known, series))
    })
}

/// A statistic of a server's histogram; quantiles are marked as estimates within a bucket.
fn of_histogram(series: &Series, stat: Stat, factor: f64) -> String {
    if stat == Stat::Avg {
        return series.get("avg").map_or_else(absent, |avg| grouped(avg * factor));
    }
    let name = format!("{}_estimate", stat.name());
    let Some(quantile) = series.quantiles.iter().find(|quantile| quantile.name == name) else {
        return absent();
    };
    match (quantile.estimate, quantile.high) {
        (Some(estimate), _) => format!("~{}", grouped(estimate * factor)),
        (None, Some(high)) => format!("<={}", grouped(high * factor)),
        (None, None) => format!(">{}", grouped(quantile.low * factor)),
    }
}

fn label(result: &MetricResult) -> String {
    format!("{} ({})", result.metric.header, result.metric.display.name())
}

/// A statistic, marked if the sample is too small for it.
fn number(result: &MetricResult, stat: Stat, marked: &mut bool) -> String {
    let Some(value) = result.stats.get(stat) else { return absent() };
    let text = grouped(value.get());
    if result.stats.supports(stat) {
        text
    } else {
        *marked = true;
        format!("{text}*")
    }
}

fn absent() -> String {
    "N/A".to_owned()
}

/// Two decimals, with thousands separators.
fn grouped(number: f64) -> String {
    let text = format!("{:.2}", number.abs());
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "00"));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    let is_negative = number < 0.0 && text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    format!("{}{out}.{decimals}", if is_negative { "-" } else { "" })
}

/// The width of the file.
pub const FILE_WIDTH: usize = 140;

const VIEW_STATS: [Stat; 5] = [Stat::Avg, Stat::P50, Stat::P90, Stat::P99, Stat::Max];

const VIEWS: &[View] = &[
    View {
        label: "Time to First Token (ms)",
        client: "time_to_first_token",
        kernel: "kernel_time_to_first_token",
        added: "client_added_time_to_first_token",
    },
    View {
        label: "Inter Token Latency (ms)",
        client: "inter_token_latency",
        kernel: "kernel_inter_token_latency",
        added: "client_added_inter_token_latency",
    },
    View {
        label: "Request Latency (ms)",
        client: "request_latency",
        kernel: "kernel_request_latency",
        added: "client_added_request_latency",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let table =
            [(1234567.891, "1,234,567.89"), (999.0, "999.00"), (-1234.5, "-1,234.50"), (-0.001, "0.00")];
        for (number, expected) in table {
            assert_eq!(grouped(number), expected, "{number}");
        }
    }
}
