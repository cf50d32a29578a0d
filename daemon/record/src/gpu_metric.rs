//! Every number that is read of GPUs, by name: with its unit, and how it is summed up.

/// How a number of a GPU is summed up over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GpuKind {
    /// By its distribution.
    Gauge,
    /// By how much it has grown.
    Counter,
    /// By how long each of its bits was set.
    Bits,
}

/// A number that is read of GPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GpuMetric {
    /// Its name in records and exports.
    pub name: &'static str,
    /// Its name for people.
    pub header: &'static str,
    /// Its unit, as AIPerf writes it.
    pub unit: &'static str,
    /// How it is summed up.
    pub kind: GpuKind,
    /// Whether AIPerf reads it too, under the same name and in the same unit.
    pub is_aiperf: bool,
}

macro_rules! gpu_metrics {
    ($($(#[$doc:meta])* $constant:ident $name:literal $header:literal $unit:literal $kind:ident $by:ident;)*) => {
        $(
            #[doc = concat!($header, " in ", $unit, ".")]
            pub const $constant: GpuMetric = GpuMetric {
                name: $name,
                header: $header,
                unit: $unit,
                kind: GpuKind::$kind,
                is_aiperf: gpu_metrics!(@$by),
            };
        )*

        /// All of them, AIPerf's in its order first.
        pub const GPU_METRICS: &[&GpuMetric] = &[$(&$constant),*];
    };
    (@aiperf) => { true };
    (@ours) => { false };
}

gpu_metrics! {
    NVIDIA_POWER_USAGE "nvidia_power_usage" "NVIDIA GPU Power Usage" "W" Gauge aiperf;
    NVIDIA_ENERGY_CONSUMPTION "nvidia_energy_consumption" "NVIDIA Energy Consumption" "MJ" Counter aiperf;
    NVIDIA_GPU_UTILIZATION "nvidia_gpu_utilization" "NVIDIA GPU Utilization" "%" Gauge aiperf;
    NVIDIA_MEMORY_UTILIZATION "nvidia_memory_utilization" "NVIDIA Memory Utilization" "%" Gauge aiperf;
    NVIDIA_MEMORY_USED "nvidia_memory_used" "NVIDIA GPU Memory Used" "GB" Gauge aiperf;
    NVIDIA_TEMPERATURE "nvidia_temperature" "NVIDIA GPU Temperature" "°C" Gauge aiperf;
    NVIDIA_SM_UTILIZATION "nvidia_sm_utilization" "NVIDIA SM Utilization" "%" Gauge aiperf;
    NVIDIA_DECODER_UTILIZATION "nvidia_decoder_utilization" "NVIDIA Decoder Utilization" "%" Gauge aiperf;
    NVIDIA_ENCODER_UTILIZATION "nvidia_encoder_utilization" "NVIDIA Encoder Utilization" "%" Gauge aiperf;
    NVIDIA_JPG_UTILIZATION "nvidia_jpg_utilization" "NVIDIA JPEG Utilization" "%" Gauge aiperf;
    NVIDIA_XID_ERRORS "nvidia_xid_errors" "NVIDIA XID Errors" "count" Counter aiperf;
    NVIDIA_POWER_VIOLATION "nvidia_power_violation" "NVIDIA Power Violation" "us" Counter aiperf;
    AMD_POWER "amd_power" "AMD GPU Power" "W" Gauge aiperf;
    AMD_ENERGY_CONSUMPTION "amd_energy_consumption" "AMD Energy Consumption" "MJ" Counter aiperf;
    AMD_GFX_ACTIVITY "amd_gfx_activity" "AMD GFX Activity" "%" Gauge aiperf;
    AMD_UMC_ACTIVITY "amd_umc_activity" "AMD UMC Activity" "%" Gauge aiperf;
    AMD_MM_ACTIVITY "amd_mm_activity" "AMD MM Activity" "%" Gauge aiperf;
    AMD_MEMORY_USED "amd_memory_used" "AMD GPU Memory Used" "GB" Gauge aiperf;
    AMD_TEMPERATURE "amd_temperature" "AMD GPU Temperature" "°C" Gauge aiperf;
    AMD_ECC_UNCORRECTABLE "amd_ecc_uncorrectable" "AMD ECC Uncorrectable" "count" Counter aiperf;
    AMD_THROTTLE_STATUS "amd_throttle_status" "AMD Throttle Status" "count" Gauge aiperf;

    NVIDIA_POWER_INSTANT "nvidia_power_instant" "NVIDIA GPU Power, Instant" "W" Gauge ours;
    NVIDIA_POWER_SAMPLE "nvidia_power_sample" "NVIDIA GPU Power, Driver's Samples" "W" Gauge ours;
    NVIDIA_GPU_UTILIZATION_SAMPLE "nvidia_gpu_utilization_sample" "NVIDIA GPU Utilization, Driver's Samples" "%" Gauge ours;
    NVIDIA_MEMORY_UTILIZATION_SAMPLE "nvidia_memory_utilization_sample" "NVIDIA Memory Utilization, Driver's Samples" "%" Gauge ours;
    NVIDIA_SM_CLOCK_SAMPLE "nvidia_sm_clock_sample" "NVIDIA SM Clock, Driver's Samples" "MHz" Gauge ours;
    NVIDIA_MEMORY_CLOCK_SAMPLE "nvidia_memory_clock_sample" "NVIDIA Memory Clock, Driver's Samples" "MHz" Gauge ours;
    NVIDIA_SM_CLOCK "nvidia_sm_clock" "NVIDIA SM Clock" "MHz" Gauge ours;
    NVIDIA_MEMORY_CLOCK "nvidia_memory_clock" "NVIDIA Memory Clock" "MHz" Gauge ours;
    NVIDIA_VIDEO_CLOCK "nvidia_video_clock" "NVIDIA Video Clock" "MHz" Gauge ours;
    NVIDIA_THROTTLE_REASONS "nvidia_throttle_reasons" "NVIDIA Throttle Reasons" "bits" Bits ours;
    NVIDIA_PERFORMANCE_STATE "nvidia_performance_state" "NVIDIA Performance State" "count" Gauge ours;
    NVIDIA_POWER_LIMIT "nvidia_power_limit" "NVIDIA GPU Power Limit" "W" Gauge ours;
    NVIDIA_THERMAL_VIOLATION "nvidia_thermal_violation" "NVIDIA Thermal Violation" "us" Counter ours;
    NVIDIA_MEMORY_TEMPERATURE "nvidia_memory_temperature" "NVIDIA Memory Temperature" "°C" Gauge ours;
    NVIDIA_MEMORY_TOTAL "nvidia_memory_total" "NVIDIA GPU Memory Total" "GB" Gauge ours;
    NVIDIA_ECC_CORRECTED "nvidia_ecc_corrected" "NVIDIA ECC Errors, Corrected" "count" Counter ours;
    NVIDIA_ECC_UNCORRECTED "nvidia_ecc_uncorrected" "NVIDIA ECC Errors, Uncorrected" "count" Counter ours;
    NVIDIA_PCIE_TX "nvidia_pcie_tx" "NVIDIA PCIe Sent" "MB/s" Gauge ours;
    NVIDIA_PCIE_RX "nvidia_pcie_rx" "NVIDIA PCIe Received" "MB/s" Gauge ours;
    NVIDIA_PCIE_REPLAYS "nvidia_pcie_replays" "NVIDIA PCIe Replays" "count" Counter ours;
    NVIDIA_GRAPHICS_ACTIVITY "nvidia_graphics_activity" "NVIDIA Graphics Activity" "%" Gauge ours;
    NVIDIA_SM_OCCUPANCY "nvidia_sm_occupancy" "NVIDIA SM Occupancy" "%" Gauge ours;
    NVIDIA_TENSOR_ACTIVITY "nvidia_tensor_activity" "NVIDIA Tensor Activity" "%" Gauge ours;
    NVIDIA_DRAM_BANDWIDTH "nvidia_dram_bandwidth" "NVIDIA DRAM Bandwidth Used" "%" Gauge ours;
    NVIDIA_FP64_ACTIVITY "nvidia_fp64_activity" "NVIDIA FP64 Activity" "%" Gauge ours;
    NVIDIA_FP32_ACTIVITY "nvidia_fp32_activity" "NVIDIA FP32 Activity" "%" Gauge ours;
    NVIDIA_FP16_ACTIVITY "nvidia_fp16_activity" "NVIDIA FP16 Activity" "%" Gauge ours;
    NVIDIA_INTEGER_ACTIVITY "nvidia_integer_activity" "NVIDIA Integer Activity" "%" Gauge ours;
    NVIDIA_GPM_PCIE_TX "nvidia_gpm_pcie_tx" "NVIDIA PCIe Sent, by GPM" "MiB/s" Gauge ours;
    NVIDIA_GPM_PCIE_RX "nvidia_gpm_pcie_rx" "NVIDIA PCIe Received, by GPM" "MiB/s" Gauge ours;
    NVIDIA_NVLINK_TX "nvidia_nvlink_tx" "NVIDIA NVLink Sent" "MiB/s" Gauge ours;
    NVIDIA_NVLINK_RX "nvidia_nvlink_rx" "NVIDIA NVLink Received" "MiB/s" Gauge ours;
    NVIDIA_PROCESS_MEMORY_USED "nvidia_process_memory_used" "NVIDIA Memory Used by a Process" "GB" Gauge ours;
    NVIDIA_PROCESS_SM_UTILIZATION "nvidia_process_sm_utilization" "NVIDIA SM Utilization by a Process" "%" Gauge ours;
    NVIDIA_PROCESS_MEMORY_UTILIZATION "nvidia_process_memory_utilization" "NVIDIA Memory Utilization by a Process" "%" Gauge ours;
}

/// The texts about a GPU, in the column of metrics' names.
pub const GPU_TEXTS: &[&str] =
    &["gpu_model_name", "pci_bus_id", "device", "hostname", "namespace", "pod_name", "driver_version"];

impl GpuMetric {
    /// The metric with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        GPU_METRICS.iter().copied().find(|metric| metric.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (place, metric) in GPU_METRICS.iter().enumerate() {
            let twice = GPU_METRICS[place + 1..].iter().any(|other| other.name == metric.name);
            assert!(!twice, "{} is there twice", metric.name);
        }
        assert_eq!(GpuMetric::find("amd_power"), Some(&AMD_POWER), "found by its name");
    }
}
