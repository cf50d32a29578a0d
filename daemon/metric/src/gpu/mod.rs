//! GPU telemetry over the time of the run: the GPUs' own metrics, and these joined to requests, tokens and gaps. Pure.
//!
//! ```text
//! rows ──▶ series.rs   every GPU's metrics over time ──▶ summary.rs   their statistics over a phase, as AIPerf's
//!             │
//!             └──▶ curve.rs   energy and power over time ──┬──▶ efficiency.rs   AIPerf's joules and watts
//! requests, events ────────────────────────────────────────┴──▶ join.rs         aiperfd's, by request and gap
//! ```

/// Defines GPU metrics: the prefix of their tags, their group and first position in the tables; then one metric per line.
macro_rules! gpu_metrics {
    ($prefix:literal $whose:ident($group:ident) $first:literal
     $($name:ident $tag:literal $header:literal $unit:literal $order:literal ($flags:expr) $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::injected(concat!($prefix, $tag), $header, Injected::Gpu)
            .unit(Unit::Other($unit))
            .$whose(Group::$group)
            .order($first + $order)
            .flags($flags)
            .text($text);
    )*};
}

mod curve;
pub(crate) mod efficiency;
pub(crate) mod join;
mod series;
mod summary;

pub use join::Join;
pub use series::{Gpus, Points, Series};
pub use summary::Number;
