//! The GPUs of the host during a run: sampled on threads of their own, written on another, judged at the end.
//!
//! ```text
//! gpu::Sampler ──▶ bounded queue ──▶ gpu-write ──▶ parts/gpu-00000.parquet ──▶ gpu.parquet
//!                                        └──▶ why clocks were low, for the verdict
//! ```
//!
//! A driver that hangs costs its own rows: the sampler's threads are waited for a moment, then left behind.

use crate::host;
use crate::parts::put_together;
use crate::run_dirs::RunDir;
use crate::threads::{self, lock, spawn_with_priority};
use crate::throttled::Throttled;
use anyhow::Result;
use common::clock::{DurationNs, MonoNs};
use control::GpuProgress;
use gpu::{Clocks, Sampler, Sampling, Settings};
use record::{GpuSample, GpuSource};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use store::parquet::{Limits, PartWriter};

/// The newest numbers of each GPU, by source and index.
pub type Newest = Arc<Mutex<BTreeMap<(String, u32), GpuProgress>>>;

/// The newest numbers of the GPUs, if they are sampled.
pub fn newest(gpus: Option<&Gpus>) -> Newest {
    gpus.map(|gpus| Arc::clone(&gpus.newest)).unwrap_or_default()
}

/// The GPUs while they are sampled.
pub struct Gpus {
    sampler: Sampler,
    newest: Newest,
    started: MonoNs,
    over: Arc<AtomicBool>,
    writer: JoinHandle<Result<Written>>,
    /// Collectors that are not tried any more.
    given_up: Vec<GpuSource>,
}

/// What was read of the GPUs.
#[derive(Debug, Default)]
pub struct Read {
    /// The state of each collector at its end.
    pub sources: Vec<GpuSource>,
    /// Why clocks were low, by GPU.
    pub throttled: Throttled,
}

#[derive(Debug, Default)]
struct Written {
    parts: Vec<PathBuf>,
    rows: u64,
    throttled: Throttled,
}

impl Gpus {
    /// Starts to sample what the plan requires, off the hot cores; [`Gpus::ready`] waits for the first numbers.
    pub fn start(
        plan: &spec::Gpu,
        settings: &Settings,
        directory: &RunDir,
        metadata: &[(String, String)],
        hot_cpus: &[u32],
    ) -> Result<Self> {
        let started = clock::mono();
        let interval = u64::try_from(plan.sample_interval.0).unwrap_or(0);
        let has_given_up = HUNG.load(Ordering::Relaxed) >= HUNG_MAX;
        let collectors = if has_given_up { Vec::new() } else { plan.collectors.clone() };
        let wanted = plan.collectors.iter().filter(|_| has_given_up);
        let sampling = Sampling {
            collectors,
            interval: Duration::from_nanos(interval).clamp(INTERVAL_MIN, INTERVAL_MAX),
            settings: settings.clone(),
            clocks: Clocks { mono: clock::mono, anchor: clock::anchor },
        };
        let (to, rows) = sync_channel(QUEUE);
        let over = Arc::new(AtomicBool::new(false));
        let parts = PartWriter::new(&directory.path().join("parts"), "gpu", Limits::STANDARD, metadata);
        let writing = Arc::clone(&over);
        let newest = Newest::default();
        let shown = Arc::clone(&newest);
        // Encoding must never take time from the hot cores.
        let writer = spawn_with_priority("gpu-write", 19, move || write(parts, &rows, &writing, &shown))?;
        let hot_cpus = hot_cpus.to_vec();
        // A thread has the priority and the cores of the one that starts it; so has what a driver's library starts.
        let starter = spawn_with_priority("gpu-start", NICE_INCREMENT, move || {
            host::keep_off(&hot_cpus);
            Sampler::start(&sampling, &to)
        });
        let sampler = threads::join(starter?)??;
        Ok(Self {
            sampler,
            newest,
            started,
            over,
            writer,
            given_up: wanted.map(|name| given_up(name)).collect(),
        })
    }

    /// Waits for the first numbers, from which the run's are counted: until a moment after it was started.
    pub fn ready(&self) {
        let waited = Duration::from_nanos((clock::mono() - self.started).0.try_into().unwrap_or(0));
        for source in self.sampler.opened(OPEN_PATIENCE.saturating_sub(waited)) {
            tracing::debug!(?source, "GPUs");
        }
    }

    /// Ends, and combines what was written; its failure never fails the run.
    pub fn finish(self, directory: &RunDir) -> Read {
        let Self { sampler, over, writer, given_up, .. } = self;
        let mut sources = sampler.finish(END_PATIENCE);
        let hung = sources.iter().filter(|source| source.did_hang).count();
        HUNG.fetch_add(u32::try_from(hung).unwrap_or(u32::MAX), Ordering::Relaxed);
        sources.extend(given_up);
        over.store(true, Ordering::Release);
        let written = threads::join(writer).flatten();
        let stored = written.and_then(|written| {
            if written.rows > 0 {
                put_together(&written.parts, directory, "gpu")?;
            }
            Ok(written.throttled)
        });
        let throttled = stored.unwrap_or_else(|error| {
            for source in &mut sources {
                source.problem = Some(format!("its numbers are lost: {error:#}"));
            }
            Throttled::default()
        });
        Read { sources, throttled }
    }
}

/// The state of a collector that is not tried any more.
fn given_up(collector: &str) -> GpuSource {
    let problem = "calls to a driver did not return in earlier runs; restart aiperfd to have it tried again";
    GpuSource {
        source: collector.to_owned(),
        problem: Some(problem.to_owned()),
        did_hang: true,
        ..GpuSource::default()
    }
}

/// Writes rows until all senders are gone, or the run is over and the queue is empty.
fn write(
    mut parts: PartWriter<GpuSample>,
    rows: &Receiver<Vec<GpuSample>>,
    over: &AtomicBool,
    newest: &Newest,
) -> Result<Written> {
    let mut written = Written::default();
    let mut started = None;
    loop {
        let batch = match rows.recv_timeout(LOOK) {
            Ok(batch) => batch,
            // A thread that hangs keeps its end of the queue.
            Err(RecvTimeoutError::Timeout) if over.load(Ordering::Acquire) => break,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        for row in batch {
            written.rows += 1;
            written.throttled.take(&row);
            show(newest, &row);
            let since = *started.get_or_insert(row.answered_ns);
            if row.answered_ns - since > PART_LENGTH {
                parts.end_part()?;
                started = None;
            }
            parts.push(row)?;
        }
    }
    written.parts = parts.finish()?;
    Ok(written)
}

/// Keeps a number that is shown while the run goes on.
fn show(newest: &Newest, row: &GpuSample) {
    let is_whole = row.mig_index.is_none() && row.pid.is_none();
    let is_name = row.metric == MODEL_NAME;
    if !is_whole || !(is_name || SHOWN.contains(&row.metric.as_str())) {
        return;
    }
    let mut newest = lock(newest);
    let gpu = newest.entry((row.source.clone(), row.gpu_index)).or_default();
    gpu.index = row.gpu_index;
    match row.value {
        Some(value) => drop(gpu.values.insert(row.metric.clone(), value)),
        None if is_name => gpu.name.clone_from(&row.text),
        None => {}
    }
}

/// What is shown of GPUs while a run goes on.
const SHOWN: &[&str] = &[
    "nvidia_power_usage",
    "nvidia_gpu_utilization",
    "nvidia_memory_used",
    "nvidia_temperature",
    "nvidia_sm_clock",
    "amd_power",
    "amd_gfx_activity",
    "amd_memory_used",
    "amd_temperature",
];
const MODEL_NAME: &str = "gpu_model_name";
/// How often calls have not returned since the daemon started: each time threads were left behind.
static HUNG: AtomicU32 = AtomicU32::new(0);
/// After this many, drivers are not called any more.
const HUNG_MAX: u32 = 4;
/// Batches that wait for the disk.
const QUEUE: usize = 4096;
/// How often the writer looks whether the run is over.
const LOOK: Duration = Duration::from_millis(20);
/// A part is ended after so much of the run: a kill loses no more than that.
const PART_LENGTH: DurationNs = DurationNs::from_millis(10_000);
/// How much less of a core the samplers get than the load generator and the server.
const NICE_INCREMENT: i32 = 10;
/// How long a run waits for the state from which is counted.
const OPEN_PATIENCE: Duration = Duration::from_millis(2000);
/// How long a run waits for calls to return.
const END_PATIENCE: Duration = Duration::from_millis(1500);
/// The shortest interval that a client may set.
const INTERVAL_MIN: Duration = Duration::from_millis(1);
const INTERVAL_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_gpus_is_read_of_them() {
        for name in SHOWN {
            assert!(record::GpuMetric::find(name).is_some(), "{name}");
        }
        assert!(record::GPU_TEXTS.contains(&MODEL_NAME));
    }
}
