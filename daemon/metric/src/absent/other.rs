//! What only AIPerf's own architecture has, and what only a trace tells.

use crate::metric::{Flags, Metric, Unit};

/// Credit Drop Latency
pub(crate) const CREDIT_DROP: Metric =
    Metric::absent("credit_drop_latency", "Credit Drop Latency", "no credits pass between processes here")
        .short("Credit Latency")
        .latency()
        .flags(Flags::INTERNAL)
        .text("From a worker's receipt of the credit to the begin of the request.");

/// Theoretical Prefix Cache Hit
pub(crate) const PREFIX_CACHE_HIT: Metric = Metric::absent(
    "theoretical_prefix_cache_hit",
    "Theoretical Prefix Cache Hit",
    "it takes the block hashes of a trace, which are not recorded",
)
.unit(Unit::Percent)
.text("100 * blocks that an infinite cache would hold / all blocks.");
