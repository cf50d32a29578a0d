//! The clock of the tests' servers.

use rustix::time::{ClockId, clock_gettime};

/// The monotonic clock, in ns.
#[must_use]
pub fn mono_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap() * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap()
}
