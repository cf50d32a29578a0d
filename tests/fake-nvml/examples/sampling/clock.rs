//! The only place of the example that reads a clock.

use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use rustix::time::{ClockId, clock_gettime};

fn nanoseconds(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// The moment on `CLOCK_MONOTONIC`.
pub(crate) fn mono() -> MonoNs {
    MonoNs(nanoseconds(ClockId::Monotonic))
}

/// One moment on both clocks.
pub(crate) fn anchor() -> Anchor {
    let mono_ns = mono();
    let real_ns = RealNs(nanoseconds(ClockId::Realtime));
    Anchor { mono_ns, real_ns, uncertainty_ns: DurationNs(0) }
}

/// Seconds that this process has spent on processors.
pub(crate) fn cpu_seconds() -> f64 {
    std::time::Duration::from_nanos(nanoseconds(ClockId::ProcessCPUTime)).as_secs_f64()
}
