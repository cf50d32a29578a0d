//! What else was measured over a run's time, as curves: what the server reports of itself, what waits in its sockets, and GPUs.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use metric::server::{KNOWN, State};
use record::GpuMetric;

/// A number over time.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// What it is.
    pub(crate) name: String,
    /// Its unit; empty for none.
    pub(crate) unit: &'static str,
    /// Whether it is a GPU's.
    pub(crate) is_gpu: bool,
    /// Nanoseconds of the monotonic clock, and the number from then on.
    pub(crate) points: Vec<(u64, f64)>,
}

/// What servers report of themselves, and what waits in their sockets.
pub(crate) fn of_server(artifacts: &Artifacts<'_>) -> Result<Vec<Series>, ExportError> {
    let Some(server) = artifacts.server else { return Ok(Vec::new()) };
    let known = OF_SERVER.iter().filter_map(|label| KNOWN.iter().find(|known| known.label == *label));
    let mut all = known.map(|known| (known, Vec::new())).collect::<Vec<_>>();
    server.replay(|scrape, entries| {
        for (known, points) in &mut all {
            let of_it = entries.iter().filter(|(key, _)| known.names.contains(&key.name.as_str()));
            let values = of_it.filter_map(|(_, entry)| match &entry.state {
                State::Scalar(value) => *value,
                State::Histogram { .. } => None,
            });
            if let Some(sum) = values.reduce(|sum, value| sum + value).filter(|sum| sum.is_finite()) {
                points.push((scrape.received.0, sum));
            }
        }
    })?;
    let filled = all.into_iter().filter(|(_, points)| !points.is_empty());
    let series = filled.map(|(known, points)| Series {
        name: known.label.to_owned(),
        unit: "",
        is_gpu: false,
        points,
    });
    Ok(series.collect())
}

/// Every number of each GPU that AIPerf reads too.
pub(crate) fn of_gpus(artifacts: &Artifacts<'_>) -> Vec<Series> {
    let Some(gpus) = artifacts.gpus else { return Vec::new() };
    let mut all = Vec::new();
    for gpu in gpus.sources.values().flatten() {
        for (name, series) in &gpu.series {
            let Some(known) = GpuMetric::find(name).filter(|known| known.is_aiperf) else { continue };
            let points = series.points.iter().map(|(at, value)| (at.0, *value));
            let points = points.filter(|(_, value)| value.is_finite()).collect::<Vec<_>>();
            let name = format!("GPU {}: {}", gpu.index, known.name);
            all.push(Series { name, unit: known.unit, is_gpu: true, points });
        }
    }
    all.retain(|series| !series.points.is_empty());
    all
}

/// What is drawn of the server's metrics, by their labels.
const OF_SERVER: &[&str] = &[
    "Requests Running",
    "Requests Waiting",
    "KV Cache Usage",
    "Connections Not Accepted",
    "Requests Not Read",
];
