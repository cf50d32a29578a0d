//! The gaps between the arrivals of events with content.

use crate::metric::{Flags, Group, List, Metric};

/// The metric.
pub(crate) const METRIC: Metric = Metric::list(
    "kernel_inter_chunk_latency",
    "Kernel Inter Chunk Latency",
    List::KernelInterChunk,
)
.short("Kernel ICL")
.latency()
.ours(Group::Kernel)
.order(3070)
.flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
.text(
    "Differences of the arrivals of consecutive events with content; events that share a segment share \
         its timestamp, so their gap is zero.",
);
