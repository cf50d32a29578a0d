//! The only place of the fake that reads a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970, as NVML dates its samples.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
pub fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A moment of the steady clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the module that reads the clock")]
pub fn now() -> Instant {
    Instant::now()
}
