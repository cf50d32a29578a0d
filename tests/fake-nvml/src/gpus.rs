//! The current state of the scripted GPUs: their handles, the result of a call, their numbers.

use crate::clock;
use crate::script::{Gpu, Script};
use nvml_wrapper_sys::bindings::{
    nvmlReturn_enum_NVML_ERROR_INVALID_ARGUMENT as INVALID_ARGUMENT,
    nvmlReturn_enum_NVML_ERROR_NOT_FOUND as NOT_FOUND, nvmlReturn_t,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The result of a call, or one of `nvmlReturn_t`.
pub type Outcome<T> = Result<T, nvmlReturn_t>;

/// What is known since the library was opened.
#[derive(Debug)]
pub struct State {
    /// The script.
    pub script: Script,
    opened: Instant,
    opened_micros: u64,
    /// Calls by handle and name.
    calls: Mutex<BTreeMap<(usize, &'static str), u64>>,
    /// Readings of GPM by handle: when each was taken.
    readings: Mutex<BTreeMap<usize, Option<f64>>>,
}

static STATE: OnceLock<State> = OnceLock::new();

impl State {
    /// Reads the script next to the library, the first time.
    ///
    /// # Errors
    /// When there is none, or it is not valid.
    pub fn open(library: &Path) -> Outcome<&'static Self> {
        if let Some(state) = STATE.get() {
            return Ok(state);
        }
        let bytes = std::fs::read(library.with_file_name(crate::SCRIPT)).map_err(|_gone| NOT_FOUND)?;
        let script = serde_json::from_slice(&bytes).map_err(|_wrong| INVALID_ARGUMENT)?;
        Ok(STATE.get_or_init(|| Self {
            script,
            opened: clock::now(),
            opened_micros: clock::micros(),
            calls: Mutex::default(),
            readings: Mutex::default(),
        }))
    }

    /// What is known, if the library was opened.
    ///
    /// # Errors
    /// When it was not.
    pub fn get() -> Outcome<&'static Self> {
        STATE.get().ok_or(nvml_wrapper_sys::bindings::nvmlReturn_enum_NVML_ERROR_UNINITIALIZED)
    }

    /// Seconds since the library was opened.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.opened.elapsed().as_secs_f64()
    }

    /// The GPU with this handle, once its call may return: a script may fail it, or hold it forever.
    ///
    /// # Errors
    /// The script's error, and when there is no such GPU.
    pub fn gpu(&self, handle: usize, call: &'static str) -> Outcome<&Gpu> {
        let whole = (handle & 0xffff).checked_sub(1).ok_or(INVALID_ARGUMENT)?;
        let gpu = self.script.gpus.get(whole).ok_or(INVALID_ARGUMENT)?;
        let gpu = match (handle >> 16).checked_sub(1) {
            Some(part) => gpu.parts.get(part).ok_or(INVALID_ARGUMENT)?,
            None => gpu,
        };
        let calls = {
            let mut calls = held(&self.calls);
            let calls = calls.entry((handle, call)).or_default();
            *calls += 1;
            *calls
        };
        if gpu.hangs.get(call).is_some_and(|first| calls >= *first) {
            forever();
        }
        if let Some(millis) = gpu.takes_ms.get(call) {
            std::thread::sleep(Duration::from_millis(*millis));
        }
        match gpu.fails.get(call) {
            Some(code) => Err(*code),
            None => Ok(gpu),
        }
    }

    /// A new reading of GPM; its handle.
    pub fn reading(&self) -> usize {
        let mut readings = held(&self.readings);
        let handle = readings.keys().next_back().map_or(1, |last| last + 1);
        readings.insert(handle, None);
        handle
    }

    /// Takes a reading of GPM.
    ///
    /// # Errors
    /// When there is no such reading.
    pub fn read(&self, handle: usize) -> Outcome<()> {
        let seconds = self.seconds();
        *held(&self.readings).get_mut(&handle).ok_or(INVALID_ARGUMENT)? = Some(seconds);
        Ok(())
    }

    /// Frees a reading of GPM.
    pub fn forget(&self, handle: usize) {
        held(&self.readings).remove(&handle);
    }

    /// Whether both readings were taken, the first before the second.
    #[must_use]
    pub fn is_stretch(&self, first: usize, second: usize) -> bool {
        let readings = held(&self.readings);
        let taken = |handle| readings.get(&handle).copied().flatten();
        taken(first).zip(taken(second)).is_some_and(|(first, second)| first < second)
    }

    /// The moments at which the driver itself sampled after a date, with their dates in microseconds.
    #[must_use]
    pub fn sampled_after(&self, gpu: &Gpu, micros: u64) -> Vec<(f64, u64)> {
        let step = gpu.sample_step_ms.max(1) * 1000;
        let now = clock::micros();
        let first = micros.max(self.opened_micros).saturating_sub(self.opened_micros) / step + 1;
        let dates = (first..).map(|place| self.opened_micros + place * step).take_while(|date| *date <= now);
        let moments =
            dates.map(|date| (Duration::from_micros(date - self.opened_micros).as_secs_f64(), date));
        let all = moments.collect::<Vec<_>>();
        // A real buffer holds so many.
        all[all.len().saturating_sub(BUFFER)..].to_vec()
    }
}

/// Never returns, as a driver whose firmware has died.
pub fn forever() -> ! {
    loop {
        std::thread::park();
    }
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Samples of the driver's own that are there at most.
const BUFFER: usize = 120;
