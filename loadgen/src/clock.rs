//! The only place of the load generator that reads a clock.

use common::clock::{Anchor, MonoNs, RealNs};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// The moment on `CLOCK_MONOTONIC`, the clock of the kernel's stamps.
#[must_use]
pub fn mono() -> MonoNs {
    MonoNs(nanoseconds(clock_gettime(ClockId::Monotonic)))
}

/// The moment on `CLOCK_REALTIME`, the clock of the sockets' software stamps.
#[must_use]
pub fn real() -> RealNs {
    RealNs(nanoseconds(clock_gettime(ClockId::Realtime)))
}

/// One moment on both clocks.
#[must_use]
pub fn anchor() -> Anchor {
    let mono_ns = mono();
    let real_ns = real();
    Anchor { mono_ns, real_ns, uncertainty_ns: mono() - mono_ns }
}

const fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}
