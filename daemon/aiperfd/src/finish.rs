//! The end of a run: what is left is drained and joined, the verdict is made, and `run.json` is written, whatever ended it.

use crate::daemon::Daemon;
use crate::equipment::{Equipment, Own, Setting};
use crate::evidence::{evidence, figures};
use crate::parts::{Parts, Writers, metadata};
use crate::pipeline::View;
use crate::replay::{self, Reported};
use crate::run::Run;
use crate::run_dirs::{Started, is_full};
use crate::stopped::{Cause, Stopped};
use crate::tally::Tally;
use crate::threads::lock;
use crate::{gpus, host, parts, verdict};
use anyhow::Result;
use common::clock::{Anchor, DurationNs, MonoNs};
use control::State;
use record::{Finding, Phase, SCHEMA_VERSION};
use spec::Plan;

/// Drains and joins what is left, judges, and writes `run.json`.
pub(crate) fn record(
    daemon: &Daemon,
    run: &Run,
    plan: &Plan,
    mut equipment: Equipment<'_, Own>,
    mut stopped: Option<Stopped>,
    started: Started,
) -> Result<()> {
    equipment.usage.end(equipment.loadgen.pid());
    let read = equipment.gpus.take().map(|gpus| gpus.finish(&run.directory)).unwrap_or_default();
    if let Err(error) = equipment.collecting.stop() {
        stopped.get_or_insert_with(|| Stopped::failed("the collector of records ended", &error));
    }
    let (ended, mut view) = joined(daemon, run, plan, &started, &mut equipment, &mut stopped);
    if let Some(attached) = &equipment.attached {
        view.loss.kernel = attached.dropped()?;
    }
    let results = Results { view, gpus: read, stopped, doctor: started.doctor };
    let described = describe(daemon, run, plan, &equipment, results);
    drop(equipment);
    ended.put_together(&run.directory).or_else(|error| {
        if !is_full(&error) {
            return Err(error);
        }
        // What was collected is in the parts: its room is enough to join them.
        run.directory.remove_spool();
        ended.put_together(&run.directory)
    })?;
    run.directory.write_run(&described)?;
    run.set_status(|status| {
        status.standing = Some(described.verdict.standing);
        status.state = State::Finished;
    });
    Ok(())
}

/// What is known of a run when all of it was joined.
struct Results {
    view: View,
    gpus: gpus::Read,
    stopped: Option<Stopped>,
    doctor: Vec<Finding>,
}

/// The run as `run.json` has it, with its verdict.
fn describe(
    daemon: &Daemon,
    run: &Run,
    plan: &Plan,
    equipment: &Equipment<'_, Own>,
    results: Results,
) -> record::Run {
    let Results { view, gpus, stopped, doctor } = results;
    let sums = equipment.own.sums();
    let clock_end = clock::anchor();
    let plan = &equipment.own.as_run(plan);
    let Setting { source, host, clock_begin } = &equipment.setting;
    let mut evidence = evidence(plan, &sums, &view, &equipment.usage, source.timestamps);
    let counters = match &equipment.own {
        Own::Load(_) => host::named(&sums),
        Own::Watch(watching) => {
            evidence.take_met(view.recorded, &watching.met);
            watching.met.clone()
        }
    };
    evidence.clock_step_ms = clock_step(clock_begin, &clock_end).as_millis();
    evidence.stopped.clone_from(&stopped);
    evidence.exceeded.clone_from(&equipment.exceeded);
    evidence.governor.clone_from(&host.governor);
    let phases = phases(plan, &equipment.started_phases, &view.tally);
    evidence.take_phases(plan, &phases);
    evidence.take_gpus(&gpus, plan, &phases);
    let was_cancelled = stopped.as_ref().is_some_and(|stopped| stopped.cause == Cause::Requested);
    record::Run {
        schema_version: SCHEMA_VERSION.to_owned(),
        version: daemon.build.version.to_owned(),
        commit: Some(daemon.build.commit.to_owned()),
        kernel_object: Some(daemon.kernel_object.clone()),
        run_id: run.id.clone(),
        source: plan.watch.as_ref().map_or("profile", spec::Watch::source).to_owned(),
        plan: plan.clone(),
        host: host.clone(),
        doctor,
        timestamps: source.timestamps.name().to_owned(),
        timestamps_reason: source.reason.clone(),
        clock_begin: *clock_begin,
        clock_end,
        phases,
        was_cancelled,
        is_complete: stopped.is_none(),
        incomplete_reason: stopped.map(|stopped| stopped.why),
        counters,
        figures: figures(&equipment.usage, equipment.loadgen.cgroup_path()),
        gpu: gpus.sources,
        streamed: Vec::new(),
        steered: run.steered(),
        adaptive_scale: Vec::new(),
        plugins: Vec::new(),
        client: Some(run.owner.name.clone()),
        verdict: verdict::judge(&evidence),
        loss: view.loss,
    }
}

/// The results as complete parts, and what was seen of them. Of a load generator that died the records are read again by
/// another one; where that can't be done, the parts are those that were complete.
fn joined(
    daemon: &Daemon,
    run: &Run,
    plan: &Plan,
    started: &Started,
    equipment: &mut Equipment<'_, Own>,
    stopped: &mut Option<Stopped>,
) -> (Parts, View) {
    let view = std::sync::Arc::clone(&equipment.view);
    let view = || lock(&view).clone();
    let died = stopped.as_ref().is_some_and(|stopped| matches!(stopped.cause, Cause::Died | Cause::Stalled));
    if died {
        // The pipeline ends with what it still sends.
        equipment.loadgen.end();
    }
    let written = equipment.pipeline.wait(clock::mono).and_then(Writers::close);
    if died || written.is_err() {
        run.directory.give_up_reserve();
        parts::remove_incomplete(&run.directory);
        match replay::run(daemon, &run.directory, plan, started) {
            Ok(replayed) => {
                let Reported { exceeded, met, models } = replayed.reported;
                equipment.exceeded = exceeded;
                equipment.own.take(met, models);
                return (replayed.parts, replayed.view);
            }
            Err(error) => {
                tracing::info!(run = run.id, "its records can't be read again: {error:#}")
            }
        }
    }
    let parts = written.unwrap_or_else(|error| {
        stopped.get_or_insert_with(|| Stopped::failed("the pipeline ended", &error));
        Parts::complete(&run.directory)
    });
    if parts.is_empty() {
        // A run without requests is a run all the same, and its verdict states why.
        let Setting { source, host, clock_begin } = &equipment.setting;
        let metadata = metadata(&run.id, source.timestamps, clock_begin, host);
        let empty = Writers::new(&run.directory.path().join("parts"), plan, &metadata).close();
        return (empty.unwrap_or(parts), view());
    }
    (parts, view())
}

/// The phases that started, with when their last request ended.
pub(crate) fn phases(plan: &Plan, started: &[(u32, MonoNs)], tally: &Tally) -> Vec<Phase> {
    let started = started
        .iter()
        .filter_map(|(place, at)| Some((plan.load.phases.get(usize::try_from(*place).ok()?)?, *at)));
    started
        .map(|(phase, begun_ns)| Phase {
            name: phase.name.clone(),
            begun_ns,
            ended_ns: tally.phases.get(&phase.name).map_or(begun_ns, |phase| phase.ended),
            duration_ns: phase.duration_seconds.map(DurationNs::from_seconds),
        })
        .collect()
}

/// How far the real-time clock moved against the monotonic one.
fn clock_step(begin: &Anchor, end: &Anchor) -> DurationNs {
    let expected = begin.real(end.mono_ns);
    DurationNs(end.real_ns.0.wrapping_sub(expected.0).cast_signed())
}
