//! Defines the metrics, one file each (tag, unit, flags, text, formula), and the analysis that computes their statistics. Pure.
//!
//! ```text
//! registry.rs   METRICS, the list of metrics       latency/ length/ throughput/ count/ usage/ http/ injected/
//!                                                   AIPerf's metrics; kernel/ client/ aiperfd's
//!               media.rs spec_decode.rs network.rs: also AIPerf's
//! metric.rs     the type of a metric                case.rs      a request as input of formulas
//! analysis.rs   rows in, Report out                 events.rs    joins events to requests; gaps.rs their values
//! group.rs      a phase's results                   stats.rs     NumPy's statistics, with intervals; rates.rs of rates
//! server/        the server's own metrics              gpu/    GPU telemetry
//! live.rs       percentiles during the run          goodput.rs   thresholds
//! histogram.rs  counts by size of what is not stored
//! slices.rs     time slices, and steady/ the run without ramp-up and drain; flow.rs what came and went meanwhile
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
mod flow;
mod gaps;
mod goodput;
pub mod gpu;
mod group;
mod histogram;
mod http;
mod injected;
mod kernel;
mod latency;
mod length;
mod live;
mod media;
mod metric;
mod network;
mod rates;
mod registry;
mod replay;
mod report;
pub mod server;
mod settings;
mod slices;
mod spec_decode;
mod stats;
pub mod steady;
#[cfg(test)]
mod testing;
mod throughput;
mod totals;
mod usage;
mod value;

pub use analysis::{Analysis, values};
pub use case::Case;
pub use flow::Flow;
pub use goodput::{GoodputError, Threshold};
pub use live::{Live, LiveStats};
pub use metric::{Curve, Flags, Group, Injected, Kind, List, Metric, Origin, Unit};
pub use registry::{METRICS, find};
pub use report::{ErrorCount, LeftOut, MetricResult, PhaseReport, Report, Slice, Steady};
pub use settings::{IMPORTED, PROFILING, Settings, WARMUP, Window, can_give};
pub use statistics::{Interval, Method, Needs, Reason, least_sample};
pub use stats::{Stat, Stats};
pub use totals::Totals;
pub use value::{Value, float, float_of, whole};
