//! NVIDIA's GPUs by NVML, whose library is loaded when a run starts and closed when it ends.
//!
//! Units are NVML's (`nvml.h`): power mW, energy mJ, memory bytes, clocks MHz, PCIe KB/s, GPM's rates MiB/s.

use crate::collector::{About, Call, CallError, Collector, Gpu, GpuError, Pace, Settings};
use crate::round::{Answer, float};
use nvml_wrapper::enum_wrappers::device::{
    Clock, EccCounter, MemoryError, PcieUtilCounter, PerformancePolicy, PerformanceState, Sampling,
    TemperatureSensor,
};
use nvml_wrapper::enums::device::{SampleValue, UsedGpuMemory};
use nvml_wrapper::enums::gpm::GpmMetricId;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::gpm::gpm_metrics_get;
use nvml_wrapper::structs::device::FieldId;
use nvml_wrapper::sys_exports::field_id::{NVML_FI_DEV_MEMORY_TEMP, NVML_FI_DEV_POWER_INSTANT};
use nvml_wrapper::{Device, GpmSample, Nvml};
use record::GpuMetric;
use record::gpu_metric as metric;
use std::collections::BTreeMap;
use std::ffi::OsStr;

/// Opens NVML.
pub(crate) fn open(settings: &Settings) -> Result<Box<dyn Collector>, GpuError> {
    let library =
        settings.nvml_library.as_deref().map_or_else(|| OsStr::new(LIBRARY), |path| path.as_os_str());
    let nvml = Nvml::builder().lib_path(library).init().map_err(|error| match error {
        NvmlError::LibloadingError(error) => {
            GpuError::Missing(format!("failed to load `{}`: {error}", library.display()))
        }
        error => GpuError::Broken(format!("NVML does not start: {error}")),
    })?;
    Ok(Box::new(Library { nvml }))
}

struct Library {
    nvml: Nvml,
}

impl Collector for Library {
    fn gpus(&self) -> Result<Vec<Box<dyn Gpu + '_>>, GpuError> {
        let broken = |error| GpuError::Broken(format!("NVML does not list its GPUs: {error}"));
        let driver = self.nvml.sys_driver_version().unwrap_or_default();
        let mut gpus = Vec::<Box<dyn Gpu + '_>>::new();
        let mut refused = None;
        for index in 0..self.nvml.device_count().map_err(broken)? {
            match self.nvml.device_by_index(index) {
                Ok(device) => {
                    let parts = parts(&device);
                    gpus.push(Box::new(NvmlGpu::new(&self.nvml, device, index, None, &driver)));
                    for (place, part) in parts {
                        gpus.push(Box::new(NvmlGpu::new(&self.nvml, part, index, Some(place), &driver)));
                    }
                }
                // One may be lost, or not be this user's, and the others be well.
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if gpus.is_empty() => Err(broken(error)),
            _ => Ok(gpus),
        }
    }
}

/// The parts of a divided GPU (MIG), by their places.
fn parts<'a>(device: &Device<'a>) -> Vec<(u32, Device<'a>)> {
    let is_divided = device.mig_mode().is_ok_and(|mode| mode.current == MIG_ENABLED);
    let most = if is_divided { device.mig_device_count().unwrap_or(0) } else { 0 };
    (0..most).filter_map(|place| Some((place, device.mig_device_by_index(place).ok()?))).collect()
}

struct NvmlGpu<'a> {
    nvml: &'a Nvml,
    device: Device<'a>,
    about: About,
    /// The reading of GPM before: its metrics are of the time between two.
    gpm_before: Option<GpmSample<'a>>,
    /// The driver's date of the youngest sample that was taken of each kind.
    youngest: BTreeMap<&'static str, u64>,
}

impl<'a> NvmlGpu<'a> {
    fn new(nvml: &'a Nvml, device: Device<'a>, index: u32, mig_index: Option<u32>, driver: &str) -> Self {
        let uuid = device.uuid().unwrap_or_else(|_| format!("GPU-unknown-{index}"));
        let mut texts = vec![
            ("gpu_model_name", device.name().unwrap_or_else(|_| "Unknown GPU".to_owned())),
            (
                "device",
                device.minor_number().map_or_else(|_| format!("nvidia{index}"), |it| format!("nvidia{it}")),
            ),
            ("hostname", "localhost".to_owned()),
            ("driver_version", driver.to_owned()),
        ];
        texts.extend(device.pci_info().ok().map(|pci| ("pci_bus_id", pci.bus_id)));
        let about = About { index, mig_index, uuid, texts };
        Self { nvml, device, about, gpm_before: None, youngest: BTreeMap::new() }
    }
}

impl Gpu for NvmlGpu<'_> {
    fn about(&self) -> &About {
        &self.about
    }

    fn calls(&self) -> &'static [Call] {
        &CALLS
    }

    fn poll(&mut self, place: usize, answer: &mut Answer) -> Result<(), CallError> {
        match POLLED[place].2(self, answer) {
            // No process used it, or nothing has been sampled yet.
            Err(NvmlError::NotFound | NvmlError::NoData) => Ok(()),
            Err(
                error @ (NvmlError::NotSupported
                | NvmlError::InvalidArg
                | NvmlError::NoPermission
                | NvmlError::FunctionNotFound
                | NvmlError::FailedToLoadSymbol(_)),
            ) => Err(CallError::Never(error.to_string())),
            Err(error) => Err(CallError::Failed(error.to_string())),
            Ok(()) => Ok(()),
        }
    }
}

type Poll = fn(&mut NvmlGpu<'_>, &mut Answer) -> Result<(), NvmlError>;

/// The calls, in the order in which they are made.
const POLLED: &[(&str, Pace, Poll)] = &[
    ("nvmlDeviceGetPowerUsage", Pace::Interval, |gpu, answer| {
        answer.put(&metric::NVIDIA_POWER_USAGE, f64::from(gpu.device.power_usage()?) * 1e-3);
        Ok(())
    }),
    ("nvmlDeviceGetFieldValues", Pace::Interval, |gpu, answer| {
        let watts = field(gpu, NVML_FI_DEV_POWER_INSTANT)? * 1e-3;
        answer.put(&metric::NVIDIA_POWER_INSTANT, watts);
        Ok(())
    }),
    ("nvmlDeviceGetTotalEnergyConsumption", Pace::Interval, |gpu, answer| {
        let millijoules = float(gpu.device.total_energy_consumption()?);
        answer.put(&metric::NVIDIA_ENERGY_CONSUMPTION, millijoules * 1e-9);
        Ok(())
    }),
    ("nvmlDeviceGetUtilizationRates", Pace::Interval, |gpu, answer| {
        let rates = gpu.device.utilization_rates()?;
        answer.put(&metric::NVIDIA_GPU_UTILIZATION, f64::from(rates.gpu));
        answer.put(&metric::NVIDIA_MEMORY_UTILIZATION, f64::from(rates.memory));
        Ok(())
    }),
    ("nvmlDeviceGetClockInfo", Pace::Interval, |gpu, answer| {
        answer.put(&metric::NVIDIA_SM_CLOCK, f64::from(gpu.device.clock_info(Clock::SM)?));
        answer.put(&metric::NVIDIA_MEMORY_CLOCK, f64::from(gpu.device.clock_info(Clock::Memory)?));
        Ok(())
    }),
    ("nvmlDeviceGetCurrentClocksThrottleReasons", Pace::Interval, |gpu, answer| {
        let bits = gpu.device.current_throttle_reasons()?.bits();
        answer.put(&metric::NVIDIA_THROTTLE_REASONS, float(bits));
        Ok(())
    }),
    ("nvmlGpmMetricsGet", Pace::Tenth, gpm),
    ("nvmlDeviceGetSamples(power)", Pace::Tenth, |gpu, answer| {
        samples(gpu, Sampling::Power, &metric::NVIDIA_POWER_SAMPLE, 1e-3, answer)
    }),
    ("nvmlDeviceGetSamples(gpu)", Pace::Tenth, |gpu, answer| {
        samples(gpu, Sampling::GpuUtilization, &metric::NVIDIA_GPU_UTILIZATION_SAMPLE, 1.0, answer)
    }),
    ("nvmlDeviceGetSamples(memory)", Pace::Tenth, |gpu, answer| {
        samples(gpu, Sampling::MemoryUtilization, &metric::NVIDIA_MEMORY_UTILIZATION_SAMPLE, 1.0, answer)
    }),
    ("nvmlDeviceGetSamples(processor clock)", Pace::Tenth, |gpu, answer| {
        samples(gpu, Sampling::ProcessorClock, &metric::NVIDIA_SM_CLOCK_SAMPLE, 1.0, answer)
    }),
    ("nvmlDeviceGetSamples(memory clock)", Pace::Tenth, |gpu, answer| {
        samples(gpu, Sampling::MemoryClock, &metric::NVIDIA_MEMORY_CLOCK_SAMPLE, 1.0, answer)
    }),
    ("nvmlDeviceGetMemoryInfo", Pace::Second, |gpu, answer| {
        let memory = gpu.device.memory_info()?;
        answer.put(&metric::NVIDIA_MEMORY_USED, float(memory.used) * 1e-9);
        answer.put(&metric::NVIDIA_MEMORY_TOTAL, float(memory.total) * 1e-9);
        Ok(())
    }),
    ("nvmlDeviceGetTemperature", Pace::Second, |gpu, answer| {
        let celsius = gpu.device.temperature(TemperatureSensor::Gpu)?;
        answer.put(&metric::NVIDIA_TEMPERATURE, f64::from(celsius));
        Ok(())
    }),
    ("nvmlDeviceGetFieldValues(memory temperature)", Pace::Second, |gpu, answer| {
        answer.put(&metric::NVIDIA_MEMORY_TEMPERATURE, field(gpu, NVML_FI_DEV_MEMORY_TEMP)?);
        Ok(())
    }),
    ("nvmlDeviceGetEncoderUtilization", Pace::Second, |gpu, answer| {
        let percent = gpu.device.encoder_utilization()?.utilization;
        answer.put(&metric::NVIDIA_ENCODER_UTILIZATION, f64::from(percent));
        Ok(())
    }),
    ("nvmlDeviceGetDecoderUtilization", Pace::Second, |gpu, answer| {
        let percent = gpu.device.decoder_utilization()?.utilization;
        answer.put(&metric::NVIDIA_DECODER_UTILIZATION, f64::from(percent));
        Ok(())
    }),
    ("nvmlDeviceGetClockInfo(video)", Pace::Second, |gpu, answer| {
        answer.put(&metric::NVIDIA_VIDEO_CLOCK, f64::from(gpu.device.clock_info(Clock::Video)?));
        Ok(())
    }),
    ("nvmlDeviceGetEnforcedPowerLimit", Pace::Second, |gpu, answer| {
        answer.put(&metric::NVIDIA_POWER_LIMIT, f64::from(gpu.device.enforced_power_limit()?) * 1e-3);
        Ok(())
    }),
    ("nvmlDeviceGetPerformanceState", Pace::Second, |gpu, answer| {
        let state = gpu.device.performance_state()?;
        if state != PerformanceState::Unknown {
            answer.put(&metric::NVIDIA_PERFORMANCE_STATE, f64::from(state.as_c()));
        }
        Ok(())
    }),
    ("nvmlDeviceGetViolationStatus(power)", Pace::Second, |gpu, answer| {
        let spent = gpu.device.violation_status(PerformancePolicy::Power)?;
        answer.put(&metric::NVIDIA_POWER_VIOLATION, float(spent.violation_time) * 1e-3);
        Ok(())
    }),
    ("nvmlDeviceGetViolationStatus(thermal)", Pace::Second, |gpu, answer| {
        let spent = gpu.device.violation_status(PerformancePolicy::Thermal)?;
        answer.put(&metric::NVIDIA_THERMAL_VIOLATION, float(spent.violation_time) * 1e-3);
        Ok(())
    }),
    ("nvmlDeviceGetTotalEccErrors", Pace::Second, |gpu, answer| {
        let count = |of| gpu.device.total_ecc_errors(of, EccCounter::Volatile);
        answer.put(&metric::NVIDIA_ECC_CORRECTED, float(count(MemoryError::Corrected)?));
        answer.put(&metric::NVIDIA_ECC_UNCORRECTED, float(count(MemoryError::Uncorrected)?));
        Ok(())
    }),
    ("nvmlDeviceGetPcieReplayCounter", Pace::Second, |gpu, answer| {
        answer.put(&metric::NVIDIA_PCIE_REPLAYS, f64::from(gpu.device.pcie_replay_counter()?));
        Ok(())
    }),
    // It counts for 20 ms before it returns.
    ("nvmlDeviceGetPcieThroughput", Pace::Second, |gpu, answer| {
        let kilobytes = |way| gpu.device.pcie_throughput(way).map(|count| f64::from(count) * 1e-3);
        answer.put(&metric::NVIDIA_PCIE_TX, kilobytes(PcieUtilCounter::Send)?);
        answer.put(&metric::NVIDIA_PCIE_RX, kilobytes(PcieUtilCounter::Receive)?);
        Ok(())
    }),
    ("nvmlDeviceGetComputeRunningProcesses", Pace::Second, |gpu, answer| {
        for process in gpu.device.running_compute_processes()? {
            if let UsedGpuMemory::Used(bytes) = process.used_gpu_memory {
                let gigabytes = float(bytes) * 1e-9;
                answer.put_of(process.pid, &metric::NVIDIA_PROCESS_MEMORY_USED, gigabytes, None);
            }
        }
        Ok(())
    }),
    ("nvmlDeviceGetProcessUtilization", Pace::Second, process_utilization),
];

/// The names and paces of the calls.
const CALLS: [Call; POLLED.len()] = {
    let mut calls = [Call { name: "", pace: Pace::Second }; POLLED.len()];
    let mut place = 0;
    while place < POLLED.len() {
        calls[place] = Call { name: POLLED[place].0, pace: POLLED[place].1 };
        place += 1;
    }
    calls
};

/// A field's value, as a number.
fn field(gpu: &NvmlGpu<'_>, id: u32) -> Result<f64, NvmlError> {
    let value = gpu.device.field_values_for(&[FieldId(id)])?.pop().ok_or(NvmlError::NoData)?;
    Ok(number(&value?.value?))
}

/// What the driver sampled by itself since the last call.
fn samples(
    gpu: &mut NvmlGpu<'_>,
    kind: Sampling,
    metric: &'static GpuMetric,
    factor: f64,
    answer: &mut Answer,
) -> Result<(), NvmlError> {
    let youngest = gpu.youngest.entry(metric.name).or_default();
    for sample in gpu.device.samples(kind, *youngest)? {
        if sample.timestamp > *youngest {
            *youngest = sample.timestamp;
            answer.put_dated(metric, number(&sample.value) * factor, sample.timestamp);
        }
    }
    Ok(())
}

/// What the chip's own counters counted since they were read before; Hopper and later have them.
fn gpm(gpu: &mut NvmlGpu<'_>, answer: &mut Answer) -> Result<(), NvmlError> {
    if gpu.gpm_before.is_none() && !gpu.device.gpm_support()? {
        return Err(NvmlError::NotSupported);
    }
    let after = gpu.device.gpm_sample()?;
    if let Some(before) = &gpu.gpm_before {
        let ids = GPM.map(|(id, _)| id);
        let found = gpm_metrics_get(gpu.nvml, before, &after, &ids)?;
        for (found, (_, metric)) in found.into_iter().zip(GPM) {
            if let Ok(found) = found {
                answer.put(metric, found.value);
            }
        }
    }
    gpu.gpm_before = Some(after);
    Ok(())
}

fn process_utilization(gpu: &mut NvmlGpu<'_>, answer: &mut Answer) -> Result<(), NvmlError> {
    let youngest = gpu.youngest.entry(metric::NVIDIA_PROCESS_SM_UTILIZATION.name).or_default();
    let after = *youngest;
    for sample in gpu.device.process_utilization_stats(after)? {
        if sample.timestamp <= after {
            continue;
        }
        *youngest = sample.timestamp.max(*youngest);
        let mut put = |metric, percent| {
            answer.put_of(sample.pid, metric, f64::from(percent), Some(sample.timestamp));
        };
        put(&metric::NVIDIA_PROCESS_SM_UTILIZATION, sample.sm_util);
        put(&metric::NVIDIA_PROCESS_MEMORY_UTILIZATION, sample.mem_util);
    }
    Ok(())
}

fn number(value: &SampleValue) -> f64 {
    match value {
        SampleValue::F64(number) => *number,
        SampleValue::U32(number) => f64::from(*number),
        SampleValue::U64(number) => float(*number),
        SampleValue::I64(number) if *number < 0 => -float(number.unsigned_abs()),
        SampleValue::I64(number) => float(number.unsigned_abs()),
    }
}

/// What is taken of the chip's own counters.
const GPM: [(GpmMetricId, &GpuMetric); 13] = [
    (GpmMetricId::SmUtil, &metric::NVIDIA_SM_UTILIZATION),
    (GpmMetricId::GraphicsUtil, &metric::NVIDIA_GRAPHICS_ACTIVITY),
    (GpmMetricId::SmOccupancy, &metric::NVIDIA_SM_OCCUPANCY),
    (GpmMetricId::AnyTensorUtil, &metric::NVIDIA_TENSOR_ACTIVITY),
    (GpmMetricId::DramBwUtil, &metric::NVIDIA_DRAM_BANDWIDTH),
    (GpmMetricId::Fp64Util, &metric::NVIDIA_FP64_ACTIVITY),
    (GpmMetricId::Fp32Util, &metric::NVIDIA_FP32_ACTIVITY),
    (GpmMetricId::Fp16Util, &metric::NVIDIA_FP16_ACTIVITY),
    (GpmMetricId::IntegerUtil, &metric::NVIDIA_INTEGER_ACTIVITY),
    (GpmMetricId::PcieTxPerSec, &metric::NVIDIA_GPM_PCIE_TX),
    (GpmMetricId::PcieRxPerSec, &metric::NVIDIA_GPM_PCIE_RX),
    (GpmMetricId::NvlinkTotalTxPerSec, &metric::NVIDIA_NVLINK_TX),
    (GpmMetricId::NvlinkTotalRxPerSec, &metric::NVIDIA_NVLINK_RX),
];

/// By the version of its interface, which is what a driver's installation names it by.
const LIBRARY: &str = "libnvidia-ml.so.1";
/// `NVML_DEVICE_MIG_ENABLE`
const MIG_ENABLED: u32 = 1;
