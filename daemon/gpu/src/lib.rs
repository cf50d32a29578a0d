//! Reads the GPUs of a host during a run: one file per collector, each on threads of its own.
//!
//! ```text
//! collector.rs   what a collector is, and the list of them     nvml.rs amdgpu.rs   one collector each
//! round.rs       calls to rows: clock before, call, clock after
//! sampler.rs     the threads ──▶ bounded queue of rows ──▶ the caller, which stores them
//! ```
//!
//! A driver may be slow, hang, or be gone: that costs its own rows, never the run. Adding a collector is one new file and
//! one line in `collector.rs`. The clocks are passed in by the caller.
#![forbid(unsafe_code)]

mod amdgpu;
mod collector;
mod nvml;
mod round;
mod sampler;

pub use collector::{COLLECTORS, GpuError, Kind, Settings};
pub use round::Clocks;
pub use sampler::{Sampler, Sampling};
