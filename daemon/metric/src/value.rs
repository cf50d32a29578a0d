//! A metric's value: a number that is always finite, and the only functions that convert integers to floats.

use common::clock::MonoNs;

/// A finite number: the output of a metric, which an exporter may write.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Value(f64);

impl Value {
    /// Zero.
    pub const ZERO: Self = Self(0.0);
    /// One.
    pub const ONE: Self = Self(1.0);

    /// The number, unless it is infinite or NaN.
    #[must_use]
    pub const fn new(number: f64) -> Option<Self> {
        if number.is_finite() { Some(Self(number)) } else { None }
    }

    /// The nanoseconds from `earlier` to `later`; `None` if `later` is before `earlier`.
    #[must_use]
    pub fn span(earlier: MonoNs, later: MonoNs) -> Option<Self> {
        Some(Self(float(later.0.checked_sub(earlier.0)?)))
    }

    /// A count.
    #[must_use]
    pub fn count(count: impl Into<u64>) -> Self {
        Self(float(count.into()))
    }

    /// The quotient, unless the divisor is zero.
    #[must_use]
    pub fn ratio(numerator: Self, divisor: Self) -> Option<Self> {
        Self::new(numerator.0 / divisor.0)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// An integer as a float: exact up to 2^53, rounded beyond, like AIPerf's columns.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "rounding beyond 2^53 is what AIPerf's float64 columns do too"
)]
pub const fn float(integer: u64) -> f64 {
    integer as f64
}

/// A length as a float.
#[must_use]
pub const fn float_of(length: usize) -> f64 {
    float(length as u64)
}

/// A non-negative float as an integer, truncated; out-of-range values saturate.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what is documented"
)]
pub const fn whole(number: f64) -> u64 {
    number as u64
}

/// A non-negative float as an index, truncated; out-of-range values saturate.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what is documented"
)]
pub(crate) const fn index(number: f64) -> usize {
    number as usize
}

/// The value of a float that is an integer fitting 32 bits.
#[must_use]
pub(crate) fn small(number: f64) -> Option<u32> {
    let cut = u32::try_from(whole(number)).ok()?;
    (f64::from(cut).to_bits() == number.to_bits()).then_some(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_finite() {
        assert_eq!(Value::new(f64::NAN), None, "not a number is no value");
        assert_eq!(Value::new(f64::INFINITY), None, "neither is infinity");
        assert_eq!(Value::ratio(Value::ONE, Value::ZERO), None, "nor a division by zero");
        assert_eq!(Value::span(MonoNs(9), MonoNs(5)), None, "nor a span that runs backwards");
    }

    #[test]
    fn small_whole_numbers_are_recognised() {
        assert_eq!(small(7.0), Some(7), "whole");
        for other in [7.5, -1.0, f64::NAN, 4_294_967_296.0, -0.0] {
            assert_eq!(small(other), None, "{other} is not");
        }
    }
}
