//! How long requests waited and took from their release, including failed ones. Waiting for a limit on requests in flight is
//! not included, as in AIPerf; `request_latency_from_due` includes it.

use crate::metric::{Group, Injected, Metric};
use crate::value::float;
use common::clock::RealNs;

/// From release to start.
pub(crate) const CREDIT_TO_START: Metric =
    Metric::injected("credit_to_start_latency", "Credit-to-Start Latency", Injected::DueToStart)
        .latency()
        .group(Group::Hidden)
        .text("max(0, submitted - released) of all requests, released being when the schedule and every limit allowed it (AIPerf's credit), by dates rounded to 256 ns as AIPerf's are.");

/// From release to end.
pub(crate) const EFFECTIVE_LATENCY: Metric =
    Metric::injected("effective_latency", "Effective Latency (CO-aware)", Injected::DueToEnd)
        .latency()
        .group(Group::Effective)
        .text("max(0, ended - released) of all requests, released being when the schedule and every limit allowed it (AIPerf's credit), by dates rounded to 256 ns as AIPerf's are.");

/// The milliseconds between two dates as floats of nanoseconds, which are rounded to 256; never negative.
pub(crate) fn between(due: RealNs, later: RealNs) -> f64 {
    (float(later.0) - float(due.0)).max(0.0) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_run_backwards() {
        assert!((between(RealNs(1_000_000), RealNs(3_000_000)) - 2.0).abs() < 1e-12, "two milliseconds");
        assert!(between(RealNs(3_000_000), RealNs(1_000_000)).abs() < 1e-12, "none");
    }
}
