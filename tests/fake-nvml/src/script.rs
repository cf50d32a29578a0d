//! The scripted GPUs: their numbers and their behaviour.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A host's GPUs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What `nvmlInit` returns: 0, or one of `nvmlReturn_t`.
    pub init: u32,
    /// Whether `nvmlInit` never returns.
    pub init_hangs: bool,
    /// The GPUs.
    pub gpus: Vec<Gpu>,
}

/// A GPU, or a part of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Its name for itself.
    pub uuid: String,
    /// Its model.
    pub name: String,
    /// What it draws: seconds since the library was opened, watts from then on.
    pub power: Vec<(f64, f64)>,
    /// Its energy counter when the library was opened, in millijoules.
    pub energy_millijoules: u64,
    /// From one update of that counter to the next.
    pub energy_step_ms: u64,
    /// From one sample of the driver's own to the next.
    pub sample_step_ms: u64,
    /// Share of the time in which kernels ran, in percent.
    pub utilization: u32,
    /// The same of its memory.
    pub memory_utilization: u32,
    /// Clocks of its processors, in MHz.
    pub sm_clock: u32,
    /// Clock of its memory, in MHz.
    pub memory_clock: u32,
    /// Why its clocks are low: seconds since the library was opened, NVML's bits from then on.
    pub throttle: Vec<(f64, u64)>,
    /// Its temperature in °C.
    pub temperature: u32,
    /// Bytes of its memory in use.
    pub memory_used: u64,
    /// Bytes of its memory.
    pub memory_total: u64,
    /// The values of its own counters, by NVML's numbers of their metrics; empty of a chip that has none.
    pub gpm: BTreeMap<u32, f64>,
    /// Who uses it: process number, bytes, percent.
    pub processes: Vec<(u32, u64, u32)>,
    /// Into what it is divided; empty of a GPU that is whole.
    pub parts: Vec<Self>,
    /// What calls return instead of an answer, by name.
    pub fails: BTreeMap<String, u32>,
    /// Calls that do not return, by name: the first one that does not.
    pub hangs: BTreeMap<String, u64>,
    /// Calls that take their time, by name: milliseconds.
    pub takes_ms: BTreeMap<String, u64>,
}

impl Default for Gpu {
    fn default() -> Self {
        Self {
            uuid: "GPU-00000000-0000-0000-0000-000000000000".to_owned(),
            name: "Scripted GPU".to_owned(),
            power: vec![(0.0, 100.0)],
            energy_millijoules: 1_000_000,
            energy_step_ms: 1,
            sample_step_ms: 10,
            utilization: 50,
            memory_utilization: 25,
            sm_clock: 1980,
            memory_clock: 3201,
            throttle: vec![(0.0, 0)],
            temperature: 45,
            memory_used: 20_000_000_000,
            memory_total: 150_000_000_000,
            gpm: BTreeMap::new(),
            processes: Vec::new(),
            parts: Vec::new(),
            fails: BTreeMap::new(),
            hangs: BTreeMap::new(),
            takes_ms: BTreeMap::new(),
        }
    }
}

impl Gpu {
    /// What it draws at a moment, in watts.
    #[must_use]
    pub fn watts(&self, seconds: f64) -> f64 {
        at(&self.power, seconds)
    }

    /// What it has drawn since the library was opened, in joules: exactly.
    #[must_use]
    pub fn joules(&self, seconds: f64) -> f64 {
        let ends = self.power.iter().skip(1).map(|(at, _)| *at).chain([f64::INFINITY]);
        let stretches = self.power.iter().zip(ends);
        stretches.map(|((begin, watts), end)| watts * (seconds.min(end) - begin).max(0.0)).sum()
    }

    /// Why its clocks are low at a moment.
    #[must_use]
    pub fn throttled(&self, seconds: f64) -> u64 {
        at(&self.throttle, seconds)
    }
}

/// The last value whose time has come.
fn at<T: Copy + Default>(steps: &[(f64, T)], seconds: f64) -> T {
    let last = steps.iter().take_while(|(at, _)| *at <= seconds).last();
    last.map_or_else(T::default, |(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_is_power_over_time() {
        let gpu = Gpu { power: vec![(0.0, 100.0), (2.0, 300.0)], ..Gpu::default() };
        assert!((gpu.joules(1.0) - 100.0).abs() < 1e-9, "a second at 100 W");
        assert!((gpu.joules(3.0) - 500.0).abs() < 1e-9, "two seconds at 100 W, one at 300 W");
        assert!((gpu.watts(2.5) - 300.0).abs() < 1e-9, "after the step");
    }
}
