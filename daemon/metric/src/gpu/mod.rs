//! What GPUs did over the time of the run: their own numbers, and these joined to requests, tokens and gaps. Pure.
//!
//! ```text
//! rows ──▶ series.rs   every GPU's numbers over time ──▶ summary.rs   their statistics over a phase, as AIPerf's
//!             │
//!             └──▶ curve.rs   energy and power over time ──┬──▶ efficiency.rs   AIPerf's joules and watts
//! requests, events ────────────────────────────────────────┴──▶ join.rs         ours, by request and gap
//! ```

mod curve;
pub(crate) mod efficiency;
pub(crate) mod join;
mod series;
mod summary;

pub use join::Join;
pub use series::{Gpus, Points, Series};
pub use summary::Number;
