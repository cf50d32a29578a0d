//! Why the clocks of GPUs were low during a run, and for which share of it; pure.

use common::clock::MonoNs;
use record::GpuSample;
use record::gpu_metric::NVIDIA_THROTTLE_REASONS;
use std::collections::BTreeMap;

/// Why clocks were low: for each GPU when NVML's bits changed, and to what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throttled {
    changes: BTreeMap<String, Changes>,
    /// Changes that were dropped for lack of room.
    pub lost: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Changes {
    kept: Vec<(MonoNs, u64)>,
    last: Option<u64>,
}

impl Throttled {
    /// Takes what a row says of them.
    pub fn take(&mut self, row: &GpuSample) {
        let Some(bits) = row.value.filter(|_| row.metric == NVIDIA_THROTTLE_REASONS.name) else { return };
        let bits = metric::whole(bits);
        let changes = self.changes.entry(row.gpu_uuid.clone()).or_default();
        if changes.last.replace(bits) == Some(bits) {
            return;
        }
        if changes.kept.len() < CHANGES_MAX {
            changes.kept.push((row.sampled_ns, bits));
        } else {
            self.lost += 1;
        }
    }

    /// The reasons that held during this stretch, each with the share of it on the GPU that it held longest.
    pub fn shares(&self, begin: MonoNs, end: MonoNs) -> Vec<(&'static str, f64)> {
        let length = (end - begin).as_seconds();
        if length <= 0.0 {
            return Vec::new();
        }
        let held = |changes: &[(MonoNs, u64)], bit: u64| {
            let ends = changes.iter().skip(1).map(|(at, _)| *at).chain([end]);
            let stretches = changes.iter().zip(ends).filter(|((_, bits), _)| bits & bit != 0);
            stretches
                .map(|((from, _), to)| (to.min(end) - (*from).max(begin)).as_seconds().max(0.0))
                .sum::<f64>()
        };
        let share =
            |bit| self.changes.values().map(|changes| held(&changes.kept, bit) / length).fold(0.0, f64::max);
        let shares = REASONS.iter().map(|(bit, name)| (*name, share(*bit)));
        shares.filter(|(_, share)| *share > 0.0).collect()
    }
}

/// Changes that are kept for each GPU.
const CHANGES_MAX: usize = 1 << 18;

/// NVML's bits (`nvmlClocksThrottleReason*`) that slow a GPU down without its user's request.
const REASONS: &[(u64, &str)] = &[
    (0x04, "power cap"),
    (0x08, "hardware slowdown"),
    (0x20, "software thermal slowdown"),
    (0x40, "hardware thermal slowdown"),
    (0x80, "power brake"),
];

/// The reason that a GPU under full load has by design.
pub(crate) const POWER_CAP: &str = "power cap";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: u64, bits: f64) -> GpuSample {
        GpuSample {
            source: "nvml".to_owned(),
            gpu_index: 0,
            mig_index: None,
            gpu_uuid: "GPU-0".to_owned(),
            pid: None,
            metric: NVIDIA_THROTTLE_REASONS.name.to_owned(),
            asked_ns: MonoNs(at),
            answered_ns: MonoNs(at),
            sampled_ns: MonoNs(at),
            value: Some(bits),
            text: None,
        }
    }

    #[test]
    fn reasons_have_their_share_of_the_phase() {
        let mut throttled = Throttled::default();
        for (at, bits) in [(0, 0.0), (50, 0.0), (100, 4.0), (150, 68.0), (200, 1.0)] {
            throttled.take(&row(at, bits));
        }
        let shares = throttled.shares(MonoNs(50), MonoNs(250));
        assert_eq!(shares, [("power cap", 0.5), ("hardware thermal slowdown", 0.25)], "of 200 ns");
        assert_eq!(throttled.shares(MonoNs(10), MonoNs(10)), [], "no time, no share");
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut throttled = Throttled::default();
        for (at, bits) in (0..).zip([0.0, 4.0].into_iter().cycle().take(CHANGES_MAX + 3)) {
            throttled.take(&row(at, bits));
        }
        assert_eq!(throttled.lost, 3, "each");
    }
}
