//! Reads the clock; no other module of this example does.

use std::time::{Duration, Instant};

/// A point in time, to measure durations from.
pub(crate) struct Moment(Instant);

impl Moment {
    /// The current time.
    #[expect(clippy::disallowed_methods, reason = "this is a clock module")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// The time elapsed since then.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
