//! How closely a fixed schedule was followed.

use crate::case::Case;
use crate::metric::{Flags, Group, Injected, Metric, Unit};
use crate::stats::{Stat, Stats};
use crate::value::Value;

/// Replay Send Schedule Offset
pub(crate) const OFFSET: Metric =
    Metric::record("replay_send_schedule_offset", "Replay Send Schedule Offset", offset)
        .short("Sched Offset")
        .unit(Unit::Nanoseconds)
        .group(Group::Hidden)
        .flags(Flags::INTERNAL.and(Flags::FIXED_SCHEDULE_ONLY))
        .text("submitted - due.");

/// Replay Schedule Lag p50
pub(crate) const LAG_P50: Metric = lag("replay_sched_lag_p50", "Replay Schedule Lag p50", Stat::P50)
    .short("Sched Lag p50")
    .text("The median of replay_send_schedule_offset, minus its minimum.");

/// Replay Schedule Lag p90
pub(crate) const LAG_P90: Metric = lag("replay_sched_lag_p90", "Replay Schedule Lag p90", Stat::P90)
    .short("Sched Lag p90")
    .text("The 90th percentile of replay_send_schedule_offset, minus its minimum.");

/// Replay Schedule Lag p99
pub(crate) const LAG_P99: Metric = lag("replay_sched_lag_p99", "Replay Schedule Lag p99", Stat::P99)
    .short("Sched Lag p99")
    .text("The 99th percentile of replay_send_schedule_offset, minus its minimum.");

/// Replay Schedule Degraded
pub(crate) const DEGRADED: Metric =
    Metric::injected("replay_sched_degraded", "Replay Schedule Degraded", Injected::ReplayDegraded)
        .short("Sched Degraded")
        .unit(Unit::Count)
        .group(Group::Hidden)
        .flags(Flags::FIXED_SCHEDULE_ONLY)
        .text("1 where replay_sched_lag_p99 is more than 500 ms, else 0.");

const fn lag(tag: &'static str, header: &'static str, stat: Stat) -> Metric {
    Metric::injected(tag, header, Injected::ReplayLag(stat))
        .unit(Unit::Milliseconds)
        .group(Group::Hidden)
        .flags(Flags::FIXED_SCHEDULE_ONLY)
}

fn offset(case: &Case<'_>) -> Option<Value> {
    case.since_due(case.submitted_ns)
}

/// The lag of a percentile in milliseconds, from the statistics of the offsets in nanoseconds.
pub(crate) fn lag_ms(offsets: &Stats, stat: Stat) -> Option<f64> {
    Some((offsets.get(stat)?.get() - offsets.get(Stat::Min)?.get()) * 1e-6)
}

/// Above this, the schedule counts as not followed.
pub(crate) const DEGRADED_MS: f64 = 500.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::check;

    #[test]
    fn lags_count_from_the_least_offset() {
        check(&OFFSET, |_| (), Some(1e6));
        let offsets = Stats::of_sample([3e6, 5e6, 9e6]);
        assert!((lag_ms(&offsets, Stat::P50).unwrap() - 2.0).abs() < 1e-9, "5 - 3 ms");
    }
}
