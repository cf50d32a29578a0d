//! Builds the console's GPU tables as AIPerf shows them: joules and watts by vendor, then each GPU's own metrics.

use crate::artifacts::Artifacts;
use crate::gpus::{name, shown};
use crate::table::{Side, Table};
use metric::gpu::{Number, Series};
use metric::{Group, Report, Stat, Value};

/// The tables of a run, in order; tables without a row are empty.
pub(crate) fn tables(artifacts: &Artifacts<'_>, number: fn(f64) -> String) -> Vec<Table> {
    let makers = [(Group::NvidiaEfficiency, "NVIDIA"), (Group::AmdEfficiency, "AMD")];
    let mut tables = makers
        .map(|(group, maker)| {
            efficiency(artifacts.report, group, &format!("aiperfd | GPU Power Efficiency ({maker})"), number)
        })
        .into_iter()
        .collect::<Vec<_>>();
    let sources = artifacts.gpus.into_iter().flat_map(|gpus| &gpus.sources);
    for (source, gpus) in sources {
        tables.extend(gpus.iter().map(|gpu| of_gpu(artifacts, source, gpu, number)));
    }
    tables
}

/// The metrics of all GPUs of one vendor.
fn efficiency(report: &Report, group: Group, title: &str, number: fn(f64) -> String) -> Table {
    let mut table = Table::new(title, &[("Metric", Side::Right), ("avg", Side::Right)]);
    let mut results = report.results.iter().filter(|result| result.metric.group == group).collect::<Vec<_>>();
    results.sort_by_key(|result| result.metric.order.unwrap_or(u32::MAX));
    for result in results {
        let label = format!("{} ({})", result.metric.header, result.metric.display.name());
        let value = result.stats.get(Stat::Avg).map(Value::get);
        table.row(vec![label, value.map_or_else(absent, number)]);
    }
    table
}

fn of_gpu(artifacts: &Artifacts<'_>, source: &str, gpu: &Series, number: fn(f64) -> String) -> Table {
    let part = gpu.mig_index.map_or_else(String::new, |part| format!(", part {part}"));
    let title = format!("{} | GPU {}{part} | {}", shown(source), gpu.index, name(gpu));
    let columns = STATS.map(|stat| (stat.name(), Side::Right));
    let columns = [("Metric", Side::Right)].into_iter().chain(columns).collect::<Vec<_>>();
    let mut table = Table::new(title, &columns);
    let is_shown = |number: &Number<'_>| number.is_aiperf || SHOWN.contains(&number.name);
    for Number { header, unit, stats, .. } in
        gpu.summary(artifacts.settings.profiling).into_iter().filter(is_shown)
    {
        let cells =
            STATS.map(|stat| stats.get(stat).map_or_else(absent, |value| shown_number(value.get(), number)));
        table.row(std::iter::once(format!("{header} ({unit})")).chain(cells).collect());
    }
    table
}

/// Megajoules of a short run are too small for two decimals.
fn shown_number(value: f64, number: fn(f64) -> String) -> String {
    if value != 0.0 && value.abs() < 0.01 { format!("{value:.2e}") } else { number(value) }
}

fn absent() -> String {
    "N/A".to_owned()
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
