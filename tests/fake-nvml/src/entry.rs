//! NVML's entry points (`nvml.h`): the only unsafe code of the fake, for C hands it pointers.

#![expect(non_snake_case, reason = "the names are NVML's")]
#![expect(clippy::missing_safety_doc, reason = "each one's contract is that of the call in nvml.h")]

use crate::gpus::{Outcome, State, forever};
use crate::script::Gpu;
use nvml_wrapper_sys::bindings::{
    nvmlClockType_t, nvmlDevice_t, nvmlEccCounterType_t, nvmlFieldValue_t, nvmlGpmMetricsGet_t,
    nvmlGpmSample_t, nvmlGpmSupport_t, nvmlMemory_v2_t, nvmlMemoryErrorType_t, nvmlPciInfo_t,
    nvmlPcieUtilCounter_t, nvmlPerfPolicyType_t, nvmlProcessInfo_t, nvmlProcessUtilizationSample_t,
    nvmlPstates_t, nvmlReturn_enum_NVML_ERROR_INSUFFICIENT_SIZE as TOO_SMALL,
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND,
    nvmlReturn_enum_NVML_ERROR_NOT_SUPPORTED as NOT_SUPPORTED, nvmlReturn_enum_NVML_SUCCESS as SUCCESS,
    nvmlReturn_t, nvmlSample_t, nvmlSamplingType_t, nvmlTemperatureSensors_t, nvmlUtilization_t, nvmlValue_t,
    nvmlValueType_t, nvmlViolationTime_t,
};
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_ulonglong};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::{null_mut, without_provenance_mut};

/// Entry points that return one number of a GPU.
macro_rules! numbers {
    ($($name:ident($($more:ident: $more_type:ty),*) -> $type:ty = |$gpu:ident, $seconds:ident| $value:expr;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(device: nvmlDevice_t $(, $more: $more_type)*, to: *mut $type) -> nvmlReturn_t {
            code(gpu(device, stringify!($name)).and_then(|($gpu, $seconds)| {
                let value: Outcome<$type> = $value;
                // SAFETY: `nvml.h` requires `to` to be writable.
                value.and_then(|value| unsafe { write(to, value) })
            }))
        }
    )*};
}

numbers! {
    nvmlDeviceGetPowerUsage() -> c_uint = |gpu, seconds| Ok(whole(gpu.watts(seconds) * 1e3));
    nvmlDeviceGetTotalEnergyConsumption() -> c_ulonglong = |gpu, seconds| {
        let steps = (seconds * 1e3 / float(gpu.energy_step_ms.max(1))).floor();
        let joules = gpu.joules(steps * float(gpu.energy_step_ms.max(1)) / 1e3);
        Ok(gpu.energy_millijoules + u64::from(whole(joules * 1e3)))
    };
    nvmlDeviceGetUtilizationRates() -> nvmlUtilization_t = |gpu, _seconds| {
        Ok(nvmlUtilization_t { gpu: gpu.utilization, memory: gpu.memory_utilization })
    };
    nvmlDeviceGetClockInfo(kind: nvmlClockType_t) -> c_uint = |gpu, _seconds| {
        Ok(if kind == MEMORY_CLOCK { gpu.memory_clock } else { gpu.sm_clock })
    };
    nvmlDeviceGetCurrentClocksThrottleReasons() -> c_ulonglong = |gpu, seconds| Ok(gpu.throttled(seconds));
    nvmlDeviceGetTemperature(_sensor: nvmlTemperatureSensors_t) -> c_uint = |gpu, _seconds| Ok(gpu.temperature);
    nvmlDeviceGetEnforcedPowerLimit() -> c_uint = |_gpu, _seconds| Ok(700_000);
    nvmlDeviceGetPerformanceState() -> nvmlPstates_t = |_gpu, _seconds| Ok(0);
    nvmlDeviceGetMinorNumber() -> c_uint = |_gpu, _seconds| Ok(0);
    nvmlDeviceGetPcieReplayCounter() -> c_uint = |_gpu, _seconds| Ok(0);
    nvmlDeviceGetMaxMigDeviceCount() -> c_uint = |gpu, _seconds| Ok(whole(float_of(gpu.parts.len())));
    nvmlDeviceGetPcieThroughput(way: nvmlPcieUtilCounter_t) -> c_uint = |_gpu, _seconds| Ok(1000 * (way + 1));
    nvmlDeviceGetTotalEccErrors(kind: nvmlMemoryErrorType_t, _of: nvmlEccCounterType_t) -> c_ulonglong =
        |_gpu, _seconds| Ok(if kind == 0 { 3 } else { 0 });
    nvmlDeviceGetViolationStatus(_policy: nvmlPerfPolicyType_t) -> nvmlViolationTime_t = |_gpu, seconds| {
        let violationTime = u64::from(whole(seconds * 1e6)) * 1000;
        Ok(nvmlViolationTime_t { referenceTime: violationTime / 1000, violationTime })
    };
}

/// Finds the script next to the library and starts the clock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlInit_v2() -> nvmlReturn_t {
    code(own_path().ok_or(NOT_FOUND).and_then(|path| {
        let state = State::open(&path)?;
        if state.script.init_hangs {
            forever();
        }
        if state.script.init == SUCCESS { Ok(()) } else { Err(state.script.init) }
    }))
}

/// Ends nothing: the script continues, should the library be opened again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlShutdown() -> nvmlReturn_t {
    code(State::get().map(drop))
}

/// A driver of the time in which GPM was there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlSystemGetDriverVersion(to: *mut c_char, length: c_uint) -> nvmlReturn_t {
    // SAFETY: `nvml.h` requires `to` to have `length` bytes.
    code(unsafe { write_text(to, length, "570.00.fake") })
}

/// How many GPUs the script has.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetCount_v2(to: *mut c_uint) -> nvmlReturn_t {
    let count = State::get().map(|state| whole(float_of(state.script.gpus.len())));
    // SAFETY: `nvml.h` requires `to` to be writable.
    code(count.and_then(|count| unsafe { write(to, count) }))
}

/// A handle is the GPU's number and one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, to: *mut nvmlDevice_t) -> nvmlReturn_t {
    let device = without_provenance_mut(place(index) + 1);
    let is_there = gpu(device, "nvmlDeviceGetHandleByIndex");
    // SAFETY: `nvml.h` requires `to` to be writable.
    code(is_there.and_then(|_| unsafe { write(to, device) }))
}

/// A part's handle is that of its GPU, and its own number and one above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigDeviceHandleByIndex(
    device: nvmlDevice_t,
    index: c_uint,
    to: *mut nvmlDevice_t,
) -> nvmlReturn_t {
    let part = without_provenance_mut(device.addr() | (place(index) + 1) << 16);
    let is_there = gpu(part, "nvmlDeviceGetMigDeviceHandleByIndex");
    // SAFETY: `nvml.h` requires `to` to be writable.
    code(is_there.map_err(|_gone| NOT_FOUND).and_then(|_| unsafe { write(to, part) }))
}

/// Whether a GPU is divided, and will be.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMigMode(
    device: nvmlDevice_t,
    now: *mut c_uint,
    later: *mut c_uint,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetMigMode").and_then(|(gpu, _)| {
        let is_divided = c_uint::from(!gpu.parts.is_empty());
        // SAFETY: `nvml.h` requires both to be writable.
        unsafe { write(now, is_divided) }?;
        // SAFETY: the same.
        unsafe { write(later, is_divided) }
    }))
}

/// The GPU's name for itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetUUID(
    device: nvmlDevice_t,
    to: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let uuid = gpu(device, "nvmlDeviceGetUUID").map(|(gpu, _)| gpu.uuid.as_str());
    // SAFETY: `nvml.h` requires `to` to have `length` bytes.
    code(uuid.and_then(|uuid| unsafe { write_text(to, length, uuid) }))
}

/// The GPU's model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetName(
    device: nvmlDevice_t,
    to: *mut c_char,
    length: c_uint,
) -> nvmlReturn_t {
    let name = gpu(device, "nvmlDeviceGetName").map(|(gpu, _)| gpu.name.as_str());
    // SAFETY: `nvml.h` requires `to` to have `length` bytes.
    code(name.and_then(|name| unsafe { write_text(to, length, name) }))
}

/// The GPU's place on the bus.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetPciInfo_v3(
    device: nvmlDevice_t,
    to: *mut nvmlPciInfo_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetPciInfo").and_then(|_| {
        let mut info = nvmlPciInfo_t {
            busIdLegacy: [0; 16],
            domain: 0,
            bus: whole(float_of(device.addr())),
            device: 0,
            pciDeviceId: 0,
            pciSubSystemId: 0,
            busId: [0; 32],
        };
        let text = format!("00000000:{:02X}:00.0", device.addr());
        for (to, byte) in info.busId.iter_mut().zip(text.bytes()) {
            *to = byte.cast_signed();
        }
        // SAFETY: `nvml.h` requires `to` to be writable.
        unsafe { write(to, info) }
    }))
}

/// Power at the moment, and the memory's temperature; no other fields.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetFieldValues(
    device: nvmlDevice_t,
    count: c_int,
    values: *mut nvmlFieldValue_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetFieldValues").and_then(|(gpu, seconds)| {
        for place in 0..usize::try_from(count).map_err(|_negative| INVALID_ARGUMENT)? {
            // SAFETY: `nvml.h` requires `values` to have `count` values, and `place` is below that.
            let at = unsafe { values.add(place) };
            // SAFETY: it is within these values, which the caller has filled in.
            let mut value = unsafe { at.read() };
            value.timestamp = crate::clock::micros().cast_signed();
            value.valueType = UNSIGNED_INT;
            let found = match value.fieldId {
                POWER_INSTANT => Some(whole(gpu.watts(seconds) * 1e3)),
                MEMORY_TEMPERATURE => Some(gpu.temperature + 8),
                _ => None,
            };
            value.nvmlReturn = if found.is_some() { SUCCESS } else { NOT_SUPPORTED };
            value.value = nvmlValue_t { uiVal: found.unwrap_or(0) };
            // SAFETY: it is within the values, which are writable.
            unsafe { write(at, value) }?;
        }
        Ok(())
    }))
}

/// What the driver sampled by itself after a date: power and shares only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetSamples(
    device: nvmlDevice_t,
    kind: nvmlSamplingType_t,
    after_micros: c_ulonglong,
    value_type: *mut nvmlValueType_t,
    count: *mut c_uint,
    samples: *mut nvmlSample_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetSamples").and_then(|(gpu, _)| {
        let at = |seconds: f64| match kind {
            POWER_SAMPLES => Ok(whole(gpu.watts(seconds) * 1e3)),
            GPU_SAMPLES => Ok(gpu.utilization),
            MEMORY_SAMPLES => Ok(gpu.memory_utilization),
            _ => Err(NOT_SUPPORTED),
        };
        at(0.0)?;
        let found = State::get()?.sampled_after(gpu, after_micros);
        let found = found.into_iter().map(|(seconds, timeStamp)| {
            Ok(nvmlSample_t { timeStamp, sampleValue: nvmlValue_t { uiVal: at(seconds)? } })
        });
        let found = found.collect::<Outcome<Vec<_>>>()?;
        // SAFETY: `nvml.h` requires `value_type` to be writable.
        unsafe { write(value_type, UNSIGNED_INT) }?;
        // SAFETY: it requires `samples` to have `count` samples, or to be null.
        unsafe { write_list(samples, count, &found, SUCCESS) }
    }))
}

/// Who uses the GPU, and how much of its memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: nvmlDevice_t,
    count: *mut c_uint,
    infos: *mut nvmlProcessInfo_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetComputeRunningProcesses").and_then(|(gpu, _)| {
        let info = |(pid, usedGpuMemory, _): &(u32, u64, u32)| nvmlProcessInfo_t {
            pid: *pid,
            usedGpuMemory: *usedGpuMemory,
            gpuInstanceId: c_uint::MAX,
            computeInstanceId: c_uint::MAX,
        };
        let found = gpu.processes.iter().map(info).collect::<Vec<_>>();
        // SAFETY: `nvml.h` requires `infos` to have `count` infos, or to be null.
        unsafe { write_list(infos, count, &found, TOO_SMALL) }
    }))
}

/// Who uses the GPU, and how much of its time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessUtilization(
    device: nvmlDevice_t,
    samples: *mut nvmlProcessUtilizationSample_t,
    count: *mut c_uint,
    _after_micros: c_ulonglong,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetProcessUtilization").and_then(|(gpu, _)| {
        let sample = |(pid, _, smUtil): &(u32, u64, u32)| nvmlProcessUtilizationSample_t {
            pid: *pid,
            timeStamp: crate::clock::micros(),
            smUtil: *smUtil,
            memUtil: 1,
            encUtil: 0,
            decUtil: 0,
        };
        let found = gpu.processes.iter().map(sample).collect::<Vec<_>>();
        if found.is_empty() {
            return Err(NOT_FOUND);
        }
        // SAFETY: `nvml.h` requires `samples` to have `count` samples, or to be null.
        unsafe { write_list(samples, count, &found, TOO_SMALL) }
    }))
}

/// Bytes of memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(
    device: nvmlDevice_t,
    to: *mut nvmlMemory_v2_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetMemoryInfo").and_then(|(gpu, _)| {
        let free = gpu.memory_total - gpu.memory_used;
        let info =
            nvmlMemory_v2_t { version: 2, total: gpu.memory_total, reserved: 0, free, used: gpu.memory_used };
        // SAFETY: `nvml.h` requires `to` to be writable.
        unsafe { write(to, info) }
    }))
}

/// Shares of encoders: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetEncoderUtilization(
    device: nvmlDevice_t,
    to: *mut c_uint,
    period: *mut c_uint,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetEncoderUtilization").and_then(|_| {
        // SAFETY: `nvml.h` requires both to be writable.
        unsafe { write(to, 0) }?;
        // SAFETY: the same.
        unsafe { write(period, 1000) }
    }))
}

/// Shares of decoders: none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetDecoderUtilization(
    device: nvmlDevice_t,
    to: *mut c_uint,
    period: *mut c_uint,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlDeviceGetDecoderUtilization").and_then(|_| {
        // SAFETY: `nvml.h` requires both to be writable.
        unsafe { write(to, 0) }?;
        // SAFETY: the same.
        unsafe { write(period, 1000) }
    }))
}

/// Whether the chip has counters of its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmQueryDeviceSupport(
    device: nvmlDevice_t,
    to: *mut nvmlGpmSupport_t,
) -> nvmlReturn_t {
    code(gpu(device, "nvmlGpmQueryDeviceSupport").and_then(|(gpu, _)| {
        let isSupportedDevice = c_uint::from(!gpu.gpm.is_empty());
        // SAFETY: `nvml.h` requires `to` to be writable.
        unsafe { write(to, nvmlGpmSupport_t { version: 1, isSupportedDevice }) }
    }))
}

/// A new reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleAlloc(to: *mut nvmlGpmSample_t) -> nvmlReturn_t {
    let reading = State::get().map(|state| without_provenance_mut(state.reading()));
    // SAFETY: `nvml.h` requires `to` to be writable.
    code(reading.and_then(|reading| unsafe { write(to, reading) }))
}

/// Frees a reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleFree(reading: nvmlGpmSample_t) -> nvmlReturn_t {
    code(State::get().map(|state| state.forget(reading.addr())))
}

/// Takes a reading.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmSampleGet(device: nvmlDevice_t, reading: nvmlGpmSample_t) -> nvmlReturn_t {
    code(gpu(device, "nvmlGpmSampleGet").and_then(|_| State::get()?.read(reading.addr())))
}

/// The chip's counters between two readings; the script's first GPU's, for a reading is of no GPU here.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlGpmMetricsGet(request: *mut nvmlGpmMetricsGet_t) -> nvmlReturn_t {
    code(State::get().and_then(|state| {
        // SAFETY: `nvml.h` requires the request to be readable.
        let mut answer = unsafe { request.read() };
        let numbers = &state.script.gpus.first().ok_or(NOT_FOUND)?.gpm;
        if !state.is_stretch(answer.sample1.addr(), answer.sample2.addr()) {
            return Err(INVALID_ARGUMENT);
        }
        for metric in answer.metrics.iter_mut().take(place(answer.numMetrics)) {
            let found = numbers.get(&metric.metricId);
            metric.nvmlReturn = if found.is_some() { SUCCESS } else { NOT_SUPPORTED };
            metric.value = found.copied().unwrap_or_default();
            metric.metricInfo.shortName = null_mut();
        }
        // SAFETY: and to be writable.
        unsafe { write(request, answer) }
    }))
}

/// The GPU that a call is for, and how long the script has run.
fn gpu(device: nvmlDevice_t, call: &'static str) -> Outcome<(&'static Gpu, f64)> {
    let state = State::get()?;
    let gpu = state.gpu(device.addr(), call)?;
    Ok((gpu, state.seconds()))
}

fn code(outcome: Outcome<()>) -> nvmlReturn_t {
    outcome.err().unwrap_or(SUCCESS)
}

/// # Safety
/// `to` is null or writable.
unsafe fn write<T>(to: *mut T, value: T) -> Outcome<()> {
    if to.is_null() {
        return Err(INVALID_ARGUMENT);
    }
    // SAFETY: it is not null, so it is writable.
    unsafe { to.write(value) };
    Ok(())
}

/// # Safety
/// `to` is null or has `length` bytes that are writable.
unsafe fn write_text(to: *mut c_char, length: c_uint, text: &str) -> Outcome<()> {
    if to.is_null() || place(length) <= text.len() {
        return Err(TOO_SMALL);
    }
    for (place, byte) in text.bytes().chain([0]).enumerate() {
        // SAFETY: the text and its end have room in `length` bytes.
        let at = unsafe { to.add(place) };
        // SAFETY: it is one of these bytes.
        unsafe { at.write(byte.cast_signed()) };
    }
    Ok(())
}

/// Writes how many there are, and as many of them as there is room for; `none` is the result of a call for the count.
///
/// # Safety
/// `count` is writable; `to` is null or has `*count` places.
unsafe fn write_list<T: Copy>(to: *mut T, count: *mut c_uint, list: &[T], none: nvmlReturn_t) -> Outcome<()> {
    // SAFETY: the caller vouches for it.
    let room = unsafe { count.read() };
    let (all, room) = (whole(float_of(list.len())), place(room));
    if to.is_null() || room == 0 {
        // SAFETY: the caller vouches for it.
        unsafe { write(count, all) }?;
        return if all == 0 || none == SUCCESS { Ok(()) } else { Err(none) };
    }
    for (place, one) in list.iter().take(room).enumerate() {
        // SAFETY: it is below what there is room for.
        let at = unsafe { to.add(place) };
        // SAFETY: it is one of these places.
        unsafe { at.write(*one) };
    }
    // SAFETY: the caller vouches for it.
    unsafe { write(count, whole(float_of(list.len().min(room)))) }
}

/// Where this library was loaded from.
fn own_path() -> Option<PathBuf> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: null_mut(),
    };
    let own = nvmlInit_v2 as unsafe extern "C" fn() -> nvmlReturn_t;
    // SAFETY: man 3 dladdr: any address may be looked up, and `info` is writable.
    let found = unsafe { libc::dladdr(own as *const libc::c_void, &raw mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the name is a C string for as long as the library is loaded.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(PathBuf::from(OsStr::from_bytes(name.to_bytes())))
}

fn place(number: c_uint) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
const fn whole(number: f64) -> c_uint {
    number as c_uint
}

#[expect(clippy::cast_precision_loss, reason = "numbers of a script are small")]
const fn float(number: u64) -> f64 {
    number as f64
}

fn float_of(number: usize) -> f64 {
    float(u64::try_from(number).unwrap_or(u64::MAX))
}

/// `nvml.h`'s numbers of clocks and errors.
const MEMORY_CLOCK: nvmlClockType_t = 2;
const POWER_SAMPLES: nvmlSamplingType_t = 0;
const GPU_SAMPLES: nvmlSamplingType_t = 1;
const MEMORY_SAMPLES: nvmlSamplingType_t = 2;
const UNSIGNED_INT: nvmlValueType_t = 1;
const POWER_INSTANT: c_uint = 186;
const MEMORY_TEMPERATURE: c_uint = 82;
