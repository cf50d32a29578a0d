//! The only place of the tests, and of the example, that reads a clock.

use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use rustix::time::{ClockId, clock_gettime};

/// A clock's reading.
pub(crate) fn nanoseconds(clock: ClockId) -> u64 {
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
