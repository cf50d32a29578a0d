//! What a run's progress is read from while it goes on: the workers' counters, what was recorded, and what was noted of it.

use crate::collect::client_ring::Counters;
use crate::gpus::Newest;
use crate::pipeline::View;
use crate::threads::lock;
use common::clock::MonoNs;
use common::ring::{COUNTERS, Counter};
use control::{LiveStats, PhaseProgress, Progress, WorkerProgress};
use metric::Live;
use spec::Plan;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The source of a run's progress while it is active.
#[derive(Clone, Default)]
pub(crate) struct ProgressSource {
    pub(crate) counters: Vec<Counters>,
    pub(crate) view: Arc<Mutex<View>>,
    pub(crate) start: Option<MonoNs>,
    /// The phases that have started.
    pub(crate) phases: Vec<StartedPhase>,
    /// The core of each worker, and how busy its thread has kept it.
    pub(crate) workers: Vec<Worker>,
    pub(crate) gpus: Newest,
    pub(crate) notice: Option<String>,
    /// The last progress, once the run has ended and its memory is freed.
    pub(crate) last: Option<Progress>,
}

/// A worker's counters.
pub(crate) type Sums = [u64; COUNTERS.len()];

/// The core of a worker, and how busy its thread has kept it.
pub(crate) type Worker = (Option<u32>, Option<f64>);

/// A phase that has started.
#[derive(Clone, Copy)]
pub(crate) struct StartedPhase {
    pub(crate) phase: u32,
    pub(crate) at: MonoNs,
    /// Requests of the run that had ended by then.
    pub(crate) ended_before: u64,
}

impl ProgressSource {
    /// The counters of each worker.
    pub(crate) fn sums(&self) -> Vec<Sums> {
        let of = |counters: &Counters| {
            let mut sums = [0; COUNTERS.len()];
            counters.add_to(&mut sums);
            sums
        };
        self.counters.iter().map(of).collect()
    }

    pub(crate) fn workers(&self, sums: &[Sums]) -> Vec<WorkerProgress> {
        let of = |(place, sums): (usize, &Sums)| {
            let (cpu, busy) = self.workers.get(place).copied().unwrap_or_default();
            let count = |counter: Counter| sums[counter.index()];
            WorkerProgress {
                cpu,
                sent: count(Counter::Sent),
                completed: count(Counter::Completed),
                failed: count(Counter::Failed),
                in_flight: count(Counter::InFlight),
                late: count(Counter::Late),
                busy,
            }
        };
        sums.iter().enumerate().map(of).collect()
    }

    /// The phase that started last.
    pub(crate) fn phase(&self, plan: &Plan, ended: u64) -> Option<PhaseProgress> {
        let StartedPhase { phase, at, ended_before } = *self.phases.last()?;
        let of = plan.load.phases.get(usize::try_from(phase).ok()?)?;
        Some(PhaseProgress {
            name: of.name.clone(),
            is_warmup: of.is_warmup,
            number: phase + 1,
            phases: u32::try_from(plan.load.phases.len()).unwrap_or(u32::MAX),
            elapsed_seconds: (clock::mono() - at).as_seconds().max(0.0),
            seconds_planned: of.duration_seconds,
            requests_planned: of.request_count,
            requests_ended: ended.saturating_sub(ended_before),
        })
    }
}

/// What clients are shown of requests that were recorded: statistics by tag, and output tokens.
pub(crate) fn live_stats(live: &Mutex<Option<Live>>) -> (BTreeMap<String, LiveStats>, u64) {
    let live = lock(live);
    let Some(live) = live.as_ref() else { return (BTreeMap::new(), 0) };
    let stats = live.stats().map(|one| {
        let (recent_p50_ms, recent_p99_ms) = one.recent_ms.unzip();
        let stats = LiveStats {
            avg_ms: one.avg_ms,
            min_ms: one.min_ms,
            max_ms: one.max_ms,
            p50_ms: one.p50_ms,
            p90_ms: one.p90_ms,
            p99_ms: one.p99_ms,
            std_ms: one.std_ms,
            recent_p50_ms,
            recent_p99_ms,
        };
        (one.tag.to_owned(), stats)
    });
    (stats.collect(), live.output_tokens())
}
