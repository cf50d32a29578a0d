//! One number of a GPU from its driver or an exporter: when it was polled, when it responded, the value.

use crate::column::columns;
use common::clock::MonoNs;

columns! {
    /// A number of a GPU at a moment, or a text about it; a row of `gpu.parquet`.
    GpuSample {
        /// Its collector: `nvml`, `amdgpu`, or the URL of an exporter.
        source: String, Identity, None, Collector;
        /// The GPU's number on its host.
        gpu_index: u32, Identity, None, Driver;
        /// Which part of the GPU, of one that is divided (MIG).
        mig_index: Option<u32>, Identity, None, Driver;
        /// The GPU's own name for itself.
        gpu_uuid: String, Identity, None, Driver;
        /// Whose use it is, where it is that of one process.
        pid: Option<u32>, Identity, None, Driver;
        /// What it measures; the names are listed below, with their units.
        metric: String, Identity, None, Collector;
        /// When the driver was polled.
        asked_ns: MonoNs, Nanoseconds, Monotonic, Collector;
        /// When its answer was there: what the call cost is the difference.
        answered_ns: MonoNs, Nanoseconds, Monotonic, Collector;
        /// When the number was true: by the driver's own time where it has one, else the middle of the call.
        sampled_ns: MonoNs, Nanoseconds, Monotonic, Driver;
        /// The number, in the unit of its metric; absent of a text.
        value: Option<f64>, Plain, None, Driver;
        /// What is no number: the GPU's model and place, and of a call that failed, why.
        text: Option<String>, Plain, None, Driver;
    }
}
