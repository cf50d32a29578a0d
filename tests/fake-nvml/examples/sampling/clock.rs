//! The clocks of the tests, and what a processor has spent.

#[path = "../../tests/collector/clock.rs"]
mod clocks;

pub(crate) use clocks::{anchor, mono};

/// Seconds that this process has spent on processors.
pub(crate) fn cpu_seconds() -> f64 {
    let spent = clocks::nanoseconds(rustix::time::ClockId::ProcessCPUTime);
    std::time::Duration::from_nanos(spent).as_secs_f64()
}
