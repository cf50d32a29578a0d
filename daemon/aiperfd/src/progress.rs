//! What a run's progress is read from while it goes on: the workers' counters, what was recorded, and what was noted of it.

use crate::collect::client_ring::Counters;
use crate::gpus::Newest;
use crate::pipeline::View;
use crate::tally;
use crate::threads::lock;
use common::clock::MonoNs;
use common::ring::{COUNTERS, Counter};
use control::{LiveStats, PhaseCourse, PhaseProgress, Progress, WorkerProgress};
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
    /// What the run's counters were by then.
    pub(crate) before: Sent,
    /// When it had sent everything.
    pub(crate) sent_all: Option<MonoNs>,
    /// When it had ended, what the counters were then, and whether requests were cancelled because its time was over.
    pub(crate) ended: Option<(MonoNs, Sent, bool)>,
}

/// What the workers' counters say of requests.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sent {
    sent: u64,
    completed: u64,
    failed: u64,
    in_flight: u64,
}

impl Sent {
    /// Of all workers.
    pub(crate) fn of(sums: &[Sums]) -> Self {
        let sum = |counter: Counter| sums.iter().map(|sums| sums[counter.index()]).sum::<u64>();
        Self {
            sent: sum(Counter::Sent),
            completed: sum(Counter::Completed),
            failed: sum(Counter::Failed),
            in_flight: sum(Counter::InFlight),
        }
    }
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
        let StartedPhase { phase, at, before, .. } = *self.phases.last()?;
        let ended_before = before.completed + before.failed;
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

/// What each phase has passed, with what is recorded of it.
pub(crate) fn courses(
    phases: &[StartedPhase],
    now: Sent,
    plan: &Plan,
    recorded: &BTreeMap<String, tally::Phase>,
) -> Vec<PhaseCourse> {
    let of = |started: &StartedPhase| {
        let phase = plan.load.phases.get(usize::try_from(started.phase).ok()?)?;
        let (ended, until, timed_out) = match started.ended {
            Some((at, counts, timed_out)) => (Some(at), counts, timed_out),
            None => (None, now, false),
        };
        let [completed, failed] = [
            until.completed.saturating_sub(started.before.completed),
            until.failed.saturating_sub(started.before.failed),
        ];
        let recorded = recorded.get(&phase.name);
        let requests = recorded.map(|recorded| &recorded.requests);
        let count = requests.map_or(0, |requests| requests.ended);
        Some(PhaseCourse {
            name: phase.name.clone(),
            is_warmup: phase.is_warmup,
            number: started.phase + 1,
            started_ns: started.at,
            sent_all_ns: started.sent_all,
            ended_ns: ended,
            timed_out,
            sent: until.sent.saturating_sub(started.before.sent),
            completed,
            failed,
            in_flight: until.in_flight,
            sessions: recorded.map_or(0, |recorded| recorded.sessions),
            cancelled: requests.map_or(0, |requests| requests.ended - requests.completed - requests.failed),
            is_recorded: ended.is_some() && count >= completed + failed,
            kernel_sent_first_ns: recorded.and_then(|recorded| recorded.kernel_sent_first),
            kernel_received_last_ns: recorded.and_then(|recorded| recorded.kernel_received_last),
        })
    };
    phases.iter().filter_map(of).collect()
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
