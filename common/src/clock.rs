//! What a clock reading is: a reading and a span are different types, and two clocks never mix.

use core::fmt;
use core::ops::{Add, Sub};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// A reading of `CLOCK_MONOTONIC` in nanoseconds.
///
/// This is the clock that `bpf_ktime_get_ns` reads (`kernel/bpf/helpers.c`, `ktime_get_mono_fast_ns`), so kernel
/// and user-space stamps subtract. Zero means "not stamped" where a layout has no room for an option.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct MonoNs(pub u64);

/// A reading of `CLOCK_REALTIME` in nanoseconds since the Unix epoch.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct RealNs(pub u64);

/// A signed span of nanoseconds between two readings of one clock.
#[repr(transparent)]
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct DurationNs(pub i64);

/// One moment on both clocks: how a monotonic reading becomes a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Anchor {
    /// The moment on `CLOCK_MONOTONIC`.
    pub mono_ns: MonoNs,
    /// The same moment on `CLOCK_REALTIME`.
    pub real_ns: RealNs,
    /// How far apart the two may be: the time that it took to read both.
    pub uncertainty_ns: DurationNs,
}

impl MonoNs {
    /// The reading, unless it is the "not stamped" zero.
    #[must_use]
    pub const fn stamped(self) -> Option<Self> {
        if self.0 == 0 { None } else { Some(self) }
    }

    /// The span since `earlier`, negative when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationNs {
        DurationNs(self.0.wrapping_sub(earlier.0).cast_signed())
    }
}

impl DurationNs {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of seconds; what does not fit saturates, and a NaN is no time.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates, which is what is documented"
    )]
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e9) as i64)
    }

    /// The span in seconds, exact up to 2^53 ns (104 days).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "spans of a run stay far below 2^53 ns")]
    pub const fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span in milliseconds, exact up to 2^53 ns (104 days).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "spans of a run stay far below 2^53 ns")]
    pub const fn as_millis(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Anchor {
    /// The date of a monotonic reading, by this anchor; exact while the real-time clock is not stepped.
    #[must_use]
    pub const fn real(&self, mono: MonoNs) -> RealNs {
        RealNs(self.real_ns.0.wrapping_add_signed(mono.since(self.mono_ns).0))
    }

    /// The monotonic reading of a date, by this anchor; exact while the real-time clock is not stepped.
    #[must_use]
    pub const fn mono(&self, real: RealNs) -> MonoNs {
        let ahead = real.0.wrapping_sub(self.real_ns.0).cast_signed();
        MonoNs(self.mono_ns.0.wrapping_add_signed(ahead))
    }
}

impl Sub for MonoNs {
    type Output = DurationNs;

    fn sub(self, earlier: Self) -> DurationNs {
        self.since(earlier)
    }
}

impl Add<DurationNs> for MonoNs {
    type Output = Self;

    fn add(self, span: DurationNs) -> Self {
        Self(self.0.saturating_add_signed(span.0))
    }
}

impl Add for DurationNs {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for DurationNs {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for DurationNs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.unsigned_abs() {
            0..10_000 => write!(out, "{} ns", self.0),
            10_000..10_000_000 => write!(out, "{:.1} µs", self.as_millis() * 1e3),
            10_000_000..10_000_000_000 => write!(out, "{:.1} ms", self.as_millis()),
            _ => write!(out, "{:.2} s", self.as_seconds()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_signed() {
        assert_eq!(MonoNs(5) - MonoNs(9), DurationNs(-4), "an earlier reading gives a negative span");
        assert_eq!(MonoNs(9) + DurationNs(-4), MonoNs(5), "and adding it goes back");
    }

    #[test]
    fn an_anchor_maps_both_ways() {
        let anchor = Anchor {
            mono_ns: MonoNs(1_000),
            real_ns: RealNs(1_790_000_000_000_000_000),
            uncertainty_ns: DurationNs(40),
        };
        for mono in [MonoNs(0), MonoNs(1_000), MonoNs(77_000_000_000)] {
            assert_eq!(anchor.mono(anchor.real(mono)), mono, "round trip");
        }
    }
}
