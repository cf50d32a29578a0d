//! The metrics of every GPU over time, by source.

use crate::gaps::Gaps;
use crate::stats::Stats;
use common::clock::MonoNs;
use record::gpu_metric::{
    AMD_ENERGY_CONSUMPTION, AMD_POWER, NVIDIA_ENERGY_CONSUMPTION, NVIDIA_POWER_INSTANT, NVIDIA_POWER_USAGE,
};
use record::{GPU_TEXTS, GpuMetric, GpuSample};
use std::collections::BTreeMap;

/// The GPUs of a run.
#[derive(Debug)]
pub struct Gpus {
    /// GPUs by source, in the order of their indices.
    pub sources: BTreeMap<String, Vec<Series>>,
    /// How long calls to drivers took, in nanoseconds.
    calls: Gaps,
}

/// One GPU, or a MIG part of one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Its index on its host.
    pub index: u32,
    /// Its index among the MIG parts of a GPU.
    pub mig_index: Option<u32>,
    /// Its UUID.
    pub uuid: String,
    /// Text fields by the names of [`GPU_TEXTS`].
    pub texts: BTreeMap<String, String>,
    /// Its metrics by name.
    pub series: BTreeMap<String, Points>,
}

/// A metric over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Its name and unit, if it is not one of [`record::GPU_METRICS`].
    pub label: Option<(String, String)>,
    /// Timestamps and values, in order.
    pub points: Vec<(MonoNs, f64)>,
}

impl Gpus {
    /// The GPUs in a run's rows. Rows of single processes are ignored here.
    ///
    /// # Errors
    /// The first error among the rows.
    pub fn of<E>(rows: impl Iterator<Item = Result<GpuSample, E>>) -> Result<Self, E> {
        let mut gpus = Self { sources: BTreeMap::new(), calls: Gaps::default() };
        let mut room = CALLS_EXACT;
        let mut last_call = MonoNs(0);
        for row in rows {
            let row = row?;
            if row.asked_ns != last_call && row.value.is_some() {
                last_call = row.asked_ns;
                gpus.calls.push(row.answered_ns.0.saturating_sub(row.asked_ns.0), &mut room);
            }
            if row.pid.is_none() {
                gpus.take(row);
            }
        }
        for gpu in gpus.sources.values_mut().flatten() {
            for points in gpu.series.values_mut() {
                // Two threads sample, and drivers return samples of the past.
                points.points.sort_by_key(|(at, _)| *at);
            }
        }
        for gpus in gpus.sources.values_mut() {
            gpus.sort_by_key(|gpu| (gpu.index, gpu.mig_index));
        }
        Ok(gpus)
    }

    fn take(&mut self, row: GpuSample) {
        let GpuSample { source, gpu_index, mig_index, gpu_uuid, metric, sampled_ns, value, text, .. } = row;
        let gpus = self.sources.entry(source).or_default();
        let place = gpus
            .iter()
            .position(|gpu| gpu.uuid == gpu_uuid && gpu.index == gpu_index && gpu.mig_index == mig_index);
        let place = place.unwrap_or_else(|| {
            gpus.push(Series { index: gpu_index, mig_index, uuid: gpu_uuid, ..Series::default() });
            gpus.len() - 1
        });
        let gpu = &mut gpus[place];
        match (value, text) {
            (Some(value), _) if value.is_finite() => {
                gpu.series.entry(metric).or_default().points.push((sampled_ns, value));
            }
            (Some(_), _) | (None, None) => {}
            (None, Some(text)) if GPU_TEXTS.contains(&metric.as_str()) => {
                drop(gpu.texts.insert(metric, text))
            }
            (None, Some(text)) => {
                if let Some((label, unit)) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")) {
                    let label = Some((label.to_owned(), unit.to_owned()));
                    gpu.series.entry(metric).or_default().label = label;
                }
            }
        }
    }

    /// Whether there are no GPUs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Every whole GPU once, from its own driver if there are several sources. DCGM's exporter lists a partitioned GPU only by
    /// its MIG parts, each with the whole GPU's name and power: the first part represents it.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Series> {
        let is_url = |source: &str| source.contains("://");
        let mut sources = self.sources.iter().collect::<Vec<_>>();
        sources.sort_by_key(|(source, _)| is_url(source));
        let mut seen = Vec::<&str>::new();
        let all = sources.into_iter().flat_map(|(_, gpus)| gpus);
        let all = all.filter(|gpu| gpu.mig_index.is_none() || gpu.uuid.starts_with(WHOLE));
        all.filter(move |gpu| {
            let is_new = gpu.uuid.is_empty() || !seen.contains(&gpu.uuid.as_str());
            seen.push(&gpu.uuid);
            is_new
        })
    }

    /// How long calls to drivers took, in microseconds.
    pub(crate) fn call_stats(&self) -> Stats {
        Gaps::stats(&[&self.calls], 1e-3)
    }
}

impl Series {
    /// Its vendor, by AIPerf's name.
    #[must_use]
    pub fn platform(&self) -> &'static str {
        let has = |maker: &str| self.series.keys().any(|name| name.starts_with(maker));
        match () {
            () if has("nvidia_") => "nvidia",
            () if has("amd_") => "amd",
            () => "unknown",
        }
    }

    pub(crate) fn points(&self, metric: &GpuMetric) -> &[(MonoNs, f64)] {
        self.series.get(metric.name).map_or(&[], |points| &points.points)
    }

    /// Its energy counter, in MJ.
    pub(crate) fn energy(&self) -> &[(MonoNs, f64)] {
        let nvidia = self.points(&NVIDIA_ENERGY_CONSUMPTION);
        if nvidia.is_empty() { self.points(&AMD_ENERGY_CONSUMPTION) } else { nvidia }
    }

    /// Its instantaneous power in W, if the driver reports it.
    pub(crate) fn power_instant(&self) -> &[(MonoNs, f64)] {
        self.points(&NVIDIA_POWER_INSTANT)
    }

    /// Its power as AIPerf reads it, in W: for some chips, a mean over one second.
    pub(crate) fn power(&self) -> &[(MonoNs, f64)] {
        let nvidia = self.points(&NVIDIA_POWER_USAGE);
        if nvidia.is_empty() { self.points(&AMD_POWER) } else { nvidia }
    }
}

/// Prefix of the UUIDs of NVIDIA's GPUs; those of MIG parts start with `MIG-`.
const WHOLE: &str = "GPU-";
/// Maximum number of call durations stored exactly.
const CALLS_EXACT: usize = 2_000_000;
