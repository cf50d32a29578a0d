//! One file per metric: tag, unit, flags, text, formula; and the analysis that takes their statistics. Pure.
//!
//! ```text
//! registry.rs   METRICS, the table of contents      latency/ length/ throughput/ count/ usage/ http/ injected/
//!                                                   AIPerf's metrics; kernel/ client/ ours
//!               media.rs spec_decode.rs network.rs: AIPerf's too
//! metric.rs     what a metric is                    case.rs      a request as formulas see it
//! analysis.rs   rows in, Report out                 events.rs    events to requests; gaps.rs their numbers
//! group.rs      a phase's results                   stats.rs     NumPy's statistics; confidence.rs when to doubt
//! server/        what the server said of itself       gpu/    what the GPUs did
//! live.rs       percentiles during the run          goodput.rs   thresholds
//! steady.rs     the run without start-up and drain
//! ```
//!
//! Adding a metric is one new file and one line in `registry.rs`.
#![forbid(unsafe_code)]

mod absent;
mod aiperf;
mod analysis;
mod branches;
mod case;
mod client;
mod column;
pub mod confidence;
mod count;
pub mod docs;
mod events;
mod experimental;
mod gaps;
mod goodput;
pub mod gpu;
mod group;
mod http;
mod injected;
mod kernel;
mod latency;
mod length;
mod live;
mod media;
mod metric;
mod network;
mod registry;
mod replay;
mod report;
pub mod server;
mod settings;
mod spec_decode;
mod stats;
mod steady;
#[cfg(test)]
mod testing;
mod throughput;
mod totals;
mod usage;
mod value;

pub use analysis::{Analysis, values};
pub use case::Case;
pub use events::Event;
pub use goodput::{GoodputError, Threshold};
pub use live::{Live, LivePercentiles};
pub use metric::{Curve, Flags, Group, Injected, Kind, List, Metric, Origin, Unit};
pub use registry::{METRICS, find};
pub use report::{ErrorCount, MetricResult, PhaseReport, Report, Slice, Steady};
pub use settings::{Capability, IMPORTED, PROFILING, Settings, WARMUP, Window};
pub use stats::{Stat, Stats};
pub use totals::Totals;
pub use value::{Value, float, float_of, whole};
