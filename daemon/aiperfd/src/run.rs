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
use crate::daemon::Daemon;
use crate::evidence::{HOT_THREAD, Watch, evidence, figures};
use crate::gpus::Gpus;
use crate::live::EndedRequests;
use crate::loadgen::{Heard, Loadgen};
use crate::pipeline::{Pipeline, View, Writers};
use crate::probe::{Attached, Probes};
use crate::reply::Replies;
use crate::rolling::Kept;
use crate::spool::Writer;
use crate::store::{RunDir, run_number};
use crate::watch::Watched;
use crate::{clock, host, verdict};
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs};
use common::handshake::{Order, Setup};
use common::plan::{Plan, Timestamps};
use common::ring::{COUNTERS, Counter};
use control::{Create, Fault, Problem, Progress, State, Status, Stop, WatchedServer};
use export::parquet::{Limits, PartWriter, concat};
use join::{Joiner, Unmatched};
use metric::{Capability, Settings};
use record::{Finding, Host, Phase, Run, SCHEMA_VERSION};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

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
    pub uid: Option<u32>,
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
pub(crate) struct Field {
    pub(crate) counters: Vec<Counters>,
    pub(crate) view: Arc<Mutex<View>>,
    pub(crate) over: Arc<AtomicBool>,
    /// Until it is stopped.
    pub(crate) collector: Option<JoinHandle<std::io::Result<()>>>,
    pub(crate) pipeline: JoinHandle<Result<Writers>>,
    pub(crate) attached: Option<Attached>,
    pub(crate) loadgen: Loadgen,
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
    /// How much was collected, and how much of it the observer has read.
    pub(crate) collected: Collected,
    /// The GPUs, if they are sampled.
    pub(crate) gpus: Option<Gpus>,
}

impl Field {
    /// Empties the rings a last time.
    pub(crate) fn stop_collecting(&mut self) -> Result<()> {
        self.over.store(true, Ordering::Release);
        let Some(collector) = self.collector.take() else { return Ok(()) };
        let collected = collector.join().map_err(|_poisoned| anyhow::anyhow!("the collector panicked"))?;
        collected.context("failed to spool records")
    }
}

impl Active {
    /// Runs it to its end. A failure is in the status.
    pub fn execute(&self, daemon: &Daemon) {
        let result = self.try_execute(daemon);
        daemon.cpus.release(&self.run_id());
        if let Ok(mut watched) = self.watched.lock() {
            *watched = None;
        }
        if let Err(error) = result {
            let problem = match error.downcast::<Problem>() {
                Ok(problem) => problem,
                Err(error) => Problem::new(Fault::Load, format!("{error:#}")),
            };
            // The client tells its user; a private daemon would say it twice.
            tracing::info!(run = self.run_id(), "run failed: {problem}");
            if let Ok(mut status) = self.status.lock() {
                status.state = State::Failed;
                status.problem = Some(problem);
            }
        }
        self.directory.remove_scratch();
        let last = self.progress();
        if let Ok(mut telling) = self.telling.lock() {
            *telling = Telling { last: Some(last), ..Telling::default() };
        }
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
        let found = daemon.examine(most_at_once(&plan), &plan.workers.cpus);
        let (field, stopped) = if let Some(watch) = &plan.watch {
            let field = self.prepare_watch(daemon, &plan, watch)?;
            self.enter(State::Running);
            self.attend(field)?
        } else {
            let field = self.prepare(daemon, &plan)?;
            self.enter(State::Running);
            self.send(daemon, field)?
        };
        self.enter(State::Recording);
        self.record(daemon, &plan, field, stopped, found)
    }

    /// Makes everything ready and gives the order to start.
    fn prepare(&self, daemon: &Daemon, plan: &Plan) -> Result<Field> {
        let run_id = self.run_id();
        let cpus = daemon.cpus.reserve(&run_id, plan)?;
        let (rung, rung_reason) = self.rung(daemon, plan.timestamps)?;
        let hot_cpus = cpus.iter().flatten().copied().collect::<Vec<_>>();
        let gpus = self.sample_gpus(daemon, plan, rung, &hot_cpus)?;
        let cgroup = match rung {
            Timestamps::Ebpf => Some(daemon.run_cgroup(&run_id)?),
            _ => None,
        };
        let (kernel_rings, attached) = attach(daemon, cgroup.as_ref())?;
        let mut spools = Spools::create(&self.directory, cpus.len(), u64::from(daemon.client_ring_bytes))?;
        let kernel_spool = match kernel_rings {
            Some(rings) => Some((rings, Writer::create(&self.directory.path().join("spool/kernel"))?)),
            None => None,
        };
        let kernel_reader = kernel_spool.as_ref().map(|(_, spool)| spool.reader()).transpose()?;
        let (reply_read, reply_write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let mut loadgen = Loadgen::bear(&daemon.nursery, cgroup)?;
        self.set_up(&mut loadgen, &spools, reply_write, plan, &cpus, daemon, rung)?;
        let (replays, notices) = loadgen.prepared(|| self.wants(Stop::Now))?;
        raise_hot_threads(loadgen.pid());
        let (over, view) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(View::default())));
        let counters = spools.counters();
        let collector = Collector {
            kernel: kernel_spool,
            clients: std::mem::take(&mut spools.clients),
            shown: None,
            interval: Duration::from_millis(daemon.collect_interval_ms),
            over: Arc::clone(&over),
        };
        let (host, clock_begin) = (host::describe(&hot_cpus), clock::anchor());
        let no_stamps = (rung == Timestamps::User).then_some(Unmatched::NoStamps);
        let pipeline = Pipeline {
            replies: Replies::new(reply_read.into()),
            kernel: kernel_reader,
            joiner: Joiner::new(&phase_names(plan), no_stamps),
            writers: writers(&self.directory, plan, &metadata(&run_id, rung, &clock_begin, &host)),
            view: Arc::clone(&view),
            settings: settings(plan, clock_begin),
            live: Arc::clone(&self.live),
            rolling: None,
        };
        // Little work that must not wait: a full ring costs stamps.
        let collector = spawn_with_priority("collect", -20, move || collector.run())?;
        // Encoding must never take time from the hot cores.
        let pipeline = spawn_with_priority("pipeline", 19, move || pipeline.run())?;
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
            collected: Collected::default(),
            gpus,
        })
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
        loadgen: &mut Loadgen,
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
            own_user: false,
        };
        drop(create);
        let mut descriptors: Vec<BorrowedFd<'_>> = vec![replies.as_fd(), inputs_json.as_fd()];
        for ((ring, _), spool) in spools.clients.iter().zip(&spools.readers) {
            descriptors.push(ring.descriptor());
            descriptors.push(spool.as_fd());
        }
        descriptors.extend(opened.iter().map(AsFd::as_fd));
        loadgen.set_up(&Order::Setup(Box::new(setup)), &descriptors)
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

    pub(crate) fn wants(&self, what: Stop) -> bool {
        self.will.lock().is_ok_and(|will| *will == Some(what))
    }

    /// Watches the run until the load generator has finished; says what stopped it, if anything did.
    fn send(&self, daemon: &Daemon, mut field: Field) -> Result<(Field, Option<String>)> {
        let mut told = None;
        let mut stopped: Option<String> = None;
        let mut watched = clock::mono();
        loop {
            match field.loadgen.hear(WATCH_INTERVAL)? {
                Heard::Nothing | Heard::Watched { .. } => {}
                Heard::Phase { phase, begun } => field.begun.push((phase, begun)),
                Heard::Stopped(why) => {
                    stopped.get_or_insert(why);
                }
                Heard::Finished => return Ok((field, stopped)),
                Heard::Gone => {
                    return Ok((
                        field,
                        Some(stopped.unwrap_or_else(|| "the load generator died".to_owned())),
                    ));
                }
                Heard::Failed(problem) => return Err(problem.into()),
            }
            let now = clock::mono();
            if self.watchers.load(Ordering::Relaxed) > 0 {
                watched = now;
            } else if now - watched > CLIENT_PATIENCE && stopped.is_none() {
                stopped = Some("the client went away".to_owned());
                if let Ok(mut will) = self.will.lock() {
                    *will = Some(Stop::Now);
                }
            }
            let will = self.will.lock().map(|will| *will).unwrap_or_default();
            if will != told {
                told = will;
                let is_ending = daemon.draining.load(Ordering::Relaxed);
                let why = if is_ending { "aiperfd was stopped" } else { "the user stopped it" };
                stopped.get_or_insert_with(|| why.to_owned());
                self.enter(State::Draining);
                match will {
                    Some(Stop::Drain) => field.loadgen.order(&Order::Drain)?,
                    Some(Stop::Now) => field.loadgen.order(&Order::Stop)?,
                    None => {}
                }
            }
            field.watch.look(field.loadgen.pid());
        }
    }

    /// Drains and joins what is left, judges, and writes `run.json`.
    fn record(
        &self,
        daemon: &Daemon,
        plan: &Plan,
        mut field: Field,
        stopped: Option<String>,
        found: Vec<Finding>,
    ) -> Result<()> {
        field.watch.end(field.loadgen.pid());
        let read = field.gpus.take().map(|gpus| gpus.finish(&self.directory)).unwrap_or_default();
        field.stop_collecting()?;
        let writers =
            field.pipeline.join().map_err(|_poisoned| anyhow::anyhow!("the pipeline panicked"))??;
        writers.finish(&self.directory)?;
        let mut view =
            field.view.lock().map_err(|_poisoned| anyhow::anyhow!("the run's view is broken"))?.clone();
        if let Some(attached) = &field.attached {
            view.loss.kernel = attached.dropped()?;
        }
        let mut sums = [0; COUNTERS.len()];
        for counters in &field.counters {
            counters.add_to(&mut sums);
        }
        let clock_end = clock::anchor();
        let plan = &as_run(plan, field.replays, &field.models);
        let mut evidence = evidence(plan, &sums, &view, &field.watch, field.rung);
        if plan.watch.is_some() {
            evidence.take_met(view.recorded, &field.met);
        }
        evidence.clock_step_ms = clock_step(&field.clock_begin, &clock_end).as_millis();
        evidence.incomplete_reason.clone_from(&stopped);
        evidence.governor.clone_from(&field.host.governor);
        let phases = phases(plan, &field.begun, &view.tally.ended);
        evidence.take_gpus(&read, plan, &phases);
        let run = Run {
            schema_version: SCHEMA_VERSION.to_owned(),
            version: daemon.build.version.to_owned(),
            commit: Some(daemon.build.commit.to_owned()),
            kernel_object: Some(daemon.kernel_object.clone()),
            run_id: self.run_id(),
            source: plan.watch.as_ref().map_or("profile", common::plan::Watch::source).to_owned(),
            plan: plan.clone(),
            host: field.host,
            doctor: found,
            timestamps: field.rung.name().to_owned(),
            timestamps_reason: field.rung_reason.clone(),
            clock_begin: field.clock_begin,
            clock_end,
            phases,
            was_cancelled: stopped.is_some(),
            is_complete: stopped.is_none(),
            incomplete_reason: stopped,
            counters: if plan.watch.is_some() { field.met } else { host::named(&sums) },
            figures: figures(&field.watch, field.loadgen.cgroup_path()),
            gpu: read.sources,
            streamed: Vec::new(),
            client: Some(self.client.clone()),
            verdict: verdict::judge(&evidence),
            loss: view.loss,
        };
        drop(field.attached);
        drop(field.watched);
        drop(field.loadgen);
        self.directory.write_run(&run)?;
        daemon.ended(&run.run_id);
        if let Ok(mut status) = self.status.lock() {
            status.standing = Some(run.verdict.standing);
            status.state = State::Finished;
        }
        Ok(())
    }
}

impl Writers {
    /// Closes the writers and puts their parts together.
    pub fn finish(self, directory: &RunDir) -> Result<()> {
        put_together(&self.requests.finish()?, directory, "requests")?;
        put_together(&self.tokens.finish()?, directory, "tokens")?;
        if let Some(responses) = self.responses {
            put_together(&responses.finish()?, directory, "responses")?;
        }
        if let Some(payloads) = self.payloads {
            put_together(&payloads.finish()?, directory, "payloads")?;
        }
        Ok(())
    }
}

/// Makes one file of the complete parts of a table.
pub fn put_together(parts: &[PathBuf], directory: &RunDir, stem: &str) -> Result<()> {
    let whole = directory.path().join(format!("{stem}.parquet"));
    match parts {
        [only] => {
            std::fs::rename(only, &whole).with_context(|| format!("failed to write `{}`", whole.display()))
        }
        _ => Ok(concat(parts, &whole)?),
    }
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
    fn create(directory: &RunDir, workers: usize, ring_bytes: u64) -> Result<Self> {
        let mut spools = Self { clients: Vec::new(), readers: Vec::new() };
        for worker in 0..workers {
            let path = directory.path().join(format!("spool/worker-{worker}"));
            let writer =
                Writer::create(&path).with_context(|| format!("failed to create `{}`", path.display()))?;
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

pub(crate) fn writers(directory: &RunDir, plan: &Plan, metadata: &[(String, String)]) -> Writers {
    let parts = directory.path().join("parts");
    let limits = Limits::STANDARD;
    let payload = plan.watch.as_ref().is_some_and(|watch| watch.payload);
    let raw = payload || plan.output.keeps_responses();
    Writers {
        requests: PartWriter::new(&parts, "requests", limits, metadata),
        tokens: PartWriter::new(&parts, "tokens", limits, metadata),
        responses: raw.then(|| PartWriter::new(&parts, "responses", limits, metadata)),
        payloads: payload.then(|| PartWriter::new(&parts, "payloads", limits, metadata)),
    }
}

/// The plan, with what the load generator found in the input, or the observer in the traffic.
fn as_run(plan: &Plan, replays: bool, models: &[String]) -> Plan {
    let mut plan = plan.clone();
    for phase in plan.load.phases.iter_mut().filter(|phase| replays && !phase.is_warmup) {
        "fixed_schedule".clone_into(&mut phase.shape);
    }
    if plan.watch.is_some() {
        plan.endpoint.models = models.to_vec();
    }
    plan
}

pub(crate) fn phase_names(plan: &Plan) -> Vec<&str> {
    plan.load.phases.iter().map(|phase| phase.name.as_str()).collect()
}

/// The phases that began, with when their last request ended.
fn phases(plan: &Plan, begun: &[(u32, MonoNs)], ended: &BTreeMap<String, MonoNs>) -> Vec<Phase> {
    let begun = begun
        .iter()
        .filter_map(|(place, at)| Some((plan.load.phases.get(usize::try_from(*place).ok()?)?, *at)));
    begun
        .map(|(phase, begun_ns)| Phase {
            name: phase.name.clone(),
            begun_ns,
            ended_ns: ended.get(&phase.name).copied().unwrap_or(begun_ns),
            duration_ns: phase.duration_seconds.map(DurationNs::from_seconds),
        })
        .collect()
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

/// How far the real-time clock moved against the monotonic one.
fn clock_step(begin: &Anchor, end: &Anchor) -> DurationNs {
    let expected = begin.real(end.mono_ns);
    DurationNs(end.real_ns.0.wrapping_sub(expected.0).cast_signed())
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
/// Why nothing is stamped.
const NO_PACKETS: &str = "a Unix socket (unix://) carries no packets that the kernel could stamp";
