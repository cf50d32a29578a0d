//! GPU telemetry of a run over its time, from `gpu_telemetry_export.jsonl`, which AIPerf and this program write alike.

use anyhow::{Context, Result};
use metric::float;
use picture::Point;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::BufReader;
use std::path::Path;
use store::source::{self, next_line};

/// Readings of all GPUs by metric: the mean over GPUs of each moment.
#[derive(Debug, Default)]
pub(super) struct Gpus {
    /// By metric, by tenths of a second since the first request: sum and number.
    readings: BTreeMap<String, BTreeMap<i64, (f64, u32)>>,
    is_there: bool,
}

impl Gpus {
    /// Reads a run's telemetry; `begin_ns` is when its first request started, as a date.
    pub(super) fn read(directory: &Path, begin_ns: u64) -> Result<Self> {
        let path = directory.join(NAME);
        if !path.is_file() {
            return Ok(Self::default());
        }
        let shown = || format!("failed to read `{}`", path.display());
        let mut gpus = Self { is_there: true, ..Self::default() };
        let mut lines = BufReader::new(source::open(&path, BYTES_MAX).with_context(shown)?);
        let mut line = Vec::new();
        let mut broken = None;
        while next_line(&mut lines, &mut line, LINE_BYTES_MAX).with_context(shown)? {
            // Of a file that is still written the last line may be a part.
            if let Some(error) = broken {
                return Err(error).context("a line is not JSON").with_context(shown);
            }
            match serde_json::from_slice::<Value>(&line) {
                Ok(reading) => gpus.add(&reading, begin_ns),
                Err(error) => broken = Some(error),
            }
        }
        Ok(gpus)
    }

    fn add(&mut self, reading: &Value, begin_ns: u64) {
        let Some(at) = reading["timestamp_ns"].as_u64() else { return };
        let moment = at.cast_signed().saturating_sub(begin_ns.cast_signed()).div_euclid(INTERVAL_NS);
        for (name, value) in reading["telemetry_data"].as_object().into_iter().flatten() {
            let Some(value) = value.as_f64().filter(|value| value.is_finite()) else { continue };
            let (sum, number) =
                self.readings.entry(name.clone()).or_default().entry(moment).or_insert((0.0, 0));
            *sum += value;
            *number += 1;
        }
    }

    /// A metric over time, in seconds since the first request.
    ///
    /// # Errors
    /// When there is none, with the reason.
    pub(super) fn over_time(&self, name: &str) -> Result<Vec<Point>, String> {
        if !self.is_there {
            return Err("the run has no GPU telemetry: see --gpu-telemetry".to_owned());
        }
        let resolved = self.resolved(name);
        let readings = self.readings.get(resolved).ok_or_else(|| format!("no GPU reports `{name}`"))?;
        let point = |(moment, (sum, number)): (&i64, &(f64, u32))| {
            let seconds =
                float(moment.unsigned_abs()) * if *moment < 0 { -1.0 } else { 1.0 } / INTERVALS_PER_SECOND;
            Point::new(seconds, sum / f64::from(*number))
        };
        Ok(readings.iter().map(point).filter(|point| point.x >= 0.0).collect())
    }

    /// The name under which a metric is there: earlier versions had no prefix, and AMD's GPUs have an activity of their own.
    pub(super) fn resolved<'a>(&self, name: &'a str) -> &'a str {
        let is_there = |name: &&str| self.readings.contains_key(*name);
        let others: &[&str] = if ACTIVITY.contains(&name) { ACTIVITY } else { &[] };
        match others.iter().find(|other| is_there(other)) {
            Some(other) if !is_there(&name) => other,
            _ => name,
        }
    }
}

const NAME: &str = "gpu_telemetry_export.jsonl";
/// How busy a GPU is, by what its telemetry has: not comparable between vendors.
const ACTIVITY: &[&str] = &["nvidia_gpu_utilization", "amd_gfx_activity", "gpu_utilization"];
const BYTES_MAX: u64 = 4 << 30;
const LINE_BYTES_MAX: usize = 1 << 20;
const INTERVAL_NS: i64 = 100_000_000;
const INTERVALS_PER_SECOND: f64 = 10.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_averaged_and_amd_has_its_own_name() {
        let directory = tempfile::tempdir().unwrap();
        let line = |at: u64, gpu: u32, value: f64| {
            format!(
                r#"{{"timestamp_ns":{at},"gpu_index":{gpu},"telemetry_data":{{"amd_gfx_activity":{value}}}}}"#
            )
        };
        let begin = 1_790_000_000_000_000_000;
        let lines = [
            line(begin - 1, 0, 90.0),
            line(begin, 0, 10.0),
            line(begin + 1000, 1, 30.0),
            line(begin + 1_000_000_000, 0, 50.0),
            "{\"cut".to_owned(),
        ];
        std::fs::write(directory.path().join(NAME), lines.join("\n")).unwrap();
        let gpus = Gpus::read(directory.path(), begin).unwrap();
        let points = gpus.over_time("nvidia_gpu_utilization").unwrap();
        assert_eq!(
            points.iter().map(|point| (point.x, point.y)).collect::<Vec<_>>(),
            [(0.0, 20.0), (1.0, 50.0)],
            "means"
        );
        assert_eq!(gpus.resolved("nvidia_gpu_utilization"), "amd_gfx_activity", "the name");
        assert!(gpus.over_time("nvidia_power_usage").is_err(), "another metric");
        assert!(Gpus::default().over_time("x").unwrap_err().contains("--gpu-telemetry"), "none");
        std::fs::write(directory.path().join(NAME), format!("{{\"cut\n{}\n", line(begin, 0, 1.0))).unwrap();
        let broken = format!("{:#}", Gpus::read(directory.path(), begin).unwrap_err());
        assert!(broken.contains("a line is not JSON"), "{broken}");
    }
}
