//! The end of a run: what is left is drained and joined, the verdict is made, and `run.json` is written, whatever ended it.

use crate::daemon::Daemon;
use crate::evidence::{evidence, figures};
use crate::parts::{Parts, Writers, metadata};
use crate::pipeline::View;
use crate::replay::{self, Reported};
use crate::run::{ActiveRun, RunResources, as_run};
use crate::stopped::{Cause, Stopped};
use crate::store::{Started, is_full};
use crate::tally::Tally;
use crate::threads::lock;
use crate::{clock, host, parts, verdict};
use anyhow::Result;
use common::clock::{Anchor, DurationNs, MonoNs};
use common::ring::COUNTERS;
use control::State;
use record::{Phase, Run, SCHEMA_VERSION};
use spec::Plan;

impl ActiveRun {
    /// Drains and joins what is left, judges, and writes `run.json`.
    pub(crate) fn record(
        &self,
        daemon: &Daemon,
        plan: &Plan,
        mut resources: RunResources<'_>,
        mut stopped: Option<Stopped>,
        started: Started,
    ) -> Result<()> {
        resources.watch.end(resources.loadgen.pid());
        let read = resources.gpus.take().map(|gpus| gpus.finish(&self.directory)).unwrap_or_default();
        if let Err(error) = resources.stop_collecting() {
            stopped.get_or_insert_with(|| Stopped::failed("the collector of records ended", &error));
        }
        let (ended, mut view) = self.joined(daemon, plan, &started, &mut resources, &mut stopped);
        if let Some(attached) = &resources.attached {
            view.loss.kernel = attached.dropped()?;
        }
        let mut sums = [0; COUNTERS.len()];
        for counters in &resources.counters {
            counters.add_to(&mut sums);
        }
        let clock_end = clock::anchor();
        let plan = &as_run(plan, resources.replays, &resources.models);
        let mut evidence = evidence(plan, &sums, &view, &resources.watch, resources.timestamp_source);
        if plan.watch.is_some() {
            evidence.take_met(view.recorded, &resources.met);
        }
        evidence.clock_step_ms = clock_step(&resources.clock_begin, &clock_end).as_millis();
        evidence.stopped.clone_from(&stopped);
        evidence.exceeded.clone_from(&resources.exceeded);
        evidence.governor.clone_from(&resources.host.governor);
        let phases = phases(plan, &resources.started_phases, &view.tally);
        evidence.take_phases(plan, &phases);
        evidence.take_gpus(&read, plan, &phases);
        let was_cancelled = stopped.as_ref().is_some_and(|stopped| stopped.cause == Cause::Requested);
        let run = Run {
            schema_version: SCHEMA_VERSION.to_owned(),
            version: daemon.build.version.to_owned(),
            commit: Some(daemon.build.commit.to_owned()),
            kernel_object: Some(daemon.kernel_object.clone()),
            run_id: self.run_id(),
            source: plan.watch.as_ref().map_or("profile", spec::Watch::source).to_owned(),
            plan: plan.clone(),
            host: resources.host.clone(),
            doctor: started.doctor,
            timestamps: resources.timestamp_source.name().to_owned(),
            timestamps_reason: resources.timestamp_source_reason.clone(),
            clock_begin: resources.clock_begin,
            clock_end,
            phases,
            was_cancelled,
            is_complete: stopped.is_none(),
            incomplete_reason: stopped.map(|stopped| stopped.why),
            counters: if plan.watch.is_some() { resources.met.clone() } else { host::named(&sums) },
            figures: figures(&resources.watch, resources.loadgen.cgroup_path()),
            gpu: read.sources,
            streamed: Vec::new(),
            client: Some(self.client.clone()),
            verdict: verdict::judge(&evidence),
            loss: view.loss,
        };
        drop(resources);
        ended.put_together(&self.directory).or_else(|error| {
            if !is_full(&error) {
                return Err(error);
            }
            // What was collected is in the parts: its room is enough to join them.
            self.directory.remove_spool();
            ended.put_together(&self.directory)
        })?;
        self.directory.write_run(&run)?;
        let mut status = lock(&self.status);
        status.standing = Some(run.verdict.standing);
        status.state = State::Finished;
        Ok(())
    }

    /// The results as complete parts, and what was seen of them. Of a load generator that died the records are read again by
    /// another one; where that can't be done, the parts are those that were complete.
    fn joined(
        &self,
        daemon: &Daemon,
        plan: &Plan,
        started: &Started,
        resources: &mut RunResources<'_>,
        stopped: &mut Option<Stopped>,
    ) -> (Parts, View) {
        let view = std::sync::Arc::clone(&resources.view);
        let view = || lock(&view).clone();
        let died =
            stopped.as_ref().is_some_and(|stopped| matches!(stopped.cause, Cause::Died | Cause::Stalled));
        if died {
            // The pipeline ends with what it still sends.
            resources.loadgen.end();
        }
        let written = resources.pipeline.wait(clock::mono).and_then(Writers::close);
        if died || written.is_err() {
            self.directory.give_up_reserve();
            parts::remove_incomplete(&self.directory);
            match replay::run(daemon, &self.directory, plan, started) {
                Ok(replayed) => {
                    resources.take(replayed.reported);
                    return (replayed.parts, replayed.view);
                }
                Err(error) => {
                    tracing::info!(run = self.run_id(), "its records can't be read again: {error:#}")
                }
            }
        }
        let parts = written.unwrap_or_else(|error| {
            stopped.get_or_insert_with(|| Stopped::failed("the pipeline ended", &error));
            Parts::complete(&self.directory)
        });
        if parts.is_empty() {
            // A run without requests is a run all the same, and its verdict states why.
            let metadata =
                metadata(&self.run_id(), resources.timestamp_source, &resources.clock_begin, &resources.host);
            let empty = Writers::new(&self.directory.path().join("parts"), plan, &metadata).close();
            return (empty.unwrap_or(parts), view());
        }
        (parts, view())
    }
}

impl RunResources<'_> {
    /// Adopts what was reported when the records were read again.
    fn take(&mut self, reported: Reported) {
        let Reported { exceeded, met, models } = reported;
        self.exceeded = exceeded;
        (self.met, self.models) = (met, models);
    }
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
