//! Makes a run of what a daemon that died left behind: everything that it had collected, or at least its complete parts.

use crate::clock;
use crate::daemon::Daemon;
use crate::host;
use crate::parts::{Parts, complete, put_together};
use crate::pipeline::View;
use crate::replay::{self, Replayed, Reported};
use crate::run::as_run;
use crate::stopped::{Cause, Stopped};
use crate::store::{RunDir, Started};
use crate::verdict::{self, Evidence};
use anyhow::{Context, Result};
use export::parquet::rows;
use record::{Phase, Request, Run, SCHEMA_VERSION};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;

/// Makes a run of what is there and writes its `run.json`: never `valid`, with the reason.
///
/// # Errors
/// When the run had not started, or on an error of the disk.
pub fn recover(daemon: &Daemon, directory: &RunDir, run_id: &str) -> Result<()> {
    let (plan, status) = directory.plan()?;
    let started = directory.started();
    let replayed = started.as_ref().map(|started| replay::run(daemon, directory, &plan, started));
    let (replayed, lost) = match replayed {
        Some(Ok(replayed)) => (replayed, None),
        Some(Err(error)) => (complete_parts(directory), Some(format!("{error:#}"))),
        None => (complete_parts(directory), None),
    };
    if replayed.parts.is_empty() {
        match lost {
            // Its records are there and may be read the next time.
            Some(why) => anyhow::bail!("the records of run {run_id} can't be read: {why}"),
            None => {
                anyhow::bail!("run {run_id} had not started when it was cut off: nothing can be recovered")
            }
        }
    }
    replayed.parts.put_together(directory)?;
    let gpus = complete(directory, "gpu");
    if !gpus.is_empty() {
        put_together(&gpus, directory, "gpu")?;
    }
    let phases = recorded(directory, &plan)?;
    let started = started.unwrap_or_else(|| unknown(&plan));
    let plan = as_run(&plan, started.replays, &replayed.reported.models);
    let mut evidence = Evidence {
        stopped: Some(died(lost)),
        exceeded: replayed.reported.exceeded,
        ..Evidence::of_records(&plan, &replayed.view, replay::timestamps(&started.timestamps))
    };
    evidence.take_phases(&plan, &phases);
    let run = Run {
        schema_version: SCHEMA_VERSION.to_owned(),
        version: daemon.build.version.to_owned(),
        commit: Some(daemon.build.commit.to_owned()),
        kernel_object: Some(daemon.kernel_object.clone()),
        run_id: run_id.to_owned(),
        source: plan.watch.as_ref().map_or("profile", spec::Watch::source).to_owned(),
        timestamps: started.timestamps,
        timestamps_reason: started.timestamps_reason,
        plan,
        host: started.host,
        doctor: started.doctor,
        clock_begin: started.clock_begin,
        clock_end: started.clock_begin,
        phases,
        was_cancelled: false,
        is_complete: false,
        incomplete_reason: Some(WHY.to_owned()),
        loss: replayed.view.loss,
        counters: replayed.reported.met,
        figures: BTreeMap::new(),
        gpu: Vec::new(),
        streamed: Vec::new(),
        client: Some(started.client)
            .filter(|client| !client.is_empty())
            .or_else(|| Some(format!("uid {}", status.owner))),
        verdict: verdict::judge(&evidence),
    };
    directory.write_run(&run)?;
    directory.remove_scratch();
    Ok(())
}

/// What is in complete parts, where the records can't be read again.
fn complete_parts(directory: &RunDir) -> Replayed {
    Replayed { parts: Parts::complete(directory), view: View::default(), reported: Reported::default() }
}

/// Why it is not valid; `lost` is why only complete parts are in it, if so.
fn died(lost: Option<String>) -> Stopped {
    let how = match lost {
        None => "everything that had been collected is in it".to_owned(),
        Some(why) => {
            format!("only what was in complete files is in it, up to a second before, because {why}")
        }
    };
    let why = format!("{WHY}: {how}; what the kernel programs and the hot cores counted is not known");
    Stopped { cause: Cause::DaemonDied, why }
}

/// The phases of the recorded requests: from the first that was due to the last that ended.
fn recorded(directory: &RunDir, plan: &Plan) -> Result<Vec<Phase>> {
    let requests = directory.path().join("requests.parquet");
    let mut phases = Vec::<Phase>::new();
    for batch in rows::<Request>(&requests).context("failed to read what was recovered")? {
        for request in batch? {
            let Request { phase: name, due_ns, ended_ns, .. } = request;
            match phases.iter_mut().find(|phase| phase.name == name) {
                Some(phase) => {
                    phase.begun_ns = phase.begun_ns.min(due_ns);
                    phase.ended_ns = phase.ended_ns.max(ended_ns);
                }
                None => phases.push(Phase { name, begun_ns: due_ns, ended_ns, duration_ns: None }),
            }
        }
    }
    for phase in &mut phases {
        let planned = plan.load.phases.iter().find(|planned| planned.name == phase.name);
        let seconds = planned.and_then(|planned| planned.duration_seconds);
        phase.duration_ns = seconds.map(common::clock::DurationNs::from_seconds);
    }
    phases.sort_by_key(|phase| phase.begun_ns);
    Ok(phases)
}

/// Of a run of a daemon that did not keep more.
fn unknown(plan: &Plan) -> Started {
    Started {
        timestamps: match plan.timestamps {
            Timestamps::Auto => Timestamps::User.name().to_owned(),
            named => named.name().to_owned(),
        },
        timestamps_reason: None,
        clock_begin: clock::anchor(),
        host: host::describe(&[]),
        doctor: Vec::new(),
        client: String::new(),
        workers: 0,
        replays: false,
    }
}

const WHY: &str = "the daemon died during the run";
