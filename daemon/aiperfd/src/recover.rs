//! Makes a run of what a daemon that died left behind: everything that it had collected, or at least its complete parts.

use crate::daemon::Daemon;
use crate::parts::{Parts, complete, put_together};
use crate::pipeline::{View, as_run};
use crate::replay::{self, Replayed, Reported};
use crate::run_dirs::{RunDir, Started};
use crate::stopped::{Cause, Stopped};
use crate::verdict::{self, Evidence};
use crate::{host, parts};
use anyhow::{Context, Result};
use record::{Build, Phase, Request, Run, SCHEMA_VERSION};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;
use store::parquet::rows;

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
    let found = Found { plan, owner: status.owner, started, replayed, lost };
    save(directory, run_id, &daemon.build, &daemon.kernel_object, found)
}

/// What is there of a run that was cut off.
struct Found {
    plan: Plan,
    owner: u32,
    started: Option<Started>,
    replayed: Replayed,
    /// Why only complete parts are there, if so.
    lost: Option<String>,
}

/// Makes the run's files of what was found, dated by the clocks of the boot in which it was collected.
fn save(directory: &RunDir, run_id: &str, build: &Build, kernel_object: &str, found: Found) -> Result<()> {
    let Found { plan, owner, started, replayed, lost } = found;
    replayed.parts.put_together(directory)?;
    let gpus = complete(directory, "gpu");
    if !gpus.is_empty() {
        put_together(&gpus, directory, "gpu")?;
    }
    let phases = recorded(directory, &plan)?;
    let started = started.unwrap_or_else(|| unknown(&plan, directory));
    let plan = as_run(&plan, started.replays, &replayed.reported.models);
    let mut evidence = Evidence {
        stopped: Some(died(lost)),
        exceeded: replayed.reported.exceeded,
        ..Evidence::of_records(&plan, &replayed.view, replay::timestamps(&started.timestamps))
    };
    evidence.take_phases(&plan, &phases);
    let run = Run {
        schema_version: SCHEMA_VERSION.to_owned(),
        version: build.version.to_owned(),
        commit: Some(build.commit.to_owned()),
        kernel_object: Some(kernel_object.to_owned()),
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
        steered: Vec::new(),
        adaptive_scale: Vec::new(),
        plugins: Vec::new(),
        client: Some(started.client)
            .filter(|client| !client.is_empty())
            .or_else(|| Some(format!("uid {owner}"))),
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

/// Of a run of a daemon that did not keep more. Its parts have its clocks; this boot's would date it wrongly.
fn unknown(plan: &Plan, directory: &RunDir) -> Started {
    Started {
        timestamps: match plan.timestamps {
            Timestamps::Auto => Timestamps::User.name().to_owned(),
            named => named.name().to_owned(),
        },
        timestamps_reason: None,
        clock_begin: parts::anchor(&directory.path().join("requests.parquet")).unwrap_or_else(clock::anchor),
        host: host::describe(&[]),
        doctor: Vec::new(),
        client: String::new(),
        workers: 0,
        replays: false,
    }
}

const WHY: &str = "the daemon died during the run";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::{Writers, metadata};
    use crate::run_dirs::RunDirs;
    use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
    use common::id::RequestId;
    use record::{Host, Payload};
    use spec::{Side, Target, Watch};

    const RUN_ID: &str = "0123456789ab";
    /// A moment of a boot whose monotonic clock was years ahead of this one's.
    const EARLIER: Anchor = Anchor {
        mono_ns: MonoNs(90_000_000_000_000_000),
        real_ns: RealNs(1_700_000_000_000_000_000),
        uncertainty_ns: DurationNs(0),
    };
    const BUILD: Build = Build { version: "1", commit: "2", kernel_object: "3" };

    fn watching() -> Plan {
        let watch = Watch {
            target: Target::Cgroup("a".to_owned()),
            side: Side::Server,
            ports: Vec::new(),
            snap_length: 0,
            payload: true,
            socket_wait: false,
        };
        Plan { watch: Some(watch), timestamps: Timestamps::Ebpf, ..Plan::unknown() }
    }

    /// Parts of a request with its payload, as a daemon of another boot left them, are recovered.
    fn recovered(started: Option<Started>) -> (RunDir, tempfile::TempDir) {
        let state = tempfile::tempdir().unwrap();
        let directory = RunDirs::open(state.path()).unwrap().create(RUN_ID).unwrap();
        let (plan, parts) = (watching(), directory.path().join("parts"));
        let metadata = metadata(RUN_ID, Timestamps::Ebpf, &EARLIER, &Host::default());
        let mut writers = Writers::new(&parts, &plan, &metadata);
        let mut request = Request::blank(RequestId(1));
        request.due_ns = EARLIER.mono_ns;
        request.ended_ns = EARLIER.mono_ns + DurationNs(5);
        writers.requests.push(request).unwrap();
        let payload = Payload { request_id: RequestId(1), data: b"body".to_vec() };
        writers.payloads.as_mut().unwrap().push_with(payload, 4).unwrap();
        writers.close().unwrap();
        let replayed = complete_parts(&directory);
        let found = Found { plan, owner: 7, started, replayed, lost: None };
        save(&directory, RUN_ID, &BUILD, "none", found).unwrap();
        (directory, state)
    }

    #[test]
    fn a_run_of_an_earlier_boot_keeps_its_dates_and_payloads() {
        let state = tempfile::tempdir().unwrap();
        let empty = RunDirs::open(state.path()).unwrap().create(RUN_ID).unwrap();
        let known = Started { clock_begin: EARLIER, ..unknown(&watching(), &empty) };
        for started in [Some(known), None] {
            let (directory, _state) = recovered(started);
            let run = directory.run().unwrap();
            assert_eq!((run.clock_begin, run.clock_end), (EARLIER, EARLIER), "the clocks of that boot");
            let begun = run.clock_begin.real(run.phases[0].begun_ns);
            assert_eq!(begun, EARLIER.real_ns, "its date");
            let payloads = directory.file("payloads.parquet").unwrap();
            let rows = rows::<Payload>(&payloads).unwrap().flat_map(Result::unwrap).collect::<Vec<_>>();
            assert_eq!(rows[0].data, b"body", "what was kept of the request");
            assert!(!directory.path().join("parts").exists(), "the parts are in it");
        }
    }
}
