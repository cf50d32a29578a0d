//! The only place of the daemon that reads a clock.

use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The moment on `CLOCK_MONOTONIC`.
#[must_use]
pub fn mono() -> MonoNs {
    MonoNs(nanoseconds(clock_gettime(ClockId::Monotonic)))
}

/// The moment on `CLOCK_REALTIME`.
#[must_use]
pub fn real() -> RealNs {
    RealNs(nanoseconds(clock_gettime(ClockId::Realtime)))
}

/// One moment on both clocks: the closest pair of several.
#[must_use]
pub fn anchor() -> Anchor {
    let pair = || {
        let before = mono();
        let real_ns = real();
        let uncertainty_ns = mono() - before;
        Anchor { mono_ns: before, real_ns, uncertainty_ns }
    };
    let mut best = pair();
    for _ in 0..8 {
        let other = pair();
        if other.uncertainty_ns < best.uncertainty_ns {
            best = other;
        }
    }
    best
}

/// By how many seconds this process's `CLOCK_MONOTONIC` is off the kernel's, which stamps packets: in a time namespace (man
/// 7 time_namespaces) it may be.
#[must_use]
pub fn shift_seconds() -> f64 {
    let offsets = std::fs::read_to_string(doctor::clocks::OFFSETS).unwrap_or_default();
    let (seconds, nanoseconds) = doctor::clocks::shift(&offsets).unwrap_or((0, 0));
    DurationNs(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)).as_seconds()
}

const fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
