//! The specification of a run: what it sends, when, to whom, and what is recorded.
//!
//! ```text
//! aiperf-ctl: arguments ──▶ Plan ──▶ aiperfd ──▶ aiperf-loadgen        run.json keeps it, reports read it
//! ```
//!
//! It is read by every program and stored with every run, so it depends on nothing but the clock types. [`handshake`] is how
//! the daemon passes it to a load generator, [`url`] how URLs are stored without secrets.

#![forbid(unsafe_code)]

mod adaptive;
mod check;
mod endpoint;
mod gpu;
pub mod handshake;
mod input;
mod length;
mod load;
mod observers;
mod output;
mod plan;
mod timing;
pub mod url;
mod watch;

pub use adaptive::{AdaptiveScale, Control, ScaleClock, ScaleLimit, ScaleStep};
pub use check::{Fault, ITEMS_MAX, NAME_MAX, TEXT_MAX};
pub use endpoint::{Capability, Dialect, Endpoint, ModelChoice, Trust};
pub use gpu::Gpu;
pub use input::{
    Audios, Change, DATASET_FORMATS, DatasetFormat, Images, Input, Made, Pair, PoolBatch, Range, RangeStyle,
    Rankings, SoundFormat, Synthesis, Taking, TextSource, Tokenizer,
};
pub use length::{Draws, Form, Length, Peak, Point};
pub use load::{
    CacheBust, Cancellation, ConnectionReuse, Curve, FixedSchedule, Load, Phase, Ramp, RatePoint, Sampling,
    Shape,
};
pub use observers::{
    CacheState, GpuExporters, Mlflow, NetworkLatency, Observers, Otlp, Plugin, Plugins, Preparation,
    Profiler, Readiness, ServerCall, ServerMetrics, Stream, WaitForModel, WatchedLimit, is_secret,
};
pub use output::{ExportLevel, FailOn, Output};
pub use plan::Plan;
pub use timing::{Timestamps, Wait, Workers};
pub use watch::{Side, Target, Watch};
