//! A run that sends requests: what is prepared for it in which order, and the watch over it until it has sent them.
//!
//! ```text
//! prepare   cores, cgroup, probes, rings, spools; load generator started, moved into the cgroup, sent its orders
//! send      collector, pipeline and load generator run; this thread watches and passes on the user's stop request
//! ```

use crate::cgroup::Cgroup;
use crate::collect::Collector;
use crate::collect::client_ring::{ClientRing, Counters};
use crate::collect::kernel_rings::KernelRings;
use crate::daemon::{Cores, Daemon};
use crate::equipment::{Collecting, Equipment, Inflow, STOP_PATIENCE, Sending, Setting, Source, sample_gpus};
use crate::evidence::{CpuUsage, HOT_THREAD};
use crate::gpus::{Gpus, newest};
use crate::host;
use crate::loadgen::{Loadgen, Received, Step};
use crate::pipeline::{PipelineThread, View};
use crate::probe::{Attached, Probes};
use crate::reply::Replies;
use crate::run::{Reach, Run, wipe};
use crate::run_dirs::{RunDir, run_number};
use crate::spool::{Keeping, Writer};
use crate::stopped::Stopped;
use crate::supervise::Supervisor;
use crate::threads::lock;
use anyhow::{Context, Result};
use common::clock::DurationNs;
use control::{Fault, Problem, State, Steer, Stop};
use spec::handshake::{Order, Setup};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Prepares everything and sends the order to start.
pub(crate) fn prepare<'a>(
    daemon: &'a Daemon,
    run: &Run,
    reach: &Reach,
    plan: &Plan,
) -> Result<Equipment<'a, Sending>> {
    let since = clock::mono();
    let cores = daemon.cpus.reserve(&run.id, run.owner.uid, plan, daemon.limits.cores_per_user)?;
    let Cores { cpus, leaves_one } = cores;
    let source = source(daemon, reach, plan.timestamps)?;
    let hot_cpus = cpus.iter().flatten().copied().collect::<Vec<_>>();
    let gpus = sample_gpus(daemon, run, plan, source.timestamps, &hot_cpus)?;
    let cgroup = match source.timestamps {
        Timestamps::Ebpf => Some(daemon.run_cgroup(&run.id)?),
        _ => None,
    };
    let (kernel_rings, attached) = attach(daemon, cgroup.as_ref())?;
    let keeping = Keeping::new(&run.directory.spool(), u64::from(daemon.limits.spool_mib) << 20);
    let ring_bytes = u64::from(daemon.client_ring_bytes);
    let mut spools = Spools::create(&run.directory, cpus.len(), ring_bytes, &keeping)?;
    let kernel_spool = kernel_spool(&run.directory, kernel_rings, &keeping)?;
    let kernel_reader = kernel_spool.as_ref().map(|(_, spool)| spool.reader()).transpose()?;
    let (reply_read, reply_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let mut loadgen = Loadgen::start(daemon, cgroup)?;
    let ends = Ends { spools: &spools, replies: reply_write, cpus: &cpus };
    set_up(&mut loadgen, ends, daemon, run, reach, plan, source.timestamps)?;
    let (replays, notices) = loadgen.prepared(&|| run.gives_up(since, &daemon.limits))?;
    if leaves_one {
        raise_hot_threads(loadgen.pid());
    }
    let view = Arc::new(Mutex::new(View::default()));
    let counters = spools.counters();
    let clients = std::mem::take(&mut spools.clients);
    let collector = Collector::new(kernel_spool, clients, None, daemon.collect_interval_ms);
    let setting = Setting::at_start(source, &hot_cpus);
    let inflow =
        Inflow { replies: Replies::new(reply_read.into()), kernel: kernel_reader, keeping: keeping.clone() };
    let pipeline = setting.pipeline(run, plan, inflow, &view);
    let collecting = Collecting::start(collector)?;
    // Encoding must never take time from the hot cores.
    let pipeline = PipelineThread::start("pipeline", 19, pipeline)?;
    gpus.iter().for_each(Gpus::ready);
    let usage = CpuUsage::start(&cpus, loadgen.pid());
    let start = clock::mono() + START_DELAY;
    run.set_progress_source(&counters, &view, newest(gpus.as_ref()), start, &notices);
    loadgen.order(&Order::Start { at_ns: start })?;
    Ok(Equipment {
        collecting,
        pipeline,
        attached,
        loadgen,
        own: Sending { counters, replays },
        gpus,
        usage,
        view,
        keeping,
        setting,
        started_phases: Vec::new(),
        exceeded: BTreeMap::new(),
    })
}

/// Watches the run until the load generator has finished; returns what stopped it, if anything did.
pub(crate) fn send(daemon: &Daemon, run: &Run, equipment: &mut Equipment<'_, Sending>) -> Option<Stopped> {
    let mut handled = None;
    let mut stopped: Option<Stopped> = None;
    let mut supervisor = Supervisor::new(clock::mono());
    loop {
        match equipment.loadgen.receive(WATCH_INTERVAL) {
            Ok(Received::Nothing | Received::Watched { .. }) => {}
            Ok(Received::Phase { phase, step }) => {
                // Each starts once, whatever a load generator reports.
                let is_known = equipment.started_phases.iter().any(|(known, _)| *known == phase);
                if let Step::Started(at) = step
                    && !is_known
                {
                    equipment.started_phases.push((phase, at));
                }
                run.note_step(phase, step);
            }
            Ok(Received::Exceeded(counts)) => equipment.exceeded = counts,
            Ok(Received::Stopped(why)) => {
                stopped.get_or_insert_with(|| Stopped::requested(why));
            }
            Ok(Received::Finished) => return stopped,
            Ok(Received::Gone) => {
                return stopped.or_else(|| Some(Stopped::died("the load generator died")));
            }
            Ok(Received::Failed(problem)) => {
                return stopped.or_else(|| Some(Stopped::died(problem.message)));
            }
            Err(error) => return stopped.or_else(|| Some(Stopped::died(format!("{error:#}")))),
        }
        let now = clock::mono();
        supervisor.stop_if_broken(daemon, run, equipment, now, &mut stopped);
        supervisor.stop_if_abandoned(run, now, &mut stopped);
        if let Some(Steer { phase, value }) = run.take_steer() {
            let sent = clock::mono();
            if equipment.loadgen.order(&Order::Control { phase, value }).is_ok() {
                run.note_steered(phase, value, sent);
            }
        }
        let stop_request = run.stop_request();
        if stop_request != handled {
            handled = stop_request;
            let is_ending = daemon.draining.load(Ordering::Relaxed);
            let why = if is_ending { "aiperfd was stopped" } else { "the user stopped it" };
            stopped.get_or_insert_with(|| Stopped::requested(why));
            run.enter(State::Draining);
            let order = if stop_request == Some(Stop::Now) { Order::Stop } else { Order::Drain };
            equipment.loadgen.order(&order).ok();
            if stop_request == Some(Stop::Now) {
                supervisor.end_by(now + STOP_PATIENCE);
            }
        }
        if supervisor.is_overdue(now) {
            equipment.loadgen.end();
        }
        equipment.usage.look(equipment.loadgen.pid());
        run.note_workers(equipment.usage.workers());
    }
}

/// The ends of what a load generator writes to, and its cores.
struct Ends<'a> {
    spools: &'a Spools,
    replies: OwnedFd,
    cpus: &'a [Option<u32>],
}

fn set_up(
    loadgen: &mut Loadgen<'_>,
    ends: Ends<'_>,
    daemon: &Daemon,
    run: &Run,
    reach: &Reach,
    plan: &Plan,
    timestamps: Timestamps,
) -> Result<()> {
    let Ends { spools, replies, cpus } = ends;
    let inputs_json = std::fs::File::create(run.directory.path().join("inputs.json"))?;
    let inputs = run.directory.inputs();
    let mut opened = Vec::new();
    for (_, path) in &inputs {
        opened.push(std::fs::File::open(path)?);
    }
    let setup = Setup {
        plan: plan.clone(),
        secret_headers: std::mem::take(&mut *lock(&reach.secret_headers)),
        addresses: reach.addresses.clone(),
        run_number: run_number(&run.id)?,
        cpus: cpus.to_vec(),
        ring_bytes: u64::from(daemon.client_ring_bytes),
        socket_stamps: timestamps == Timestamps::SoTimestamping,
        keep_raw: plan.output.keeps_responses(),
        inputs: inputs.into_iter().map(|(name, _)| name).collect(),
        replay: false,
        own_user: loadgen.has_own_user(),
    };
    let mut descriptors: Vec<BorrowedFd<'_>> = vec![replies.as_fd(), inputs_json.as_fd()];
    for ((ring, _), spool) in spools.clients.iter().zip(&spools.readers) {
        descriptors.push(ring.descriptor());
        descriptors.push(spool.as_fd());
    }
    descriptors.extend(opened.iter().map(AsFd::as_fd));
    let mut order = Order::Setup(Box::new(setup));
    let sent = loadgen.set_up(&order, &descriptors);
    if let Order::Setup(setup) = &mut order {
        wipe(&mut setup.secret_headers);
    }
    sent
}

/// The timestamp source; a server may be reached without packets.
fn source(daemon: &Daemon, reach: &Reach, wanted: Timestamps) -> Result<Source> {
    let is_local = reach.addresses.iter().any(|(_, address)| address.starts_with("unix:"));
    let (timestamps, reason) =
        if is_local { source_of_local(wanted) } else { daemon.choose_timestamp_source(wanted) }?;
    Ok(Source { timestamps, reason })
}

/// The timestamp source of a run over a Unix socket.
fn source_of_local(wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
    match wanted {
        Timestamps::User => Ok((Timestamps::User, None)),
        Timestamps::Auto => Ok((Timestamps::User, Some(NO_PACKETS.to_owned()))),
        named => {
            let why = format!("--timestamps {} is not available: {NO_PACKETS}", named.name());
            Err(Problem::new(Fault::Plan, why).into())
        }
    }
}

/// The file that the kernel's rings are emptied into, if there are any.
fn kernel_spool(
    directory: &RunDir,
    rings: Option<KernelRings>,
    keeping: &Keeping,
) -> Result<Option<(KernelRings, Writer)>> {
    let Some(rings) = rings else { return Ok(None) };
    let path = directory.spool().join("kernel");
    let writer = Writer::create(&path, keeping.clone());
    Ok(Some((rings, writer.with_context(|| format!("failed to create `{}`", path.display()))?)))
}

/// Attaches the probes to the run's cgroup, if it has one.
fn attach(daemon: &Daemon, cgroup: Option<&Cgroup>) -> Result<(Option<KernelRings>, Option<Attached>)> {
    let Some(cgroup) = cgroup else { return Ok((None, None)) };
    let probes = Probes::attach(daemon.object()?, &cgroup.open()?, daemon.kernel_ring_bytes, None)?;
    Ok((Some(probes.rings), Some(probes.attached)))
}

/// The workers' rings and spool files.
struct Spools {
    clients: Vec<(ClientRing, Writer)>,
    readers: Vec<std::fs::File>,
}

impl Spools {
    fn create(directory: &RunDir, workers: usize, ring_bytes: u64, keeping: &Keeping) -> Result<Self> {
        let mut spools = Self { clients: Vec::new(), readers: Vec::new() };
        for worker in 0..workers {
            let path = directory.spool().join(format!("worker-{worker}"));
            let writer = Writer::create(&path, keeping.clone())
                .with_context(|| format!("failed to create `{}`", path.display()))?;
            spools.readers.push(std::fs::File::open(&path)?);
            spools
                .clients
                .push((ClientRing::create(ring_bytes).context("failed to make a shared ring")?, writer));
        }
        Ok(spools)
    }

    fn counters(&self) -> Vec<Counters> {
        self.clients.iter().map(|(ring, _)| ring.counters()).collect()
    }
}

/// Gives hot threads priority on their cores, which needs `CAP_SYS_NICE`; without it they are scheduled like others, and
/// the verdict sees the time that others used.
fn raise_hot_threads(pid: u32) {
    // Composers feed them, so they must not wait behind others either.
    for name in [HOT_THREAD, "compose-"] {
        for thread in host::threads_named(pid, name) {
            if let Some(thread) = rustix::process::Pid::from_raw(thread) {
                rustix::process::setpriority_process(Some(thread), -20).ok();
            }
        }
    }
}

/// From the order to start to the first due time: enough for the order to arrive.
const START_DELAY: DurationNs = DurationNs::from_millis(5);
/// How often a run is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);
/// Why nothing is stamped.
const NO_PACKETS: &str = "a Unix socket (unix://) carries no packets that the kernel could stamp";
