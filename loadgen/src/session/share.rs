//! One worker's share of a load.

use super::Failure;
use crate::ramp;
use crate::schedule::{Limits, Schedule};
use crate::shape::{self, Share, Starts};
use crate::steering::Steering;
use crate::worker::Phase;
use common::clock::DurationNs;
use spec::{Input, Plan};
use std::sync::Arc;

/// Most connections of a worker at once.
pub(super) fn connections(plan: &Plan, worker: usize, workers: usize, targets: usize) -> u32 {
    // Branches are sent in addition to the sessions that started them.
    let branches = matches!(&plan.input, Input::File { format, .. } if format == "dag_jsonl");
    let most = |phase: &spec::Phase| {
        let limit = phase.concurrency.filter(|_| !branches).unwrap_or(CONNECTIONS_MAX);
        share(u64::from(limit), worker, workers)
    };
    let sessions = plan.load.phases.iter().map(most).max().unwrap_or(1).max(1);
    // Idle connections to one target must never keep requests to another from having theirs.
    let connections = sessions.saturating_mul(targets as u64).min(u64::from(CONNECTIONS_MAX));
    u32::try_from(connections).unwrap_or(CONNECTIONS_MAX)
}

/// A worker's share of a number: the remainder is spread over the first ones.
const fn share(whole: u64, worker: usize, workers: usize) -> u64 {
    let (worker, workers) = (worker as u64, workers as u64);
    whole / workers + (worker < whole % workers) as u64
}

/// One worker's share of a phase's limits.
fn limits(phase: &spec::Phase, seed: u64, worker: usize, workers: usize) -> Limits {
    let places = |limit: Option<u32>, ramp| {
        let openings = ramp::openings(limit?, ramp, seed);
        Some(openings.into_iter().skip(worker).step_by(workers).collect())
    };
    Limits {
        duration: phase.duration_seconds.map(DurationNs::from_seconds),
        grace: phase.grace_period_seconds.map(DurationNs::from_seconds),
        sessions_at_once: places(phase.concurrency, phase.concurrency_ramp),
        prefills_at_once: places(phase.prefill_concurrency, phase.prefill_concurrency_ramp),
        requests: phase.request_count.map(|count| share(count, worker, workers)),
        sessions: phase.session_count.map(|count| share(count, worker, workers)),
    }
}

/// One worker's share of a phase.
pub(super) fn of_worker(
    phase: &spec::Phase,
    seed: u64,
    trace: &Arc<[DurationNs]>,
    worker: usize,
    workers: usize,
    steering: Option<Steering>,
) -> Result<Phase, Failure> {
    let name = &phase.shape;
    let shape = shape::of(name).ok_or_else(|| Failure::Plan(format!("there is no load shape `{name}`")))?;
    let limits = limits(phase, seed, worker, workers);
    let starts = (shape.starts)(&phase.at_start(), seed, trace);
    let counts_anew = matches!(starts, Starts::Sessions(_) | Starts::Users(_));
    let share = (u32::try_from(worker).unwrap_or(0), u32::try_from(workers).unwrap_or(1));
    Ok(Phase {
        schedule: Box::new(move |begin, held| {
            let schedule = match starts {
                Starts::Places => Schedule::places(begin, &limits, held),
                Starts::Requests(arrivals) => {
                    Schedule::requests(Share::new(arrivals, worker, workers), begin, &limits, held)
                }
                Starts::Sessions(arrivals) => {
                    Schedule::sessions(Share::new(arrivals, worker, workers), begin, &limits, held)
                }
                Starts::Users(users) => Schedule::users(&users, share, begin, &limits, held),
            };
            schedule.steered(steering)
        }),
        is_seamless: phase.is_seamless,
        is_warmup: phase.is_warmup,
        counts_anew,
        cancellation: phase.cancellation.filter(|_| !phase.is_warmup),
        limits_prefill: phase.prefill_concurrency.is_some(),
    })
}

/// Most connections of one worker, where the plan sets no limit: a third of the ports that one address has.
const CONNECTIONS_MAX: u32 = 8192;
