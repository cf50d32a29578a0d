//! Clocks of GPUs, and what is missing of their samples.

use super::{Evidence, Found, Rule, degraded, note, number};
use crate::throttled::POWER_CAP;

/// The rules.
pub(super) const RULES: &[&Rule] =
    &[&GPU_THROTTLED, &GPU_POWER_CAPPED, &GPU_SAMPLES_LOST, &GPU_DRIVER_SLOW, &GPU_DRIVER_HUNG];

const GPU_THROTTLED: Rule = Rule::new("gpu_throttled", gpu_throttled)
    .threshold("degraded above 1 % of the measured time")
    .cause("A GPU's clocks were held down by heat or by its power supply: another run may well be faster.")
    .cure("check its cooling and power supply");

fn gpu_throttled(evidence: &Evidence) -> Option<Found> {
    let slowed = |(name, share): &&(&str, f64)| *name != POWER_CAP && *share > THROTTLED_SHARE;
    let slowed = evidence.gpu_throttled.iter().filter(slowed);
    let figures = slowed.map(|(name, share)| (*name, share * 100.0, "%")).collect::<Vec<_>>();
    (!figures.is_empty())
        .then(|| degraded("a GPU's clocks were held down by heat or its power supply", &figures))
}

const GPU_POWER_CAPPED: Rule = Rule::new("gpu_power_capped", gpu_power_capped)
    .threshold("noted above 1 % of the measured time")
    .cause("A GPU's clocks were held down by its power limit, which is usual at full load.")
    .cure("compare only with runs at the same power limit");

fn gpu_power_capped(evidence: &Evidence) -> Option<Found> {
    let capped = |(name, share): &&(&str, f64)| *name == POWER_CAP && *share > THROTTLED_SHARE;
    let (name, share) = evidence.gpu_throttled.iter().find(capped)?;
    Some(note("a GPU's clocks were held down by its power limit", &[(name, share * 100.0, "%")]))
}

const GPU_SAMPLES_LOST: Rule = Rule::new("gpu_samples_lost", gpu_lost)
    .threshold("degraded when there was any")
    .cause("Numbers of GPUs were dropped: the queue to the disk was full.")
    .cure("raise --gpu-sample-interval");

fn gpu_lost(evidence: &Evidence) -> Option<Found> {
    let count = evidence.gpu_samples_lost;
    let figures = [("numbers lost", number(count), "numbers")];
    (count > 0).then(|| degraded("numbers of GPUs were lost on their way to the disk", &figures))
}

const GPU_DRIVER_SLOW: Rule = Rule::new("gpu_driver_slow", gpu_slow)
    .threshold("noted above 20 % of the readings")
    .cause("The GPUs' driver responds more slowly than it is polled.")
    .cure("raise --gpu-sample-interval");

fn gpu_slow(evidence: &Evidence) -> Option<Found> {
    let missed = evidence.gpu_rounds_missed;
    let figures = [("readings left out", missed * 100.0, "%")];
    (missed > GPU_MISSED).then(|| note("the GPUs' driver responds more slowly than it is polled", &figures))
}

const GPU_DRIVER_HUNG: Rule = Rule::new("gpu_driver_hung", gpu_hung)
    .threshold("degraded")
    .cause("A call to a GPU's driver did not return, so the GPUs' numbers end early.")
    .cure("see gpu in run.json, and dmesg");

fn gpu_hung(evidence: &Evidence) -> Option<Found> {
    evidence.gpu_hung.then(|| degraded("a call to a GPU's driver did not return", &[]))
}

/// Clocks may be held down for this share of the time.
const THROTTLED_SHARE: f64 = 0.01;
/// So many readings of GPUs may be left out.
const GPU_MISSED: f64 = 0.2;

#[cfg(test)]
mod tests {
    use crate::verdict::testing::check;
    use record::Standing::{Degraded, Valid};

    #[test]
    fn what_gpus_did() {
        check(
            |evidence| evidence.gpu_throttled = vec![("power cap", 0.9), ("hardware thermal slowdown", 0.02)],
            Degraded,
            &["gpu_throttled", "gpu_power_capped"],
        );
        check(|evidence| evidence.gpu_throttled = vec![("power brake", 0.01)], Valid, &[]);
        check(|evidence| evidence.gpu_samples_lost = 1, Degraded, &["gpu_samples_lost"]);
        check(|evidence| evidence.gpu_rounds_missed = 0.3, Valid, &["gpu_driver_slow"]);
        check(|evidence| evidence.gpu_hung = true, Degraded, &["gpu_driver_hung"]);
    }
}
