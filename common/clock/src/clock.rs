//! Reads the kernel's clocks: the programs' only place that does.

#![forbid(unsafe_code)]

use common::clock::{Anchor, MonoNs, RealNs};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

/// The moment on `CLOCK_MONOTONIC`, the clock of the kernel's stamps.
#[inline]
#[must_use]
pub fn mono() -> MonoNs {
    MonoNs(nanoseconds(clock_gettime(ClockId::Monotonic)))
}

/// The moment on `CLOCK_REALTIME`, since 1970: the clock of the sockets' software stamps.
#[inline]
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

/// A point in time, to measure durations from.
#[derive(Clone, Copy, Debug)]
pub struct Moment(MonoNs);

impl Moment {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        Self(mono())
    }

    /// The time elapsed since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(mono().0.saturating_sub(self.0.0))
    }
}

const fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_of_one_moment() {
        let (before, anchor, after) = (mono(), anchor(), mono());
        assert!((before..=after).contains(&anchor.mono_ns), "between two readings");
        assert!(anchor.uncertainty_ns >= common::clock::DurationNs(0), "time does not go back");
    }
}
