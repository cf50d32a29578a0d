//! A run that watches other clients' traffic: its cgroup is theirs, and the load generator's program observes, not sends.
//!
//! ```text
//! command ── joins ──▶ cgroup ── capture, connection ──▶ kernel's ring ── collect ──▶ spool ──▶ observer (own user)
//!                                                                                       └────▶ pipeline ◀── replies
//! ```

use crate::cgroup;
use crate::collect::client_ring::ClientRing;
use crate::collect::{Collector, Shown};
use crate::daemon::{Daemon, RING_FACTOR};
use crate::equipment::{
    Collecting, Equipment, Inflow, STOP_PATIENCE, Setting, Source, Watched, Watching, sample_gpus,
};
use crate::evidence::CpuUsage;
use crate::gpus::{Gpus, newest};
use crate::limits::ROOT;
use crate::loadgen::{Loadgen, Received};
use crate::pipeline::{Pipeline, PipelineThread, View, phase_names};
use crate::probe::{Attached, Capturing, Probes};
use crate::reply::Replies;
use crate::rolling::Rolling;
use crate::run::{Kind, Observation, Run};
use crate::spool::{Keeping, Writer};
use crate::stopped::Stopped;
use crate::supervise::Supervisor;
use crate::threads::lock;
use anyhow::{Context, Result};
use common::clock::DurationNs;
use control::{Fault, Problem, State, Stop, WatchedServer};
use join::Joiner;
use spec::handshake::Order;
use spec::{Plan, Side, Target, Timestamps, Watch};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Moves the calling process into the run's cgroup: what it sends from now on is watched.
///
/// # Errors
/// When no command can join it, or the process could gain privilege there or get out of its own cgroup's limits.
pub fn adopt(run: &Run, uid: u32, pid: Option<u32>) -> std::result::Result<(), Problem> {
    let refuse = |why: &str| Problem::new(Fault::Plan, why);
    let pid = pid.ok_or_else(|| refuse("the caller's process is not known"))?;
    // The number is of the process that connected. Should that have ended, it may be another's by now.
    if uid != ROOT && cgroup::owner_of(pid) != Some(uid) {
        return Err(refuse("the requesting process is not the caller's any more"));
    }
    if uid != ROOT && !cgroup::has_no_new_privileges(pid) {
        return Err(refuse(
            "a command that can gain privilege (setuid programs, sudo) is not watched for a user: set no_new_privs before it \
             joins, as `aiperf-ctl audit` does",
        ));
    }
    let closed = || refuse("no command can join this run: it has not started, or it watches something else");
    let Kind::Watch(observation) = &run.kind else { return Err(closed()) };
    let joinable = lock(&observation.joinable);
    let cgroup = joinable.as_ref().ok_or_else(closed)?;
    cgroup.adopt(pid).map_err(|error| Problem::new(Fault::Kernel, format!("{error:#}")))
}

/// Makes everything ready to watch, and watches.
pub(crate) fn prepare<'a>(
    daemon: &'a Daemon,
    run: &Run,
    observation: &Observation,
    plan: &Plan,
    watch: &Watch,
) -> Result<Equipment<'a, Watching>> {
    let began = clock::mono();
    let (timestamps, reason) = daemon.choose_timestamp_source(Timestamps::Ebpf)?;
    let gpus = sample_gpus(daemon, run, plan, timestamps, &[])?;
    let watched = find(daemon, run, watch)?;
    let (snap_length, ports) = (watch.snap_length, watch.ports.clone());
    let capturing = Capturing { snap_length, ports, reads: watch.socket_wait };
    let ring_bytes = daemon.kernel_ring_bytes.saturating_mul(RING_FACTOR).min(1 << 30);
    let probes = Probes::attach(daemon.object()?, &watched.open()?, ring_bytes, Some(&capturing))?;
    let (path, keeping) = (run.directory.spool().join("kernel"), keeping(daemon, run)?);
    let spool = Writer::create(&path, keeping.clone())
        .with_context(|| format!("failed to create `{}`", path.display()))?;
    let gauge = ClientRing::create(GAUGE_BYTES).context("failed to make shared memory")?;
    let (reply_read, reply_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut observer = Loadgen::start(daemon, None)?;
    set_up_observer(&mut observer, run, plan, reply_write, &gauge, &File::open(&path)?)?;
    observer.prepared(&|| run.gives_up(began, &daemon.limits))?;
    let shown = Shown::new(gauge);
    let collected = shown.collected();
    let view = Arc::new(Mutex::new(View::default()));
    let setting = Setting::at_start(Source { timestamps, reason }, &[]);
    let inflow = Inflow {
        replies: Replies::new(reply_read.into()),
        kernel: Some(spool.reader_behind(collected.consumed())?),
        keeping: keeping.clone(),
    };
    let pipeline = Pipeline {
        joiner: Joiner::watching(&phase_names(plan), watch.side == Side::Server),
        rolling: observation.kept.clone().map(Rolling::start),
        ..setting.pipeline(run, plan, inflow, &view)
    };
    let kernel = Some((probes.rings, spool));
    let collector = Collector::new(kernel, Vec::new(), Some(shown), daemon.collect_interval_ms);
    let collecting = Collecting::start(collector)?;
    let pipeline = PipelineThread::start("pipeline", 19, pipeline)?;
    gpus.iter().for_each(Gpus::ready);
    let usage = CpuUsage::start(&[], observer.pid());
    let start = clock::mono();
    run.set_progress_source(&[], &view, newest(gpus.as_ref()), start, &[]);
    open(observation, &watched);
    Ok(Equipment {
        collecting,
        pipeline,
        attached: Some(probes.attached),
        loadgen: observer,
        own: Watching { watched, collected, met: BTreeMap::new(), models: Vec::new() },
        gpus,
        usage,
        view,
        keeping,
        setting,
        started_phases: vec![(0, start)],
        exceeded: BTreeMap::new(),
    })
}

/// Watches until the user or the end of the command stops it; returns what else did.
pub(crate) fn attend(
    daemon: &Daemon,
    run: &Run,
    observation: &Observation,
    equipment: &mut Equipment<'_, Watching>,
) -> Option<Stopped> {
    let mut stopping_since = None;
    let mut stopped: Option<Stopped> = None;
    let mut looked = clock::mono();
    let mut supervisor = Supervisor::new(looked);
    loop {
        match equipment.loadgen.receive(ATTEND_INTERVAL) {
            Ok(Received::Watched { counts, models }) => {
                (equipment.own.met, equipment.own.models) = (counts, models)
            }
            Ok(Received::Exceeded(counts)) => equipment.exceeded = counts,
            Ok(Received::Finished) => return stopped,
            Ok(Received::Gone) => return stopped.or_else(|| Some(Stopped::died("the observer died"))),
            Ok(Received::Failed(problem)) => {
                return stopped.or_else(|| Some(Stopped::died(problem.message)));
            }
            Ok(Received::Nothing | Received::Phase { .. } | Received::Stopped(_)) => {}
            Err(error) => return stopped.or_else(|| Some(Stopped::died(format!("{error:#}")))),
        }
        let now = clock::mono();
        equipment.usage.look(equipment.loadgen.pid());
        if observation.kept.is_some() && now - looked >= HEALTH_INTERVAL {
            looked = now;
            // Numbers that can't be read are read the next time.
            examine(observation, equipment).ok();
        }
        if stopping_since.is_none() {
            supervisor.stop_if_broken(daemon, run, equipment, now, &mut stopped);
        }
        supervisor.stop_if_abandoned(run, now, &mut stopped);
        if let Some(how) = run.stop_request() {
            let since = *stopping_since.get_or_insert(now);
            run.enter(State::Draining);
            let lingers = equipment.own.watched.is_populated();
            if how == Stop::Drain && lingers && now - since < LINGER {
                continue;
            }
            if equipment.collecting.goes_on() {
                if let Err(error) = equipment.collecting.stop() {
                    stopped.get_or_insert_with(|| Stopped::failed("the collector of records ended", &error));
                }
                equipment.loadgen.order(&Order::Drain).ok();
            }
            if how == Stop::Now {
                supervisor.end_by(now + STOP_PATIENCE);
            }
        }
        if supervisor.is_overdue(now) {
            equipment.loadgen.end();
        }
    }
}

/// Makes or finds the cgroup of a target, for the user and the process that created the run.
fn find(daemon: &Daemon, run: &Run, watch: &Watch) -> Result<Watched> {
    let found = |path: Option<std::path::PathBuf>, what: String| -> Result<Watched> {
        let missing = || Problem::new(Fault::Plan, format!("{what} has no cgroup of version 2"));
        let path = path.filter(|path| path.is_dir()).ok_or_else(missing)?;
        let opened = File::open(&path);
        Ok(Watched::Found(opened.with_context(|| format!("failed to open the cgroup `{}`", path.display()))?))
    };
    match &watch.target {
        Target::Command(_) => Ok(Watched::Joined(Arc::new(daemon.watched_cgroup(&run.id, run.owner.pid)?))),
        Target::Process(pid) => {
            let path = cgroup::path_of_process(*pid)?;
            // The number may be another process's by now: what counts is where that one is.
            path.iter()
                .try_for_each(|path| daemon.rules.permit(&Target::Cgroup(path.clone()), run.owner.uid))?;
            if path.as_deref() == Some("/") && watch.ports.is_empty() {
                return Err(Problem::new(Fault::Plan, of_the_whole_host(*pid)).into());
            }
            let path = path.map(|path| cgroup::below_root(&path)).transpose()?.flatten();
            found(path, format!("process {pid}"))
        }
        Target::Cgroup(path) => found(cgroup::below_root(path)?, format!("`{path}`")),
    }
}

/// Why a process in the root cgroup is not watched.
fn of_the_whole_host(pid: u32) -> String {
    format!(
        "process {pid} is in the root cgroup, so every connection of this host would be counted: name the server's ports \
         with --port, or start it in a cgroup of its own (systemd-run --scope COMMAND) and watch that"
    )
}

/// Lets a command join from now on, if one may.
fn open(observation: &Observation, watched: &Watched) {
    if let Watched::Joined(cgroup) = watched {
        *lock(&observation.joinable) = Some(Arc::clone(cgroup));
    }
}

/// What is kept of the spool file. A watch without an end keeps no more than what its parts lack: those before were
/// stored.
fn keeping(daemon: &Daemon, run: &Run) -> Result<Keeping> {
    let folder = run.directory.spool();
    if run.kept().is_some() {
        return Keeping::nothing(&folder).context("failed to mark what is kept");
    }
    Ok(Keeping::new(&folder, u64::from(daemon.limits.spool_mib) << 20))
}

fn set_up_observer(
    observer: &mut Loadgen<'_>,
    run: &Run,
    plan: &Plan,
    replies: std::os::fd::OwnedFd,
    gauge: &ClientRing,
    spool: &File,
) -> Result<()> {
    use std::os::fd::{AsFd, BorrowedFd};
    let nothing = File::open("/dev/null")?;
    let inputs = run.directory.inputs();
    let mut opened = Vec::new();
    for (_, path) in &inputs {
        opened.push(File::open(path)?);
    }
    let setup = spec::handshake::Setup {
        plan: plan.clone(),
        secret_headers: BTreeMap::new(),
        addresses: Vec::new(),
        run_number: 0,
        cpus: vec![None],
        ring_bytes: GAUGE_BYTES,
        socket_stamps: false,
        keep_raw: false,
        inputs: inputs.into_iter().map(|(name, _)| name).collect(),
        replay: false,
        own_user: observer.has_own_user(),
    };
    let mut descriptors: Vec<BorrowedFd<'_>> =
        vec![replies.as_fd(), nothing.as_fd(), gauge.descriptor(), spool.as_fd()];
    descriptors.extend(opened.iter().map(AsFd::as_fd));
    observer.set_up(&Order::Setup(Box::new(setup)), &descriptors)
}

/// Records how the watch is doing.
fn examine(observation: &Observation, equipment: &Equipment<'_, Watching>) -> Result<()> {
    let (in_flight, recorded) = {
        let view = lock(&equipment.view);
        (view.in_flight, view.recorded)
    };
    let kernel_dropped = equipment.attached.as_ref().map(Attached::dropped).transpose()?.unwrap_or_default();
    *lock(&observation.health) = WatchedServer {
        is_watching: true,
        in_flight,
        recorded,
        kernel_records: equipment.own.collected.records(),
        lag_bytes: equipment.own.collected.lag_bytes(),
        kernel_dropped,
        met: equipment.own.met.clone(),
        ..WatchedServer::default()
    };
    Ok(())
}

/// Shared memory that holds no ring, only how far the spool may be read.
const GAUGE_BYTES: u64 = 4096;
const ATTEND_INTERVAL: Duration = Duration::from_millis(10);
/// How often the state of a watch is recorded.
const HEALTH_INTERVAL: DurationNs = DurationNs::from_millis(500);
/// How long children of a command that has ended continue to be watched.
const LINGER: DurationNs = DurationNs::from_millis(2000);
