//! The only place of this example that reads a clock.

use std::time::{Duration, Instant};

/// A moment, to measure how long something takes.
pub(crate) struct Moment(Instant);

impl Moment {
    /// This moment.
    #[expect(clippy::disallowed_methods, reason = "this is a clock module")]
    pub(crate) fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago it was.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
