//! One run from its plan to its records: who is started, in which order, and what is cleaned up whatever happens.
//!
//! ```text
//! prepare   cgroup, probes, rings, spools; load generator born, moved into the cgroup, given its orders
//! send      collector, pipeline and load generator run; this thread watches and passes on the user's will
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
use crate::loadgen::{Heard, Loadgen};
use crate::pipeline::{Naming, Pipeline, View, Writers};
use crate::probe::{Attached, Probes};
use crate::reply::Replies;
use crate::rolling::Kept;
use crate::spool::{Keeping, Reader, Writer};
use crate::store::{RunDir, Started, run_number};
use crate::supervise::{PipelineThread, Stopped, Supervisor, disk_is_full};
use crate::watch::Watched;
use crate::{clock, host};
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs};
use common::handshake::{Order, Setup};
use common::plan::{Plan, Timestamps};
use common::ring::{COUNTERS, Counter};
use control::{Create, Fault, Problem, Progress, State, Status, Stop, WatchedServer};
use export::parquet::{Limits, PartWriter};
use join::{Joiner, Unmatched};
use metric::{Capability, Settings};
use record::{Host, SCHEMA_VERSION};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use zeroize::Zeroize;

/// A run that this daemon holds.
pub struct Active {
    /// Its directory.
    pub directory: RunDir,
    /// What the client asked for; the secrets go when the run has begun.
    pub create: Mutex<Create>,
    /// Where it stands.
    pub status: Mutex<Status>,
    /// Who asked for it.
    pub client: String,
    /// What the user wants.
    pub will: Mutex<Option<Stop>>,
    /// How many clients follow its progress.
    pub watchers: AtomicUsize,
    /// Its requests as they end, for whoever asks.
    pub live: Arc<EndedRequests>,
    /// What can be told while it runs.
    pub telling: Mutex<Telling>,
    /// The user number of who asked for it.
    pub uid: u32,
    /// The process that asked for it, whose cgroup a command that joins must be in.
    pub pid: Option<u32>,
    /// When it was last heard of while it waited; when it ended.
    pub touched: Mutex<MonoNs>,
    /// What it holds of its user's share while it waits.
    pub waiting: Mutex<Vec<Taken>>,
    /// The cgroup that a command may join, while one may.
    pub watched: Mutex<Option<Arc<Cgroup>>>,
    /// Where parts go as they are full, of a watch that has no end.
    pub kept: Option<Kept>,
    /// How a watch fares.
    pub health: Mutex<WatchedServer>,
}

/// What can be told while a run runs.
#[derive(Clone, Default)]
pub struct Telling {
    counters: Vec<Counters>,
    view: Arc<Mutex<View>>,
    begun: Option<MonoNs>,
    notice: Option<String>,
    /// What was told last, once the run has ended and its memory is given back.
    last: Option<Progress>,
}

/// What is there while requests are sent.
pub(crate) struct Field<'a> {
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
    pub(crate) rung: Timestamps,
    pub(crate) rung_reason: Option<String>,
    pub(crate) host: Host,
    /// Whether the load generator found a trace and replays it.
    pub(crate) replays: bool,
    /// Phases that have begun, and when.
    pub(crate) begun: Vec<(u32, MonoNs)>,
    pub(crate) clock_begin: Anchor,
    pub(crate) watch: Watch,
    /// What is watched, in a run that sends nothing.
    pub(crate) watched: Option<Watched>,
    /// What was met of others' traffic, by name.
    pub(crate) met: BTreeMap<String, u64>,
    /// The models that others asked.
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

impl Drop for Field<'_> {
    fn drop(&mut self) {
        // A collector whose run failed in between must not go on for ever.
        self.over.store(true, Ordering::Release);
    }
}

impl Field<'_> {
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
        let collected = collector.join().map_err(|_poisoned| anyhow::anyhow!("the collector panicked"))?;
        collected.context("failed to spool records")
    }
}

impl Active {
    /// Runs it to its end. A failure is in the status.
    pub fn execute(&self, daemon: &Daemon) {
        let result = self.try_execute(daemon);
        let run_id = self.run_id();
        daemon.cpus.release(&run_id);
        *self.watched.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let mut keeps = false;
        if let Err(error) = result {
            let problem = match error.downcast::<Problem>() {
                Ok(problem) => problem,
                Err(error) => Problem::new(Fault::Load, format!("{error:#}")),
            };
            // The client tells its user; a private daemon would say it twice.
            tracing::info!(run = run_id, "run failed: {problem}");
            let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
            // What was collected of a run that had begun is kept: `recover` may do better once the disk is well.
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
        *self.telling.lock().unwrap_or_else(PoisonError::into_inner) =
            Telling { last: Some(last), ..Telling::default() };
        *self.touched.lock().unwrap_or_else(PoisonError::into_inner) = clock::mono();
        // It is remembered for a while, and its plan is in the store.
        self.create.lock().unwrap_or_else(PoisonError::into_inner).plan = Plan::unknown();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What a client that follows it is shown.
    pub fn progress(&self) -> Progress {
        let status = self.status.lock().map(|status| status.clone()).ok();
        let telling = self.telling.lock().map(|telling| telling.clone()).unwrap_or_default();
        if let Some(last) = telling.last {
            return last;
        }
        let planned = self.create.lock().map(|create| planned(&create.plan)).unwrap_or_default();
        let mut sums = [0; COUNTERS.len()];
        for counters in &telling.counters {
            counters.add_to(&mut sums);
        }
        let view = telling.view.lock().map(|view| (view.recorded, view.live.clone())).unwrap_or_default();
        let sum = |counter: Counter| sums[counter.index()];
        Progress {
            state: status.as_ref().map_or(State::Failed, |status| status.state),
            elapsed_seconds: telling.begun.map_or(0.0, |begun| (clock::mono() - begun).as_seconds().max(0.0)),
            requests_planned: planned.requests,
            seconds_planned: planned.seconds,
            requests_sent: sum(Counter::Sent),
            requests_completed: sum(Counter::Completed),
            requests_failed: sum(Counter::Failed),
            requests_in_flight: sum(Counter::InFlight),
            requests_recorded: view.0,
            live: view.1,
            notice: telling.notice,
            problem: status.and_then(|status| status.problem),
        }
    }

    pub(crate) fn run_id(&self) -> String {
        self.status.lock().map(|status| status.run_id.clone()).unwrap_or_default()
    }

    pub(crate) fn enter(&self, state: State) {
        if let Ok(mut status) = self.status.lock() {
            status.state = state;
        }
    }

    fn plan(&self) -> Result<Plan> {
        let create = self.create.lock().map_err(|_poisoned| anyhow::anyhow!("the run's plan is broken"))?;
        Ok(create.plan.clone())
    }

    /// The rung, and why it is no better one; a server may be reached without packets.
    fn rung(&self, daemon: &Daemon, wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
        let create = self.create.lock().map_err(|_poisoned| anyhow::anyhow!("the run's plan is broken"))?;
        let is_local = create.addresses.iter().any(|(_, address)| address.starts_with("unix:"));
        if is_local { rung_of_local(wanted) } else { daemon.choose_rung(wanted) }
    }

    fn try_execute(&self, daemon: &Daemon) -> Result<()> {
        self.enter(State::Preparing);
        let plan = self.plan()?;
        if let Some(why) = disk_is_full(&daemon.store, &daemon.limits) {
            return Err(Problem::new(Fault::Disk, why).into());
        }
        let _share = daemon.share(self, &plan)?;
        let found = daemon.examine(most_at_once(&plan), &plan.workers.cpus);
        let mut field = match &plan.watch {
            Some(watch) => self.prepare_watch(daemon, &plan, watch)?,
            None => self.prepare(daemon, &plan)?,
        };
        let started = Started {
            timestamps: field.rung.name().to_owned(),
            timestamps_reason: field.rung_reason.clone(),
            clock_begin: field.clock_begin,
            host: field.host.clone(),
            doctor: found,
            client: self.client.clone(),
            workers: u32::try_from(field.counters.len()).unwrap_or(0),
            replays: field.replays,
        };
        self.directory.write_started(&started)?;
        self.enter(State::Running);
        let stopped = match plan.watch {
            Some(_) => self.attend(daemon, &mut field),
            None => self.send(daemon, &mut field),
        };
        self.enter(State::Recording);
        self.record(daemon, &plan, field, stopped, started)
    }

    /// Why it is to give up while it prepares, if it is: it was told to, its client is gone, or it takes too long.
    pub(crate) fn gives_up(&self, begun: MonoNs, daemon: &Daemon) -> Option<Problem> {
        let taken = clock::mono() - begun;
        let seconds = daemon.limits.prepare_seconds;
        let is_followed = self.kept.is_some() || self.watchers.load(Ordering::Relaxed) > 0;
        if self.will.lock().is_ok_and(|will| will.is_some()) {
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

    /// Makes everything ready and gives the order to start.
    fn prepare<'a>(&self, daemon: &'a Daemon, plan: &Plan) -> Result<Field<'a>> {
        let run_id = self.run_id();
        let begun = clock::mono();
        let cores = daemon.cpus.reserve(&run_id, self.uid, plan, daemon.limits.cores_per_user)?;
        let Cores { cpus, leaves_one } = cores;
        let (rung, rung_reason) = self.rung(daemon, plan.timestamps)?;
        let hot_cpus = cpus.iter().flatten().copied().collect::<Vec<_>>();
        let gpus = self.sample_gpus(daemon, plan, rung, &hot_cpus)?;
        let cgroup = match rung {
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
        self.set_up(&mut loadgen, &spools, reply_write, plan, &cpus, daemon, rung)?;
        let (replays, notices) = loadgen.prepared(&|| self.gives_up(begun, daemon))?;
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
        let metadata = metadata(&run_id, rung, &clock_begin, &host);
        let pipeline = self.pipeline(plan, rung, inflow, &metadata, clock_begin, &view);
        // Little work that must not wait: a full ring costs stamps.
        let collector = spawn_with_priority("collect", -20, move || collector.run())?;
        // Encoding must never take time from the hot cores.
        let pipeline = PipelineThread::start("pipeline", 19, pipeline)?;
        gpus.iter().for_each(Gpus::ready);
        let watch = Watch::begin(&cpus, loadgen.pid());
        let begun = clock::mono() + START_DELAY;
        self.tell(&counters, &view, begun, notices);
        loadgen.order(&Order::Start { at_ns: begun })?;
        Ok(Field {
            counters,
            view,
            over,
            collector: Some(collector),
            pipeline,
            looks,
            attached,
            loadgen,
            rung,
            rung_reason,
            host,
            replays,
            begun: Vec::new(),
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
        rung: Timestamps,
        inflow: Inflow,
        metadata: &[(String, String)],
        clock_begin: Anchor,
        view: &Arc<Mutex<View>>,
    ) -> Pipeline {
        let no_stamps = (rung == Timestamps::User).then_some(Unmatched::NoStamps);
        Pipeline {
            replies: inflow.replies,
            kernel: inflow.kernel,
            joiner: Joiner::new(&phase_names(plan), no_stamps),
            writers: writers(&self.directory.path().join("parts"), plan, metadata),
            view: Arc::clone(view),
            settings: settings(plan, clock_begin),
            naming: Naming::of(&self.run_id(), plan),
            live: Arc::clone(&self.live),
            rolling: None,
            keeping: Some(inflow.keeping),
            heard: Arc::default(),
        }
    }

    /// Starts to sample the GPUs, if the plan wants that.
    pub(crate) fn sample_gpus(
        &self,
        daemon: &Daemon,
        plan: &Plan,
        rung: Timestamps,
        hot_cpus: &[u32],
    ) -> Result<Option<Gpus>> {
        let Some(wanted) = &plan.gpu else { return Ok(None) };
        let metadata = metadata(&self.run_id(), rung, &clock::anchor(), &host::describe(&[]));
        Ok(Some(Gpus::start(wanted, &daemon.gpus, &self.directory, &metadata, hot_cpus)?))
    }

    #[expect(clippy::too_many_arguments, reason = "what a load generator is given comes from everywhere")]
    fn set_up(
        &self,
        loadgen: &mut Loadgen<'_>,
        spools: &Spools,
        replies: OwnedFd,
        plan: &Plan,
        cpus: &[Option<u32>],
        daemon: &Daemon,
        rung: Timestamps,
    ) -> Result<()> {
        let inputs_json = std::fs::File::create(self.directory.path().join("inputs.json"))?;
        let inputs = self.directory.inputs();
        let mut opened = Vec::new();
        for (_, path) in &inputs {
            opened.push(std::fs::File::open(path)?);
        }
        let mut create =
            self.create.lock().map_err(|_poisoned| anyhow::anyhow!("the run's plan is broken"))?;
        let setup = Setup {
            plan: plan.clone(),
            secret_headers: std::mem::take(&mut create.secret_headers),
            addresses: create.addresses.clone(),
            run_number: run_number(&self.run_id())?,
            cpus: cpus.to_vec(),
            ring_bytes: u64::from(daemon.client_ring_bytes),
            socket_stamps: rung == Timestamps::SoTimestamping,
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

    pub(crate) fn tell(
        &self,
        counters: &[Counters],
        view: &Arc<Mutex<View>>,
        begun: MonoNs,
        notices: Vec<String>,
    ) {
        if let Ok(mut telling) = self.telling.lock() {
            let notice = if notices.is_empty() { None } else { Some(notices.join("; ")) };
            let (counters, view) = (counters.to_vec(), Arc::clone(view));
            *telling = Telling { counters, view, begun: Some(begun), notice, last: None };
        }
    }

    /// Watches the run until the load generator has finished; says what stopped it, if anything did.
    fn send(&self, daemon: &Daemon, field: &mut Field<'_>) -> Option<Stopped> {
        let mut told = None;
        let mut stopped: Option<Stopped> = None;
        let mut watched = clock::mono();
        let mut supervisor = Supervisor::new(watched);
        loop {
            match field.loadgen.hear(WATCH_INTERVAL) {
                Ok(Heard::Nothing | Heard::Watched { .. }) => {}
                Ok(Heard::Phase { phase, begun }) => field.begun.push((phase, begun)),
                Ok(Heard::Exceeded(counts)) => field.exceeded = counts,
                Ok(Heard::Stopped(why)) => {
                    stopped.get_or_insert_with(|| Stopped::asked(why));
                }
                Ok(Heard::Finished) => return stopped,
                Ok(Heard::Gone) => {
                    return stopped.or_else(|| Some(Stopped::died("the load generator died")));
                }
                Ok(Heard::Failed(problem)) => {
                    return stopped.or_else(|| Some(Stopped::died(problem.message)));
                }
                Err(error) => return stopped.or_else(|| Some(Stopped::died(format!("{error:#}")))),
            }
            let now = clock::mono();
            if let Some(problem) = supervisor.look(field, &daemon.store, &daemon.limits, now)
                && stopped.as_ref().is_none_or(|known| known.cause == crate::supervise::Cause::Asked)
            {
                stopped = Some(problem);
                self.wish(Stop::Now);
            }
            if self.watchers.load(Ordering::Relaxed) > 0 {
                watched = now;
            } else if now - watched > CLIENT_PATIENCE && stopped.is_none() {
                stopped = Some(Stopped::asked("the client went away"));
                self.wish(Stop::Now);
            }
            let will = self.will.lock().map(|will| *will).unwrap_or_default();
            if will != told {
                told = will;
                let is_ending = daemon.draining.load(Ordering::Relaxed);
                let why = if is_ending { "aiperfd was stopped" } else { "the user stopped it" };
                stopped.get_or_insert_with(|| Stopped::asked(why));
                self.enter(State::Draining);
                let order = if will == Some(Stop::Now) { Order::Stop } else { Order::Drain };
                field.loadgen.order(&order).ok();
                if will == Some(Stop::Now) {
                    supervisor.end_by(now + STOP_PATIENCE);
                }
            }
            if supervisor.is_overdue(now) {
                field.loadgen.end();
            }
            field.watch.look(field.loadgen.pid());
        }
    }

    /// Where it stands. From now on one that waited to be started never will be.
    pub(crate) fn close(&self) -> State {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let state = status.state;
        if state == State::Created {
            status.state = State::Failed;
        }
        state
    }

    /// Wants the run to be stopped, whoever else does.
    pub(crate) fn wish(&self, what: Stop) {
        *self.will.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        wipe(&mut self.create.get_mut().unwrap_or_else(PoisonError::into_inner).secret_headers);
    }
}

/// Overwrites keys that are not needed any more.
fn wipe(secrets: &mut BTreeMap<String, String>) {
    secrets.values_mut().for_each(Zeroize::zeroize);
}

/// The rung of a run over a Unix socket.
fn rung_of_local(wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
    match wanted {
        Timestamps::User => Ok((Timestamps::User, None)),
        Timestamps::Auto => Ok((Timestamps::User, Some(NO_PACKETS.to_owned()))),
        named => {
            let why = format!("--timestamps {} is not to be had: {NO_PACKETS}", named.name());
            Err(Problem::new(Fault::Plan, why).into())
        }
    }
}

/// What comes into the pipeline of a run.
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

pub(crate) fn writers(parts: &Path, plan: &Plan, metadata: &[(String, String)]) -> Writers {
    let limits = Limits::STANDARD;
    let payload = plan.watch.as_ref().is_some_and(|watch| watch.payload);
    let raw = payload || plan.output.keeps_responses();
    Writers {
        requests: PartWriter::new(parts, "requests", limits, metadata),
        tokens: PartWriter::new(parts, "tokens", limits, metadata),
        responses: raw.then(|| PartWriter::new(parts, "responses", limits, metadata)),
        payloads: payload.then(|| PartWriter::new(parts, "payloads", limits, metadata)),
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

/// The most connections that a phase of the plan has at the same time, where it says.
fn most_at_once(plan: &Plan) -> Option<u32> {
    plan.load.phases.iter().filter_map(|phase| phase.concurrency).max()
}

/// How much the plan is about, where it says.
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

/// What a Parquet file says of the run it is from, should it ever be alone.
pub(crate) fn metadata(run_id: &str, rung: Timestamps, clock: &Anchor, host: &Host) -> Vec<(String, String)> {
    let pairs = [
        ("schema_version", SCHEMA_VERSION.to_owned()),
        ("run_id", run_id.to_owned()),
        ("timestamps", rung.name().to_owned()),
        ("clock_mono_ns", clock.mono_ns.0.to_string()),
        ("clock_real_ns", clock.real_ns.0.to_string()),
        ("kernel", host.kernel.clone()),
        ("cpu_model", host.cpu_model.clone()),
    ];
    pairs.map(|(key, value)| (format!("aiperfd.{key}"), value)).to_vec()
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

pub(crate) fn spawn_with_priority<T: Send + 'static>(
    name: &str,
    priority: i32,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    let with_priority = move || {
        set_priority(priority);
        body()
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(with_priority).context("failed to start a thread")
}

/// Sets this thread's priority, -20 first to 19 last. A refusal costs nothing but manners.
fn set_priority(priority: i32) {
    // On Linux a thread number stands for that thread alone (man 2 setpriority).
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), priority).ok();
}

/// Hot threads go before everything else on their cores, which takes `CAP_SYS_NICE`; without it they take their turn,
/// and the verdict sees what others took.
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
/// How long a run goes on although no client follows it.
pub(crate) const CLIENT_PATIENCE: DurationNs = DurationNs::from_millis(3000);
/// How long a load generator that was told to end at once may take; then it is ended.
pub(crate) const STOP_PATIENCE: DurationNs = DurationNs::from_millis(10_000);
/// How long the collector's last look may take.
const COLLECTOR_PATIENCE: DurationNs = DurationNs::from_millis(30_000);
const COLLECTOR_LOOK: Duration = Duration::from_micros(200);
/// Why nothing is stamped.
const NO_PACKETS: &str = "a Unix socket (unix://) carries no packets that the kernel could stamp";
