//! One run from its plan to its records, as a machine of states, whatever its kind; and what is cleaned up in any case.
//!
//! ```text
//! Created ─▶ Preparing ─▶ Running ─▶ Draining ─▶ Recording ─▶ Finished
//!                │            load::send, watch::attend      │
//!                └─▶ Failed      finish::record              └─▶ Interrupted: `recover` may do better
//! ```

use crate::equipment::{Equipment, OfOneKind, Own};
use crate::run::{Kind, Run};
use crate::run_dirs::Started;
use crate::runs::Runs;
use crate::stopped::Stopped;
use crate::threads::lock;
use crate::{disk, finish, load, watch};
use anyhow::Result;
use control::{Fault, Problem, State};
use record::Finding;
use spec::Plan;
use std::sync::Arc;

/// Runs it on a thread of its own.
///
/// # Errors
/// When no thread can be started.
pub fn start(runs: &Arc<Runs>, run: &Arc<Run>) -> std::io::Result<()> {
    let (runs, name, run) = (Arc::clone(runs), format!("run-{}", run.id), Arc::clone(run));
    std::thread::Builder::new().name(name).spawn(move || execute(&runs, &run)).map(drop)
}

/// Runs it to its end. A failure is in the status.
pub fn execute(runs: &Runs, run: &Run) {
    let (daemon, run_id) = (&runs.daemon, run.id.as_str());
    let result = try_execute(runs, run);
    daemon.cpus.release(run_id);
    if let Kind::Watch(observation) = &run.kind {
        *lock(&observation.joinable) = None;
    }
    let mut keeps = false;
    if let Err(error) = result {
        let problem = match error.downcast::<Problem>() {
            Ok(problem) => problem,
            Err(error) => Problem::new(Fault::Load, format!("{error:#}")),
        };
        // The client reports it to its user; a private daemon would report it twice.
        tracing::info!(run = run_id, "run failed: {problem}");
        // What was collected of a run that had started is kept: `recover` may do better once the disk works.
        keeps = run.directory.started().is_some();
        run.set_status(|status| {
            status.state = if keeps { State::Interrupted } else { State::Failed };
            status.problem = Some(problem);
        });
    }
    if !keeps {
        run.directory.remove_scratch();
    }
    daemon.run_dirs.refresh(run_id);
    tracing::info!(run = run_id, "run ended");
    run.retire();
}

fn try_execute(runs: &Runs, run: &Run) -> Result<()> {
    let daemon = &runs.daemon;
    run.enter(State::Preparing);
    let plan = run.plan();
    if let Some(why) = disk::is_full(&daemon.run_dirs, &daemon.limits) {
        return Err(Problem::new(Fault::Disk, why).into());
    }
    let _share = runs.share(run.owner.uid, &plan)?;
    let found = daemon.examine(most_at_once(&plan), &plan.workers.cpus);
    let Ended { equipment, stopped, started } = match (&run.kind, &plan.watch) {
        (Kind::Watch(observation), Some(watch)) => {
            let equipment = watch::prepare(daemon, run, observation, &plan, watch)?;
            go(run, equipment, found, |equipment| watch::attend(daemon, run, observation, equipment))?
        }
        (Kind::Load(reach), _) => {
            let equipment = load::prepare(daemon, run, reach, &plan)?;
            go(run, equipment, found, |equipment| load::send(daemon, run, equipment))?
        }
        (Kind::Watch(_), None) => anyhow::bail!("a run that watches has no plan of it"),
    };
    run.enter(State::Recording);
    finish::record(daemon, run, &plan, equipment, stopped, started)
}

/// A run that has nothing more to send or to watch.
struct Ended<'a> {
    equipment: Equipment<'a, Own>,
    /// What stopped it, if anything did.
    stopped: Option<Stopped>,
    started: Started,
}

/// Lets a run that is prepared go on until it has ended.
fn go<'a, O: OfOneKind>(
    run: &Run,
    mut equipment: Equipment<'a, O>,
    found: Vec<Finding>,
    attend: impl FnOnce(&mut Equipment<'a, O>) -> Option<Stopped>,
) -> Result<Ended<'a>> {
    let started = equipment.started(found, &run.owner.name);
    run.directory.write_started(&started)?;
    run.enter(State::Running);
    let stopped = attend(&mut equipment);
    Ok(Ended { equipment: equipment.of_any_kind(), stopped, started })
}

/// The most connections that a phase of the plan has at the same time, if it limits them.
fn most_at_once(plan: &Plan) -> Option<u32> {
    plan.load.phases.iter().filter_map(|phase| phase.concurrency).max()
}
