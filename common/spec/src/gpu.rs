//! What is read of the GPUs of the daemon's host while requests are sent.

use common::clock::DurationNs;
use serde::{Deserialize, Serialize};

/// What is read of the GPUs of the daemon's host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpu {
    /// By which collectors: `nvml`, `amdgpu`.
    pub collectors: Vec<String>,
    /// From one reading to the next.
    pub sample_interval: DurationNs,
    /// Whether the user requested it, and needs to know why there is nothing to be read.
    pub is_explicit: bool,
}
