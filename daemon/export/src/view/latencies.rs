//! The latencies that the client and the kernel measure, and the server's own metrics of them.

use super::{Cell, Certainty, Number};
use crate::artifacts::Artifacts;
use metric::Stat;
use metric::server::{KNOWN, Known, Series, Twin};

/// A latency, as the client and as the kernel measure it.
pub(super) struct Latency {
    pub(super) label: &'static str,
    pub(super) client: &'static str,
    pub(super) kernel: &'static str,
    /// The client's excess over the kernel, request by request.
    pub(super) added: &'static str,
}

/// The server's own metric of a known kind, with its statistics.
pub(super) fn from_server<'a>(
    artifacts: &Artifacts<'a>,
    twin: Twin,
) -> impl Iterator<Item = (&'static Known, &'a Series)> + use<'a> {
    let server = artifacts.server;
    KNOWN.iter().filter(move |known| known.twin == twin).filter_map(move |known| {
        let (_, series) = server?.summaries.find(known.names)?;
        (series.get("count") != Some(0.0)).then_some((known, series))
    })
}

/// A statistic of a server's histogram; quantiles are estimates within a bucket.
pub(super) fn of_histogram(series: &Series, stat: Stat, factor: f64) -> Cell {
    if stat == Stat::Avg {
        return Cell::number(series.get("avg").map(|avg| avg * factor));
    }
    let name = format!("{}_estimate", stat.name());
    let Some(quantile) = series.quantiles.iter().find(|quantile| quantile.name == name) else {
        return Cell::Absent;
    };
    let (value, certainty) = match (quantile.estimate, quantile.high) {
        (Some(estimate), _) => (estimate, Certainty::Estimate),
        (None, Some(high)) => (high, Certainty::AtMost),
        (None, None) => (quantile.low, Certainty::MoreThan),
    };
    Cell::Number(Number { value: value * factor, certainty })
}

/// The statistics of latencies.
pub(super) const LATENCY_STATS: [Stat; 5] = [Stat::Avg, Stat::P50, Stat::P90, Stat::P99, Stat::Max];

pub(super) const LATENCIES: &[Latency] = &[
    Latency {
        label: "Time to First Token (ms)",
        client: "time_to_first_token",
        kernel: "kernel_time_to_first_token",
        added: "client_added_time_to_first_token",
    },
    Latency {
        label: "Inter Token Latency (ms)",
        client: "inter_token_latency",
        kernel: "kernel_inter_token_latency",
        added: "client_added_inter_token_latency",
    },
    Latency {
        label: "Request Latency (ms)",
        client: "request_latency",
        kernel: "kernel_request_latency",
        added: "client_added_request_latency",
    },
];
