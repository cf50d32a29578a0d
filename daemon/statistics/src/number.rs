//! The only functions that convert between integers and floats.

/// An integer as a float: exact up to 2^53, rounded beyond.
#[expect(clippy::cast_precision_loss, reason = "a count of requests beyond 2^53 is rounded")]
pub(crate) const fn float(integer: u64) -> f64 {
    integer as f64
}

/// A length as a float.
pub(crate) const fn float_of(length: usize) -> f64 {
    float(length as u64)
}

/// A non-negative float as an integer, truncated; out-of-range values saturate.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, which is what is documented"
)]
pub(crate) const fn whole(number: f64) -> u64 {
    number as u64
}

/// A float of lower precision, for what is shown and not computed with.
#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough for a size")]
pub(crate) const fn short(number: f64) -> f32 {
    number as f32
}
