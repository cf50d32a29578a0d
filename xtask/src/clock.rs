//! The only place of this crate that reads a clock.

use rustix::time::{ClockId, clock_gettime};

/// The moment on `CLOCK_MONOTONIC`, in nanoseconds: the clock of the mock server's log.
pub(crate) fn mono_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// Seconds since a moment of [`mono_ns`].
pub(crate) fn seconds_since(begin_ns: u64) -> f64 {
    std::time::Duration::from_nanos(mono_ns().saturating_sub(begin_ns)).as_secs_f64()
}
