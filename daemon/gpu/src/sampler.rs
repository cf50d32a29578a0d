//! The threads that read GPUs: two for each collector, so that slow calls never delay fast ones.
//!
//! ```text
//! gpu-nvml        opens the library, then polls at every interval ────┐
//! gpu-nvml-slow   polls once a second with calls that may take long ──┴──▶ bounded queue of rows
//! ```
//!
//! A thread that is inside a call which does not return is left behind: the run ends without it.

use crate::collector::{COLLECTORS, Collector, Kind, Pace, Settings};
use crate::round::{Clocks, Cost, PolledGpu};
use common::clock::{DurationNs, MonoNs};
use record::{GpuSample, GpuSource};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex};
use std::thread::Builder;
use std::time::Duration;

/// What is sampled, and how.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// By which collectors; names that are none are reported as a problem.
    pub collectors: Vec<String>,
    /// From one reading to the next.
    pub interval: Duration,
    /// Where collectors look.
    pub settings: Settings,
    /// Who reads the clock.
    pub clocks: Clocks,
}

/// Reads GPUs until it is stopped, or dropped.
#[derive(Debug)]
pub struct Sampler {
    stop: Arc<AtomicBool>,
    sources: Vec<Source>,
    mono: fn() -> MonoNs,
}

#[derive(Debug)]
struct Source {
    state: Arc<Mutex<GpuSource>>,
    /// Receives once when it is known whether there are GPUs.
    opened: Receiver<()>,
    /// Ends when no thread is left.
    alive: Receiver<()>,
}

impl Sampler {
    /// Starts a thread for each collector; rows go into the queue, and what finds no room there is counted. Priority
    /// and cores of the threads are those of the caller's.
    ///
    /// # Errors
    /// When a thread can't be started.
    pub fn start(sampling: &Sampling, rows: &SyncSender<Vec<GpuSample>>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut sources = Vec::new();
        for name in &sampling.collectors {
            let state = Arc::new(Mutex::new(GpuSource { source: name.clone(), ..GpuSource::default() }));
            let (tell_opened, opened) = channel();
            let (live, alive) = channel();
            match COLLECTORS.iter().find(|kind| kind.name == name) {
                Some(kind) => {
                    let reader = Reader {
                        kind: *kind,
                        sampling: sampling.clone(),
                        state: Arc::clone(&state),
                        stop: Arc::clone(&stop),
                        rows: rows.clone(),
                        _live: live,
                    };
                    let run = move || reader.run(&tell_opened);
                    Builder::new().name(format!("gpu-{}", kind.name)).spawn(run)?;
                }
                None => trouble(&state, &format!("there is no collector `{name}`")),
            }
            sources.push(Source { state, opened, alive });
        }
        Ok(Self { stop, sources, mono: sampling.clocks.mono })
    }

    /// Waits until every collector has found GPUs or none, but not longer than this; returns their states.
    #[must_use]
    pub fn opened(&self, patience: Duration) -> Vec<GpuSource> {
        let started = (self.mono)();
        let states = self.sources.iter().map(|source| {
            let answer = source.opened.recv_timeout(self.left(started, patience));
            let mut state = source.state();
            if answer == Err(RecvTimeoutError::Timeout) && state.problem.is_none() {
                state.problem = Some("the driver has not responded yet".to_owned());
            }
            state
        });
        states.collect()
    }

    /// Has the threads end and waits for them, but not longer than this; returns their states.
    #[must_use]
    pub fn finish(self, patience: Duration) -> Vec<GpuSource> {
        self.stop.store(true, Ordering::Release);
        let started = (self.mono)();
        let states = self.sources.iter().map(|source| {
            // Nothing is ever sent: it ends with the last sender.
            let ended = source.alive.recv_timeout(self.left(started, patience));
            let has_hung = ended == Err(RecvTimeoutError::Timeout);
            let mut state = source.state();
            state.did_hang = has_hung;
            if has_hung {
                state.problem = Some("a call to the driver did not return".to_owned());
            }
            state
        });
        states.collect()
    }

    /// What is left of the time that all collectors have together.
    fn left(&self, started: MonoNs, patience: Duration) -> Duration {
        patience.saturating_sub(Duration::from_nanos((self.mono)().0.saturating_sub(started.0)))
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

impl Source {
    fn state(&self) -> GpuSource {
        self.state.lock().map(|state| state.clone()).unwrap_or_default()
    }
}

/// What a thread that reads needs.
struct Reader {
    kind: Kind,
    sampling: Sampling,
    state: Arc<Mutex<GpuSource>>,
    stop: Arc<AtomicBool>,
    rows: SyncSender<Vec<GpuSample>>,
    /// Dropped with the thread.
    _live: Sender<()>,
}

impl Reader {
    /// Opens the collector, starts the thread for slow calls, and makes the fast ones.
    fn run(self, opened: &Sender<()>) {
        let collector: Arc<dyn Collector> = match (self.kind.open)(&self.sampling.settings) {
            Ok(collector) => collector.into(),
            Err(error) => return self.trouble(&error.to_string()),
        };
        let mut gpus = match collector.gpus() {
            Ok(gpus) => gpus.into_iter().map(|gpu| PolledGpu::new(self.kind.name, gpu)).collect::<Vec<_>>(),
            Err(error) => return self.trouble(&error.to_string()),
        };
        if gpus.is_empty() {
            return self.trouble("it knows of no GPU");
        }
        if let Ok(mut state) = self.state.lock() {
            state.gpus = u32::try_from(gpus.len()).unwrap_or(u32::MAX);
        }
        let now = (self.sampling.clocks.mono)();
        self.send(gpus.iter().flat_map(|gpu| gpu.introduction(now)).collect(), Cost::default());
        let slow = self.again(Arc::clone(&collector));
        if let Err(error) = slow {
            self.trouble(&format!("failed to start a thread: {error}"));
        }
        // The receiver may be gone.
        opened.send(()).ok();
        self.poll(&mut gpus, self.sampling.interval, &[Pace::Interval, Pace::Tenth]);
    }

    /// Starts the thread that makes slow calls.
    fn again(&self, collector: Arc<dyn Collector>) -> std::io::Result<()> {
        let reader = Self {
            kind: self.kind,
            sampling: self.sampling.clone(),
            state: Arc::clone(&self.state),
            stop: Arc::clone(&self.stop),
            rows: self.rows.clone(),
            _live: self._live.clone(),
        };
        let run = move || match collector.gpus() {
            Ok(gpus) => {
                let mut gpus =
                    gpus.into_iter().map(|gpu| PolledGpu::new(reader.kind.name, gpu)).collect::<Vec<_>>();
                reader.poll(&mut gpus, SLOW, &[Pace::Second]);
            }
            Err(error) => reader.trouble(&error.to_string()),
        };
        Builder::new().name(format!("gpu-{}-slow", self.kind.name)).spawn(run).map(drop)
    }

    /// Polls all GPUs in intervals until it is stopped, and once more then: counters are needed at the end.
    fn poll(&self, gpus: &mut [PolledGpu<'_>], interval: Duration, paces: &[Pace]) {
        let mono = self.sampling.clocks.mono;
        let step = DurationNs(i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1));
        let mut due = mono();
        let mut tenth = due;
        loop {
            let is_last = self.stop.load(Ordering::Acquire);
            let started = mono();
            let is_tenth = started >= tenth || is_last;
            if is_tenth {
                tenth = started + TENTH;
            }
            let (mut rows, mut cost) = (Vec::new(), Cost::default());
            for pace in paces.iter().filter(|pace| **pace != Pace::Tenth || is_tenth) {
                gpus.iter_mut().for_each(|gpu| gpu.poll(*pace, self.sampling.clocks, &mut rows, &mut cost));
            }
            self.send(rows, cost);
            if is_last {
                return;
            }
            due = self.next(due, step);
            self.sleep_until(due);
        }
    }

    /// When the next round is due: what is past is left out and counted.
    fn next(&self, due: MonoNs, step: DurationNs) -> MonoNs {
        let now = (self.sampling.clocks.mono)();
        let late = now.0.saturating_sub(due.0);
        let missed = late / step.0.unsigned_abs();
        if let Ok(mut state) = self.state.lock() {
            state.rounds += 1;
            state.rounds_missed += missed;
        }
        MonoNs(due.0 + (missed + 1) * step.0.unsigned_abs())
    }

    /// In short steps, so that the end of the run is seen soon.
    fn sleep_until(&self, due: MonoNs) {
        while !self.stop.load(Ordering::Acquire) {
            let left = due.0.saturating_sub((self.sampling.clocks.mono)().0);
            if left == 0 {
                return;
            }
            std::thread::sleep(Duration::from_nanos(left).min(NOTICE));
        }
    }

    fn send(&self, rows: Vec<GpuSample>, cost: Cost) {
        let samples = rows.len() as u64;
        let has_room = rows.is_empty() || self.rows.try_send(rows).is_ok();
        if let Ok(mut state) = self.state.lock() {
            if has_room {
                state.samples += samples;
            } else {
                state.dropped += samples;
            }
            state.calls += cost.calls;
            state.call_seconds += Duration::from_nanos(cost.nanoseconds).as_secs_f64();
        }
    }

    fn trouble(&self, what: &str) {
        trouble(&self.state, what);
    }
}

fn trouble(state: &Mutex<GpuSource>, what: &str) {
    if let Ok(mut state) = state.lock() {
        state.problem = Some(what.to_owned());
    }
}

/// From one slow reading to the next.
const SLOW: Duration = Duration::from_secs(1);
/// From one reading of what changes more slowly to the next.
const TENTH: DurationNs = DurationNs::from_millis(100);
/// How soon the end of the run is seen.
const NOTICE: Duration = Duration::from_millis(50);
