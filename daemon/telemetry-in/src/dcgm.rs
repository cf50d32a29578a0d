//! Converts metrics of DCGM's exporter to rows with AIPerf's names and units.

use crate::changes::{RowBuilder, Times};
use crate::exposition::Reading;
use common::clock::MonoNs;
use record::GpuSample;
use record::gpu_metric as metric;
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Map, Value};

/// An additional metric of the exporter, requested by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DcgmField {
    /// Its name in DCGM.
    pub field: String,
    /// Its name in records.
    pub name: String,
    /// Its display name.
    pub header: String,
    /// Its unit.
    pub unit: String,
}

impl DcgmField {
    /// Parses a file in the format of DCGM's exporter: `DCGM_FI_…, gauge|counter, help (in unit)`; also returns the number of
    /// invalid lines. Metrics that are read anyway are skipped.
    #[must_use]
    pub fn parse_all(text: &str) -> (Vec<Self>, u64) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (mut fields, mut bad_lines) = (Vec::new(), 0);
        for line in lines {
            let parts = line.splitn(3, ',').map(str::trim).collect::<Vec<_>>();
            match parts[..] {
                [field, "gauge" | "counter", help] if field.starts_with("DCGM_FI_") => {
                    if !FIELDS.iter().any(|(known, _, _)| *known == field) {
                        fields.push(Self::new(field, help));
                    }
                }
                _ => bad_lines += 1,
            }
        }
        (fields, bad_lines)
    }

    fn new(field: &str, help: &str) -> Self {
        let bare = ["DCGM_FI_DEV_", "DCGM_FI_PROF_"].iter().find_map(|prefix| field.strip_prefix(prefix));
        let name = format!("nvidia_{}", bare.unwrap_or(field).to_lowercase());
        let header = help.split('(').next().unwrap_or_default().trim();
        let header = if header.is_empty() { name.replace('_', " ") } else { header.to_owned() };
        let header = header.split_whitespace().map(titled).collect::<Vec<_>>().join(" ");
        Self { field: field.to_owned(), name, header, unit: unit(help).to_owned() }
    }
}

/// A word in title case, as AIPerf writes it.
fn titled(word: &str) -> String {
    let upper = word.to_uppercase();
    if ACRONYMS.contains(&upper.as_str()) {
        return upper;
    }
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>());
    first.unwrap_or_default() + &letters.as_str().to_lowercase()
}

/// The unit of a help text that ends in `(in unit)`, by AIPerf's names.
fn unit(help: &str) -> &'static str {
    let help = help.to_lowercase();
    let unit = help.split("(in ").nth(1).and_then(|rest| rest.split([')', ' ']).next()).unwrap_or_default();
    UNITS.iter().find(|(name, _)| *name == unit).map_or("count", |(_, unit)| unit)
}

/// The GPUs of an exporter so far.
#[derive(Debug, Default)]
pub(crate) struct Dcgm {
    more: FxHashMap<String, DcgmField>,
    /// GPUs and metrics whose descriptive rows have been written.
    known: FxHashSet<String>,
}

impl Dcgm {
    pub(crate) fn new(more: &[DcgmField]) -> Self {
        let more = more.iter().map(|field| (field.field.clone(), field.clone())).collect();
        Self { more, known: FxHashSet::default() }
    }

    /// Name and factor of a field; `None` for a field that is not used.
    fn field<'a>(&'a self, name: &str) -> Option<(&'a str, f64)> {
        let known = FIELDS.iter().find(|(field, _, _)| *field == name);
        let known = known.map(|(_, metric, factor)| (metric.name, *factor));
        known.or_else(|| Some((self.more.get(name)?.name.as_str(), 1.0)))
    }
}

impl RowBuilder for Dcgm {
    type Row = GpuSample;
    const HAS_FALLBACK_PATH: bool = false;

    fn rows(&mut self, url: &str, at: Times, readings: Vec<Reading>) -> Vec<GpuSample> {
        let mut rows = Vec::new();
        for reading in readings {
            let labels = serde_json::from_str::<Map<String, Value>>(&reading.labels).unwrap_or_default();
            let label = |name: &str| labels.get(name).and_then(Value::as_str);
            let Some((name, factor)) = self.field(&reading.name) else { continue };
            let Some(gpu_index) = label("gpu").and_then(|index| index.parse().ok()) else { continue };
            let row = GpuSample {
                source: url.to_owned(),
                gpu_index,
                mig_index: label("GPU_I_ID").and_then(|part| part.parse().ok()),
                gpu_uuid: label("UUID").unwrap_or_default().to_owned(),
                pid: None,
                metric: name.to_owned(),
                asked_ns: at.sent,
                answered_ns: at.received,
                sampled_ns: MonoNs(u64::midpoint(at.sent.0, at.received.0)),
                value: Some(reading.value * factor),
                text: None,
            };
            let who = format!("{gpu_index} {:?} {}", row.mig_index, row.gpu_uuid);
            let more = self.more.get(&reading.name).map(|more| format!("{} ({})", more.header, more.unit));
            if let Some(text) = more.filter(|_| !self.known.contains(&format!("{who} {name}"))) {
                self.known.insert(format!("{who} {name}"));
                rows.push(GpuSample { value: None, text: Some(text), ..row.clone() });
            }
            if self.known.insert(who) {
                let texts = TEXTS.iter().filter_map(|(name, of)| Some((*name, label(of)?)));
                rows.extend(texts.map(|(name, text)| GpuSample {
                    metric: name.to_owned(),
                    value: None,
                    text: Some(text.to_owned()),
                    ..row.clone()
                }));
            }
            rows.push(row);
        }
        rows
    }

    fn failed(&mut self, _url: &str, _at: Times, _why: String) -> Option<GpuSample> {
        None
    }

    fn observations(&self) -> f64 {
        0.0
    }
}

/// AIPerf's mapping of DCGM's fields, with the factors to its units: MJ, GB, %, µs.
const FIELDS: &[(&str, &metric::GpuMetric, f64)] = &[
    ("DCGM_FI_DEV_POWER_USAGE", &metric::NVIDIA_POWER_USAGE, 1.0),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", &metric::NVIDIA_ENERGY_CONSUMPTION, 1e-9),
    ("DCGM_FI_DEV_GPU_UTIL", &metric::NVIDIA_GPU_UTILIZATION, 1.0),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", &metric::NVIDIA_MEMORY_UTILIZATION, 1.0),
    ("DCGM_FI_DEV_FB_USED", &metric::NVIDIA_MEMORY_USED, 1.048_576e-3),
    ("DCGM_FI_DEV_GPU_TEMP", &metric::NVIDIA_TEMPERATURE, 1.0),
    ("DCGM_FI_DEV_ENC_UTIL", &metric::NVIDIA_ENCODER_UTILIZATION, 1.0),
    ("DCGM_FI_DEV_DEC_UTIL", &metric::NVIDIA_DECODER_UTILIZATION, 1.0),
    ("DCGM_FI_PROF_SM_ACTIVE", &metric::NVIDIA_SM_UTILIZATION, 100.0),
    ("DCGM_FI_DEV_XID_ERRORS", &metric::NVIDIA_XID_ERRORS, 1.0),
    ("DCGM_FI_DEV_POWER_VIOLATION", &metric::NVIDIA_POWER_VIOLATION, 1e-3),
];

/// Text fields of a GPU, and their labels.
const TEXTS: &[(&str, &str)] = &[
    ("gpu_model_name", "modelName"),
    ("pci_bus_id", "pci_bus_id"),
    ("device", "device"),
    ("hostname", "Hostname"),
    ("namespace", "namespace"),
    ("pod_name", "pod"),
    ("driver_version", "DCGM_FI_DRIVER_VERSION"),
];

const ACRONYMS: &[&str] = &["GPU", "XID", "SM", "NVLINK", "PCI", "PCIE", "CPU", "RAM", "VRAM", "ECC"];

/// Units in help texts, as AIPerf interprets them.
const UNITS: &[(&str, &str)] = &[
    ("w", "W"),
    ("%", "%"),
    ("percent", "%"),
    ("gb", "GB"),
    ("mb", "MB"),
    ("kb", "KB"),
    ("gib", "GB"),
    ("mib", "MB"),
    ("kib", "KB"),
    ("mhz", "MHz"),
    ("ghz", "GHz"),
    ("c", "°C"),
    ("°c", "°C"),
    ("celsius", "°C"),
    ("us", "us"),
    ("ms", "ms"),
    ("s", "sec"),
    ("mj", "MJ"),
    ("j", "J"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::parse;

    #[test]
    fn fields_become_aiperfs() {
        let text = "# TYPE DCGM_FI_DEV_POWER_USAGE gauge\n\
                    DCGM_FI_DEV_POWER_USAGE{gpu=\"1\",UUID=\"GPU-1\",modelName=\"H200\",Hostname=\"n\"} 300.5\n\
                    # TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter\n\
                    DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu=\"1\",UUID=\"GPU-1\"} 5000000000\n\
                    DCGM_FI_PROF_SM_ACTIVE{gpu=\"1\",UUID=\"GPU-1\"} 0.5\n\
                    DCGM_FI_DEV_FB_USED{gpu=\"x\",UUID=\"GPU-1\"} 1000\nDCGM_FI_DEV_FB_USED 1000\n\
                    DCGM_FI_DEV_SM_CLOCK{gpu=\"1\",UUID=\"GPU-1\"} 1980\nDCGM_FI_DEV_OTHER{gpu=\"1\"} 7\n";
        let (more, bad_lines) = DcgmField::parse_all(
            "# a comment\nDCGM_FI_DEV_SM_CLOCK, gauge, SM clock frequency (in MHz).\nnonsense\nDCGM_FI_DEV_GPU_TEMP, gauge, x\n",
        );
        assert_eq!((more.len(), bad_lines), (1, 1), "one is new, one is wrong: {more:?}");
        let mut dcgm = Dcgm::new(&more);
        let at = Times { sent: MonoNs(10), received: MonoNs(30) };
        let described = |rows: Vec<GpuSample>| {
            let row = |row: GpuSample| {
                let value = row.value.map(|value| format!("{value}")).or(row.text).unwrap_or_default();
                format!("{} {} {value}", row.gpu_index, row.metric)
            };
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        let first = described(dcgm.rows("u", at, parse(text).readings));
        let expected = [
            "1 gpu_model_name H200",
            "1 hostname n",
            "1 nvidia_power_usage 300.5",
            "1 nvidia_energy_consumption 5",
            "1 nvidia_sm_utilization 50",
            "1 nvidia_sm_clock SM Clock Frequency (MHz)",
            "1 nvidia_sm_clock 1980",
        ];
        assert_eq!(first, expected, "AIPerf's names and units");
        assert_eq!(
            described(dcgm.rows("u", at, parse(text).readings)).len(),
            4,
            "descriptive rows are written once"
        );
    }
}
