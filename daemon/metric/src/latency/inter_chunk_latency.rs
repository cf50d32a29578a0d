//! The gaps between events with content: vLLM's ITL.

use crate::metric::{Flags, Group, List, Metric};

/// The metric.
pub(crate) const METRIC: Metric = Metric::list(
    "inter_chunk_latency",
    "Inter Chunk Latency",
    List::InterChunk,
)
.short("ICL")
.latency()
.group(Group::Hidden)
.flags(Flags::STREAMING_ONLY.and(Flags::PRODUCES_TOKENS_ONLY))
.text(
    "Differences of the reads of consecutive events with content; events received in one read share a \
         timestamp, so their gap is zero.",
);
