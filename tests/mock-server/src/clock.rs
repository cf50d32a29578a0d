//! The one place that reads a clock: every stamp in the log is a `CLOCK_MONOTONIC` reading taken here.

use std::ops::Add;

use rustix::fs::Timespec;
use rustix::io::Errno;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, clock_gettime};

/// A reading of `CLOCK_MONOTONIC` in nanoseconds.
///
/// The server has its own copy of this type, so that the truth shares no code with what it is the truth for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MonoNs(pub(crate) u64);

/// A span of time in nanoseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DurationNs(pub(crate) u64);

/// Reads `CLOCK_MONOTONIC`.
#[inline]
pub(crate) fn now() -> MonoNs {
    let reading = clock_gettime(ClockId::Monotonic);
    MonoNs(reading.tv_sec.cast_unsigned() * NS_PER_SECOND + reading.tv_nsec.cast_unsigned())
}

/// Seconds since the Unix epoch, for the `created` field of replies.
pub(crate) fn unix_seconds() -> u64 {
    clock_gettime(ClockId::Realtime).tv_sec.cast_unsigned()
}

/// Blocks the thread until the clock reads `due`.
pub(crate) fn sleep_until(due: MonoNs) {
    let due = DurationNs(due.0).to_timespec();
    // A signal may end the sleep early; the loop then sleeps again.
    while clock_nanosleep_absolute(ClockId::Monotonic, &due) == Err(Errno::INTR) {}
}

impl MonoNs {
    /// A reading that never occurs.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The time from `self` to `later`, zero if `later` has passed.
    pub(crate) fn until(self, later: Self) -> DurationNs {
        DurationNs(later.0.saturating_sub(self.0))
    }
}

impl Add<DurationNs> for MonoNs {
    type Output = Self;

    fn add(self, span: DurationNs) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl DurationNs {
    /// No time at all.
    pub(crate) const ZERO: Self = Self(0);

    /// A span of whole milliseconds.
    pub(crate) const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds * 1_000_000)
    }

    /// What is left of the span when `part` is taken away, never less than zero.
    pub(crate) const fn minus(self, part: Self) -> Self {
        Self(self.0.saturating_sub(part.0))
    }

    /// A part of the span, or a multiple of it: `numerator / denominator` of it.
    pub(crate) fn part(self, numerator: u64, denominator: u64) -> Self {
        let part = u128::from(self.0) * u128::from(numerator) / u128::from(denominator);
        Self(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// The span in the kernel's form.
    pub(crate) fn to_timespec(self) -> Timespec {
        Timespec {
            tv_sec: (self.0 / NS_PER_SECOND).cast_signed(),
            tv_nsec: (self.0 % NS_PER_SECOND).cast_signed(),
        }
    }
}

impl Add for DurationNs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

const NS_PER_SECOND: u64 = 1_000_000_000;
