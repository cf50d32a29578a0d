//! Reads the clocks; no other module of the client does.

use common::clock::{MonoNs, RealNs};
use std::time::Duration;

/// The monotonic clock, which the run's timestamps use too.
pub(crate) fn mono() -> MonoNs {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    MonoNs(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs())
}

/// The wall clock, since 1970.
pub(crate) fn real() -> RealNs {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    RealNs(now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs())
}

/// A point in time, to measure durations from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment(rustix::time::Timespec);

impl Moment {
    /// The current time.
    pub(crate) fn now() -> Self {
        Self(rustix::time::clock_gettime(rustix::time::ClockId::Monotonic))
    }

    /// The time elapsed since then.
    pub(crate) fn elapsed(self) -> Duration {
        let now = Self::now().0;
        let nanoseconds = (now.tv_sec - self.0.tv_sec) * 1_000_000_000 + (now.tv_nsec - self.0.tv_nsec);
        Duration::from_nanos(nanoseconds.max(0).unsigned_abs())
    }
}
