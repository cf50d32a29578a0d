//! One run from its plan to its records: what is started, in which order, and what is cleaned up whatever happens.
//!
//! ```text
//! prepare   cgroup, probes, rings, spools; load generator started, moved into the cgroup, sent its orders
//! send      collector, pipeline and load generator run; this thread watches and passes on the user's stop request
//! record    everything is drained and joined; verdict; run.json
//! ```

use crate::cgroup::Cgroup;
use crate::collect::client_ring::{ClientRing, Counters};
use crate::collect::kernel_rings::KernelRings;
use crate::collect::{Collected, Collector};
use crate::daemon::{Cores, Daemon};
use crate::evidence::{HOT_THREAD, Watch};
use crate::gpus::Gpus;
use crate::limits::{self, Taken};
use crate::live::EndedRequests;
use crate::loadgen::{Loadgen, Received};
use crate::parts::{Writers, metadata};
use crate::pipeline::{Naming, Pipeline, PipelineThread, View};
use crate::probe::{Attached, Probes};
use crate::reply::Replies;
use crate::rolling::Kept;
use crate::spool::{Keeping, Reader, Writer};
use crate::stopped::{Cause, Stopped};
use crate::store::{RunDir, Started, run_number};
use crate::supervise::{Supervisor, disk_is_full};
use crate::threads::{self, lock, spawn_with_priority};
use crate::watch::Watched;
use crate::{clock, host};
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs};
use common::ring::{COUNTERS, Counter};
use control::{Create, Fault, Problem, Progress, State, Status, Stop, WatchedServer};
use join::{Joiner, Unmatched};
use metric::{Capability, Settings};
use record::Host;
use spec::handshake::{Order, Setup};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use zeroize::Zeroize;

/// A run that this daemon holds.
pub struct ActiveRun {
    /// Its directory.
    pub directory: RunDir,
    /// The client's request; its secrets are wiped when the run has started.
    pub create: Mutex<Create>,
    /// Its status.
    pub status: Mutex<Status>,
    /// The client that created it.
    pub client: String,
    /// The user's stop request.
    pub stop_request: Mutex<Option<Stop>>,
    /// How many clients follow its progress.
    pub watchers: AtomicUsize,
    /// Its requests as they end, for subscribers.
    pub live: Arc<EndedRequests>,
    /// The source of its progress while it is active.
    pub progress_source: Mutex<ProgressSource>,
    /// The user number of the client that created it.
    pub uid: u32,
    /// The process that created it; a command that joins must be in its cgroup.
    pub pid: Option<u32>,
    /// When a client last sent a request for it while it waited; when it ended.
    pub touched: Mutex<MonoNs>,
    /// What it holds of its user's share while it waits.
    pub waiting: Mutex<Vec<Taken>>,
    /// The cgroup that a command may join, while one may.
    pub watched: Mutex<Option<Arc<Cgroup>>>,
    /// Where parts go as they are full, of a watch that has no end.
    pub kept: Option<Kept>,
    /// How a watch is doing.
    pub health: Mutex<WatchedServer>,
}

/// The source of a run's progress while it is active.
#[derive(Clone, Default)]
pub struct ProgressSource {
    counters: Vec<Counters>,
    view: Arc<Mutex<View>>,
    start: Option<MonoNs>,
    notice: Option<String>,
    /// The last progress, once the run has ended and its memory is freed.
    last: Option<Progress>,
}

/// What is there while requests are sent.
pub(crate) struct RunResources<'a> {
    pub(crate) counters: Vec<Counters>,
    pub(crate) view: Arc<Mutex<View>>,
    pub(crate) over: Arc<AtomicBool>,
    /// Until it is stopped.
    pub(crate) collector: Option<JoinHandle<std::io::Result<()>>>,
    pub(crate) pipeline: PipelineThread,
    /// Looks at the rings so far.
    pub(crate) looks: Arc<AtomicU64>,
    pub(crate) attached: Option<Attached>,
    pub(crate) loadgen: Loadgen<'a>,
    pub(crate) timestamp_source: Timestamps,
    pub(crate) timestamp_source_reason: Option<String>,
    pub(crate) host: Host,
    /// Whether the load generator found a trace and replays it.
    pub(crate) replays: bool,
    /// Phases that have started, and when.
    pub(crate) started_phases: Vec<(u32, MonoNs)>,
    pub(crate) clock_begin: Anchor,
    pub(crate) watch: Watch,
    /// What is watched, in a run that sends nothing.
    pub(crate) watched: Option<Watched>,
    /// Counts of other clients' traffic, by name.
    pub(crate) met: BTreeMap<String, u64>,
    /// The models that other clients requested.
    pub(crate) models: Vec<String>,
    /// What is kept of the spool files.
    pub(crate) keeping: Keeping,
    /// Bounds that something exceeded, and how much was left out, by name.
    pub(crate) exceeded: BTreeMap<String, u64>,
    /// How much was collected, and how much of it the observer has read.
    pub(crate) collected: Collected,
    /// The GPUs, if they are sampled.
    pub(crate) gpus: Option<Gpus>,
}

impl Drop for RunResources<'_> {
    fn drop(&mut self) {
        // A collector whose run failed in between must not run for ever.
        self.over.store(true, Ordering::Release);
    }
}

impl RunResources<'_> {
    /// Empties the rings a last time.
    pub(crate) fn stop_collecting(&mut self) -> Result<()> {
        self.over.store(true, Ordering::Release);
        let Some(collector) = self.collector.take() else { return Ok(()) };
        let give_up = clock::mono() + COLLECTOR_PATIENCE;
        while !collector.is_finished() {
            if clock::mono() > give_up {
                // It hangs in the disk, and is left behind.
                anyhow::bail!("the disk does not answer");
            }
            std::thread::sleep(COLLECTOR_LOOK);
        }
        let collected = threads::join(collector)?;
        collected.context("failed to spool records")
    }
}

impl ActiveRun {
    /// Runs it to its end. A failure is in the status.
    pub fn execute(&self, daemon: &Daemon) {
        let result = self.try_execute(daemon);
        let run_id = self.run_id();
        daemon.cpus.release(&run_id);
        *lock(&self.watched) = None;
        let mut keeps = false;
        if let Err(error) = result {
            let problem = match error.downcast::<Problem>() {
                Ok(problem) => problem,
                Err(error) => Problem::new(Fault::Load, format!("{error:#}")),
            };
            // The client reports it to its user; a private daemon would report it twice.
            tracing::info!(run = run_id, "run failed: {problem}");
            let mut status = lock(&self.status);
            // What was collected of a run that had started is kept: `recover` may do better once the disk works.
            keeps = self.directory.started().is_some();
            status.state = if keeps { State::Interrupted } else { State::Failed };
            status.problem = Some(problem);
        }
        if !keeps {
            self.directory.remove_scratch();
        }
        daemon.store.refresh(&run_id);
        tracing::info!(run = run_id, "run ended");
        let last = self.progress();
        *lock(&self.progress_source) = ProgressSource { last: Some(last), ..ProgressSource::default() };
        *lock(&self.touched) = clock::mono();
        // It is remembered for a while, and its plan is in the store.
        lock(&self.create).plan = Plan::unknown();
        lock(&self.waiting).clear();
    }

    /// What a client that follows it is shown.
    pub fn progress(&self) -> Progress {
        let status = lock(&self.status).clone();
        let progress_source = lock(&self.progress_source).clone();
        if let Some(last) = progress_source.last {
            return last;
        }
        let planned = planned(&lock(&self.create).plan);
        let mut sums = [0; COUNTERS.len()];
        for counters in &progress_source.counters {
            counters.add_to(&mut sums);
        }
        let (requests_recorded, live) = {
            let view = lock(&progress_source.view);
            (view.recorded, view.live.clone())
        };
        let sum = |counter: Counter| sums[counter.index()];
        Progress {
            state: status.state,
            elapsed_seconds: progress_source
                .start
                .map_or(0.0, |start| (clock::mono() - start).as_seconds().max(0.0)),
            requests_planned: planned.requests,
            seconds_planned: planned.seconds,
            requests_sent: sum(Counter::Sent),
            requests_completed: sum(Counter::Completed),
            requests_failed: sum(Counter::Failed),
            requests_in_flight: sum(Counter::InFlight),
            requests_recorded,
            live,
            notice: progress_source.notice,
            problem: status.problem,
        }
    }

    pub(crate) fn run_id(&self) -> String {
        lock(&self.status).run_id.clone()
    }

    pub(crate) fn enter(&self, state: State) {
        lock(&self.status).state = state;
    }

    fn plan(&self) -> Plan {
        lock(&self.create).plan.clone()
    }

    /// The timestamp source, and why a better one is not available; a server may be reached without packets.
    fn choose_timestamp_source(
        &self,
        daemon: &Daemon,
        wanted: Timestamps,
    ) -> Result<(Timestamps, Option<String>)> {
        let is_local = lock(&self.create).addresses.iter().any(|(_, address)| address.starts_with("unix:"));
        if is_local { timestamp_source_of_local(wanted) } else { daemon.choose_timestamp_source(wanted) }
    }

    fn try_execute(&self, daemon: &Daemon) -> Result<()> {
        self.enter(State::Preparing);
        let plan = self.plan();
        if let Some(why) = disk_is_full(&daemon.store, &daemon.limits) {
            return Err(Problem::new(Fault::Disk, why).into());
        }
        let _share = daemon.share(self, &plan)?;
        let found = daemon.examine(most_at_once(&plan), &plan.workers.cpus);
        let mut resources = match &plan.watch {
            Some(watch) => self.prepare_watch(daemon, &plan, watch)?,
            None => self.prepare(daemon, &plan)?,
        };
        let started = Started {
            timestamps: resources.timestamp_source.name().to_owned(),
            timestamps_reason: resources.timestamp_source_reason.clone(),
            clock_begin: resources.clock_begin,
            host: resources.host.clone(),
            doctor: found,
            client: self.client.clone(),
            workers: u32::try_from(resources.counters.len()).unwrap_or(0),
            replays: resources.replays,
        };
        self.directory.write_started(&started)?;
        self.enter(State::Running);
        let stopped = match plan.watch {
            Some(_) => self.attend(daemon, &mut resources),
            None => self.send(daemon, &mut resources),
        };
        self.enter(State::Recording);
        self.record(daemon, &plan, resources, stopped, started)
    }

    /// Why it is to give up while it prepares, if it is: a stop request, its client is gone, or it takes too long.
    pub(crate) fn gives_up(&self, since: MonoNs, daemon: &Daemon) -> Option<Problem> {
        let taken = clock::mono() - since;
        let seconds = daemon.limits.prepare_seconds;
        let is_followed = self.kept.is_some() || self.watchers.load(Ordering::Relaxed) > 0;
        if lock(&self.stop_request).is_some() {
            return Some(Problem::new(Fault::Load, "stopped before the first request"));
        }
        if !is_followed && taken > CLIENT_PATIENCE {
            return Some(Problem::new(Fault::Load, "the client went away before the first request"));
        }
        let is_late = taken > DurationNs::from_seconds(f64::from(seconds));
        is_late.then(|| {
            limits::met("prepare_seconds", format!("{seconds} s"), "the inputs take too long to prepare")
        })
    }

    /// Prepares everything and sends the order to start.
    fn prepare<'a>(&self, daemon: &'a Daemon, plan: &Plan) -> Result<RunResources<'a>> {
        let run_id = self.run_id();
        let since = clock::mono();
        let cores = daemon.cpus.reserve(&run_id, self.uid, plan, daemon.limits.cores_per_user)?;
        let Cores { cpus, leaves_one } = cores;
        let (timestamp_source, timestamp_source_reason) =
            self.choose_timestamp_source(daemon, plan.timestamps)?;
        let hot_cpus = cpus.iter().flatten().copied().collect::<Vec<_>>();
        let gpus = self.sample_gpus(daemon, plan, timestamp_source, &hot_cpus)?;
        let cgroup = match timestamp_source {
            Timestamps::Ebpf => Some(daemon.run_cgroup(&run_id)?),
            _ => None,
        };
        let (kernel_rings, attached) = attach(daemon, cgroup.as_ref())?;
        let keeping = Keeping::new(&self.directory.spool(), u64::from(daemon.limits.spool_mib) << 20);
        let ring_bytes = u64::from(daemon.client_ring_bytes);
        let mut spools = Spools::create(&self.directory, cpus.len(), ring_bytes, &keeping)?;
        let kernel_spool = kernel_spool(&self.directory, kernel_rings, &keeping)?;
        let kernel_reader = kernel_spool.as_ref().map(|(_, spool)| spool.reader()).transpose()?;
        let (reply_read, reply_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let mut loadgen = Loadgen::start(daemon, cgroup)?;
        self.set_up(&mut loadgen, &spools, reply_write, plan, &cpus, daemon, timestamp_source)?;
        let (replays, notices) = loadgen.prepared(&|| self.gives_up(since, daemon))?;
        if leaves_one {
            raise_hot_threads(loadgen.pid());
        }
        let view = Arc::new(Mutex::new(View::default()));
        let counters = spools.counters();
        let clients = std::mem::take(&mut spools.clients);
        let collector = Collector::new(kernel_spool, clients, None, daemon.collect_interval_ms);
        let (over, looks) = (Arc::clone(&collector.over), Arc::clone(&collector.looks));
        let (host, clock_begin) = (host::describe(&hot_cpus), clock::anchor());
        let inflow = Inflow {
            replies: Replies::new(reply_read.into()),
            kernel: kernel_reader,
            keeping: keeping.clone(),
        };
        let metadata = metadata(&run_id, timestamp_source, &clock_begin, &host);
        let pipeline = self.pipeline(plan, timestamp_source, inflow, &metadata, clock_begin, &view);
        // Little work that must not wait: a full ring costs stamps.
        let collector = spawn_with_priority("collect", -20, move || collector.run())?;
        // Encoding must never take time from the hot cores.
        let pipeline = PipelineThread::start("pipeline", 19, pipeline)?;
        gpus.iter().for_each(Gpus::ready);
        let watch = Watch::start(&cpus, loadgen.pid());
        let start = clock::mono() + START_DELAY;
        self.set_progress_source(&counters, &view, start, notices);
        loadgen.order(&Order::Start { at_ns: start })?;
        Ok(RunResources {
            counters,
            view,
            over,
            collector: Some(collector),
            pipeline,
            looks,
            attached,
            loadgen,
            timestamp_source,
            timestamp_source_reason,
            host,
            replays,
            started_phases: Vec::new(),
            clock_begin,
            watch,
            watched: None,
            met: BTreeMap::new(),
            models: Vec::new(),
            keeping,
            exceeded: BTreeMap::new(),
            collected: Collected::default(),
            gpus,
        })
    }

    /// The pipeline of a run that sends.
    pub(crate) fn pipeline(
        &self,
        plan: &Plan,
        timestamp_source: Timestamps,
        inflow: Inflow,
        metadata: &[(String, String)],
        clock_begin: Anchor,
        view: &Arc<Mutex<View>>,
    ) -> Pipeline {
        let no_stamps = (timestamp_source == Timestamps::User).then_some(Unmatched::NoStamps);
        Pipeline {
            replies: inflow.replies,
            kernel: inflow.kernel,
            joiner: Joiner::new(&phase_names(plan), no_stamps),
            writers: Writers::new(&self.directory.path().join("parts"), plan, metadata),
            view: Arc::clone(view),
            settings: settings(plan, clock_begin),
            naming: Naming::of(&self.run_id(), plan),
            live: Arc::clone(&self.live),
            rolling: None,
            keeping: Some(inflow.keeping),
            received: Arc::default(),
        }
    }

    /// Starts to sample the GPUs, if the plan requires it.
    pub(crate) fn sample_gpus(
        &self,
        daemon: &Daemon,
        plan: &Plan,
        timestamp_source: Timestamps,
        hot_cpus: &[u32],
    ) -> Result<Option<Gpus>> {
        let Some(wanted) = &plan.gpu else { return Ok(None) };
        let metadata = metadata(&self.run_id(), timestamp_source, &clock::anchor(), &host::describe(&[]));
        Ok(Some(Gpus::start(wanted, &daemon.gpus, &self.directory, &metadata, hot_cpus)?))
    }

    #[expect(clippy::too_many_arguments, reason = "a load generator's inputs are from many places")]
    fn set_up(
        &self,
        loadgen: &mut Loadgen<'_>,
        spools: &Spools,
        replies: OwnedFd,
        plan: &Plan,
        cpus: &[Option<u32>],
        daemon: &Daemon,
        timestamp_source: Timestamps,
    ) -> Result<()> {
        let inputs_json = std::fs::File::create(self.directory.path().join("inputs.json"))?;
        let inputs = self.directory.inputs();
        let mut opened = Vec::new();
        for (_, path) in &inputs {
            opened.push(std::fs::File::open(path)?);
        }
        let mut create = lock(&self.create);
        let setup = Setup {
            plan: plan.clone(),
            secret_headers: std::mem::take(&mut create.secret_headers),
            addresses: create.addresses.clone(),
            run_number: run_number(&self.run_id())?,
            cpus: cpus.to_vec(),
            ring_bytes: u64::from(daemon.client_ring_bytes),
            socket_stamps: timestamp_source == Timestamps::SoTimestamping,
            keep_raw: plan.output.keeps_responses(),
            inputs: inputs.into_iter().map(|(name, _)| name).collect(),
            replay: false,
            own_user: loadgen.has_own_user(),
        };
        drop(create);
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

    pub(crate) fn set_progress_source(
        &self,
        counters: &[Counters],
        view: &Arc<Mutex<View>>,
        start: MonoNs,
        notices: Vec<String>,
    ) {
        let notice = if notices.is_empty() { None } else { Some(notices.join("; ")) };
        let (counters, view) = (counters.to_vec(), Arc::clone(view));
        *lock(&self.progress_source) =
            ProgressSource { counters, view, start: Some(start), notice, last: None };
    }

    /// Watches the run until the load generator has finished; returns what stopped it, if anything did.
    fn send(&self, daemon: &Daemon, resources: &mut RunResources<'_>) -> Option<Stopped> {
        let mut handled = None;
        let mut stopped: Option<Stopped> = None;
        let mut watched = clock::mono();
        let mut supervisor = Supervisor::new(watched);
        loop {
            match resources.loadgen.receive(WATCH_INTERVAL) {
                Ok(Received::Nothing | Received::Watched { .. }) => {}
                Ok(Received::Phase { phase, started }) => resources.started_phases.push((phase, started)),
                Ok(Received::Exceeded(counts)) => resources.exceeded = counts,
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
            if let Some(problem) = supervisor.look(resources, &daemon.store, &daemon.limits, now)
                && stopped.as_ref().is_none_or(|known| known.cause == Cause::Requested)
            {
                stopped = Some(problem);
                self.request_stop(Stop::Now);
            }
            if self.watchers.load(Ordering::Relaxed) > 0 {
                watched = now;
            } else if now - watched > CLIENT_PATIENCE && stopped.is_none() {
                stopped = Some(Stopped::requested("the client went away"));
                self.request_stop(Stop::Now);
            }
            let stop_request = *lock(&self.stop_request);
            if stop_request != handled {
                handled = stop_request;
                let is_ending = daemon.draining.load(Ordering::Relaxed);
                let why = if is_ending { "aiperfd was stopped" } else { "the user stopped it" };
                stopped.get_or_insert_with(|| Stopped::requested(why));
                self.enter(State::Draining);
                let order = if stop_request == Some(Stop::Now) { Order::Stop } else { Order::Drain };
                resources.loadgen.order(&order).ok();
                if stop_request == Some(Stop::Now) {
                    supervisor.end_by(now + STOP_PATIENCE);
                }
            }
            if supervisor.is_overdue(now) {
                resources.loadgen.end();
            }
            resources.watch.look(resources.loadgen.pid());
        }
    }

    /// Its state. From now on one that waited to be started never will be.
    pub(crate) fn close(&self) -> State {
        let mut status = lock(&self.status);
        let state = status.state;
        if state == State::Created {
            status.state = State::Failed;
        }
        state
    }

    /// Requests that the run be stopped.
    pub(crate) fn request_stop(&self, what: Stop) {
        *lock(&self.stop_request) = Some(what);
    }
}

impl Drop for ActiveRun {
    fn drop(&mut self) {
        wipe(&mut lock(&self.create).secret_headers);
    }
}

/// Overwrites keys that are not needed any more.
fn wipe(secrets: &mut BTreeMap<String, String>) {
    secrets.values_mut().for_each(Zeroize::zeroize);
}

/// The timestamp source of a run over a Unix socket.
fn timestamp_source_of_local(wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
    match wanted {
        Timestamps::User => Ok((Timestamps::User, None)),
        Timestamps::Auto => Ok((Timestamps::User, Some(NO_PACKETS.to_owned()))),
        named => {
            let why = format!("--timestamps {} is not available: {NO_PACKETS}", named.name());
            Err(Problem::new(Fault::Plan, why).into())
        }
    }
}

/// The inputs of a run's pipeline.
pub(crate) struct Inflow {
    pub(crate) replies: Replies,
    pub(crate) kernel: Option<Reader>,
    pub(crate) keeping: Keeping,
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

/// The plan, with what the load generator found in the input, or the observer in the traffic.
pub(crate) fn as_run(plan: &Plan, replays: bool, models: &[String]) -> Plan {
    let mut plan = plan.clone();
    if replays {
        plan.load.replay();
    }
    if plan.watch.is_some() {
        plan.endpoint.models = models.to_vec();
    }
    plan
}

pub(crate) fn phase_names(plan: &Plan) -> Vec<&str> {
    plan.load.phases.iter().map(|phase| phase.name.as_str()).collect()
}

/// The most connections that a phase of the plan has at the same time, if it limits them.
fn most_at_once(plan: &Plan) -> Option<u32> {
    plan.load.phases.iter().filter_map(|phase| phase.concurrency).max()
}

/// The size of the plan's load, as far as the plan sets it.
#[derive(Default)]
struct Planned {
    requests: Option<u64>,
    seconds: Option<f64>,
}

fn planned(plan: &Plan) -> Planned {
    let phases = &plan.load.phases;
    Planned {
        requests: phases.iter().map(|phase| phase.request_count).sum(),
        seconds: phases.iter().map(|phase| phase.duration_seconds).sum(),
    }
}

/// What metrics a run of this plan can have, for the live percentiles.
pub(crate) fn settings(plan: &Plan, clock: Anchor) -> Settings {
    Settings {
        streaming: plan.endpoint.streaming,
        capability: Capability::of_endpoint(&plan.endpoint.kind),
        use_server_token_count: plan.endpoint.use_server_token_count,
        is_import: false,
        fixed_schedule: false,
        show_trace_timing: false,
        network_rtt_ms: None,
        goodput: Vec::new(),
        slice_duration: None,
        profiling: None,
        warmup: None,
        measured: plan.load.measured().map(|phase| phase.name.clone()).collect(),
        phases: Vec::new(),
        steady_state: false,
        clock,
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
/// How long a run continues although no client follows it.
pub(crate) const CLIENT_PATIENCE: DurationNs = DurationNs::from_millis(3000);
/// How long a load generator may take that was ordered to end at once; then it is killed.
pub(crate) const STOP_PATIENCE: DurationNs = DurationNs::from_millis(10_000);
/// How long the collector's last look may take.
const COLLECTOR_PATIENCE: DurationNs = DurationNs::from_millis(30_000);
const COLLECTOR_LOOK: Duration = Duration::from_micros(200);
/// Why nothing is stamped.
const NO_PACKETS: &str = "a Unix socket (unix://) carries no packets that the kernel could stamp";
