//! Metrics specific to AIPerf's own architecture, or that need a trace.

use crate::metric::{Flags, Metric, Unit};

/// Credit Drop Latency
pub(crate) const CREDIT_DROP: Metric =
    Metric::absent("credit_drop_latency", "Credit Drop Latency", "aiperfd has no credits between processes")
        .short("Credit Latency")
        .latency()
        .flags(Flags::INTERNAL)
        .text("From a worker's receipt of the credit to the start of the request.");

/// Theoretical Prefix Cache Hit
pub(crate) const PREFIX_CACHE_HIT: Metric = Metric::absent(
    "theoretical_prefix_cache_hit",
    "Theoretical Prefix Cache Hit",
    "it needs the block hashes of a trace, which are not recorded",
)
.unit(Unit::Percent)
.text("100 * blocks that an infinite cache would hold / all blocks.");
