//! Builds the GPU tables as AIPerf has them: joules and watts by vendor, then each GPU's own metrics.

use super::{Cell, Side, Table, label};
use crate::artifacts::Artifacts;
use crate::gpus::{name, shown};
use metric::gpu::{Number, Series};
use metric::{Group, Report, Stat, Value};

/// The tables of a run, in order; some may have no row.
pub(super) fn tables(artifacts: &Artifacts<'_>) -> Vec<Table> {
    let makers = [(Group::NvidiaEfficiency, "NVIDIA"), (Group::AmdEfficiency, "AMD")];
    let mut tables = makers
        .map(|(group, maker)| {
            efficiency(artifacts.report, group, &format!("aiperfd | GPU Power Efficiency ({maker})"))
        })
        .into_iter()
        .collect::<Vec<_>>();
    let sources = artifacts.gpus.into_iter().flat_map(|gpus| &gpus.sources);
    for (source, gpus) in sources {
        tables.extend(gpus.iter().map(|gpu| of_gpu(artifacts, source, gpu)));
    }
    tables
}

/// The metrics of all GPUs of one vendor.
fn efficiency(report: &Report, group: Group, title: &str) -> Table {
    let mut table = Table::new(title, &[("Metric", Side::Right), ("avg", Side::Right)]);
    let mut results = report.results.iter().filter(|result| result.metric.group == group).collect::<Vec<_>>();
    results.sort_by_key(|result| result.metric.order.unwrap_or(u32::MAX));
    for result in results {
        table.row([label(result), Cell::number(result.stats.get(Stat::Avg).map(Value::get))]);
    }
    table
}

fn of_gpu(artifacts: &Artifacts<'_>, source: &str, gpu: &Series) -> Table {
    let part = gpu.mig_index.map_or_else(String::new, |part| format!(", part {part}"));
    let title = format!("{} | GPU {}{part} | {}", shown(source), gpu.index, name(gpu));
    let mut table = Table::of_stats(title, &STATS);
    let is_shown = |number: &Number<'_>| number.is_aiperf || SHOWN.contains(&number.name);
    for Number { header, unit, stats, .. } in
        gpu.summary(artifacts.settings.profiling).into_iter().filter(is_shown)
    {
        let cells =
            STATS.map(|stat| stats.get(stat).map_or(Cell::Absent, |value| Cell::Quantity(value.get())));
        table.row([Cell::Text(format!("{header} ({unit})"))].into_iter().chain(cells));
    }
    table
}

const STATS: [Stat; 7] = [Stat::Avg, Stat::Min, Stat::Max, Stat::P99, Stat::P90, Stat::P50, Stat::Std];

/// The most commonly used GPU metrics.
const SHOWN: &[&str] = &[
    "nvidia_power_instant",
    "nvidia_sm_clock",
    "nvidia_memory_clock",
    "nvidia_sm_occupancy",
    "nvidia_tensor_activity",
    "nvidia_dram_bandwidth",
    "nvidia_pcie_tx",
    "nvidia_pcie_rx",
    "nvidia_nvlink_tx",
    "nvidia_nvlink_rx",
];
