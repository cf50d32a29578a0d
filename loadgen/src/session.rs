//! One load generator's life: set up, prepare, send, drain, finish.

use crate::branching::Inherited;
use crate::clock;
use crate::composer::{self, Bodies, Composition, Head, Timeline};
use crate::job::Inquiry;
use crate::observe;
use crate::orders::{Orders, Reporter};
use crate::prompt::{self, Conversations, Materials};
use crate::ramp;
use crate::report;
use crate::ring::shared::{Gauge, Producer};
use crate::ring::socket::{self, Address};
use crate::ring::uring::SocketStamps;
use crate::schedule::{Limits, Schedule};
use crate::scribe::{self, Scribe};
use crate::shape::{self, Share, Starts, Users};
use crate::tls;
use crate::worker::{self, Assignment, DRAIN, Destination, GO, Phase, STOP, Threshold};
use common::clock::{DurationNs, MonoNs};
use common::handshake::{Order, Report, Setup};
use common::plan::{self, Input, Plan, Tokenizer as TokenizerPlan, Trust};
use endpoint::{Endpoint, Scheme};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use tokenizer::{ChatTemplate, Tokenizer};

/// Why a load generator can't run. The variants say whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The plan or its inputs.
    #[error("{0}")]
    Plan(String),
    /// The host: memory, descriptors, io_uring.
    #[error("failed to {0}")]
    Load(&'static str, #[source] io::Error),
}

/// Runs with standard input as the socket to the daemon, until all is sent and told or the daemon is gone.
#[must_use]
pub fn run() -> ExitCode {
    rustix::thread::set_no_new_privs(true).ok();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let orders = Orders::new(UnixStream::from(socket));
    let Ok(mut reporter) = orders.reporter() else { return ExitCode::FAILURE };
    match serve(orders, &mut reporter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let fault = if matches!(error, Failure::Plan(_)) { "plan" } else { "load" };
            reporter.tell(&Report::Failed { fault: fault.to_owned(), message: with_cause(&error) });
            ExitCode::FAILURE
        }
    }
}

fn serve(mut orders: Orders, reporter: &mut Reporter) -> Result<(), Failure> {
    let order = orders.hear().map_err(|error| Failure::Load("hear the daemon", error))?;
    let Some((Order::Setup(mut setup), descriptors)) = order else { return Ok(()) };
    let mut given = Given::sort(&setup, descriptors)?;
    if let Some(watch) = setup.plan.watch.clone() {
        return observe(&setup.plan, &watch, given, orders, reporter);
    }
    let ready = prepare(&mut setup, &mut given)?;
    let prepared = Report::Prepared {
        entries: ready.conversations.count() as u64,
        replays: !ready.trace.is_empty(),
        notices: ready.notices.clone(),
    };
    // Kept until the end: while it lives the kernel stamps packets.
    let _stamping = if setup.socket_stamps {
        Some(
            socket::warm_up_stamps()
                .map_err(|error| Failure::Load("have the kernel stamp packets", error))?,
        )
    } else {
        None
    };
    let will = Arc::new(AtomicU8::new(GO));
    let threshold = threshold(&setup.plan);
    let inputs_json =
        given.inputs_json.try_clone().map_err(|error| Failure::Load("write `inputs.json`", error))?;
    let inputs = Inputs {
        conversations: Arc::clone(&ready.conversations),
        endpoint: ready.endpoint,
        plan: setup.plan.endpoint.clone(),
        hot: setup.cpus.iter().flatten().copied().collect(),
        will: Arc::clone(&will),
    };
    let field = Field::spread(&setup, given, ready, &will, threshold.as_ref())?;
    reporter.tell(&prepared);
    let begin = loop {
        match orders.hear().map_err(|error| Failure::Load("hear the daemon", error))? {
            Some((Order::Start { at_ns }, _)) => break at_ns,
            Some((Order::Setup(_), _)) => {}
            // Stopped before it began, or the daemon is gone.
            Some((Order::Drain | Order::Stop, _)) | None => return Ok(()),
        }
    };
    spawn("orders".to_owned(), move || obey(orders, will))?;
    let inputs = spawn("inputs".to_owned(), move || inputs.write(&inputs_json))?;
    let threads = field.go_through(begin, &setup.plan.load.phases, reporter);
    for thread in threads {
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        result.map_err(|error| Failure::Load("generate load", error))?;
    }
    let written = inputs.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
    written.map_err(|error| Failure::Load("write `inputs.json`", error))?;
    if threshold.is_some_and(|threshold| threshold.is_crossed()) {
        reporter.tell(&Report::Stopped {
            why: "more requests failed than --failed-request-threshold allows".to_owned(),
        });
    }
    reporter.tell(&Report::Finished);
    Ok(())
}

/// What is written down of the requests while they are sent.
struct Inputs {
    conversations: Arc<dyn Conversations>,
    endpoint: &'static dyn Endpoint,
    plan: plan::Endpoint,
    /// Cores on which this must not run.
    hot: Vec<u32>,
    will: Arc<AtomicU8>,
}

impl Inputs {
    /// Writes `inputs.json`, taking time from nobody; no more of it once the user wants the run's end at once.
    fn write(&self, file: &File) -> io::Result<()> {
        rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
        keep_off(&self.hot);
        let is_wanted = || self.will.load(Ordering::Relaxed) != STOP;
        let out = io::BufWriter::with_capacity(WRITE_BYTES, file);
        prompt::inputs_json(out, &*self.conversations, self.endpoint, &self.plan, &is_wanted)
    }
}

/// Watches what others send until the daemon has nothing more for it.
fn observe(
    plan: &Plan,
    watch: &plan::Watch,
    mut given: Given,
    orders: Orders,
    reporter: &mut Reporter,
) -> Result<(), Failure> {
    let tokenizer = tokenizer(plan, &mut given)?;
    let missing = || Failure::Load("set up", io::Error::other("descriptors are missing"));
    let (memory, spool) = given.workers.pop().ok_or_else(missing)?;
    let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
    let replies = given.replies.take().ok_or_else(missing)?;
    let over = Arc::new(AtomicU8::new(GO));
    let will = Arc::clone(&over);
    spawn("orders".to_owned(), move || obey(orders, will))?;
    reporter.tell(&Report::Prepared { entries: 0, replays: false, notices: Vec::new() });
    let spool = (spool, gauge);
    // Parsing may be behind, for the spool holds; what is watched must not be.
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
    let mut met = |counts: &observe::Counts| {
        let models = counts.models.iter().cloned().collect();
        reporter.tell(&Report::Watched { counts: counts.named().clone(), models });
    };
    let side = watch.side;
    let observer = observe::Observer { spool, replies, side, tokenizer, plan, over: &over, met: &mut met };
    let counts = observe::run(observer).map_err(|error| Failure::Load("watch", error))?;
    met(&counts);
    reporter.tell(&Report::Finished);
    Ok(())
}

/// Passes on the user's will, on a thread of its own; without a daemon there is nobody to send for.
fn obey(mut orders: Orders, will: Arc<AtomicU8>) {
    loop {
        match orders.hear() {
            Ok(Some((Order::Drain, _))) => {
                will.store(DRAIN.max(will.load(Ordering::Relaxed)), Ordering::Relaxed)
            }
            Ok(Some((Order::Stop, _))) => will.store(STOP, Ordering::Relaxed),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => std::process::exit(1),
        }
    }
}

/// The descriptors that came with the set-up, by what they are for.
struct Given {
    replies: Option<File>,
    inputs_json: File,
    workers: Vec<(OwnedFd, File)>,
    inputs: Vec<(String, File)>,
}

impl Given {
    fn sort(setup: &Setup, descriptors: Vec<OwnedFd>) -> Result<Self, Failure> {
        let missing = || Failure::Load("set up", io::Error::other("descriptors are missing"));
        let mut rest = descriptors.into_iter();
        let mut next = || rest.next().ok_or_else(missing);
        let (replies, inputs_json) = (Some(next()?.into()), next()?.into());
        let mut workers = Vec::new();
        for _ in &setup.cpus {
            workers.push((next()?, next()?.into()));
        }
        let mut inputs = Vec::new();
        for name in &setup.inputs {
            inputs.push((name.clone(), next()?.into()));
        }
        Ok(Self { replies, inputs_json, workers, inputs })
    }

    fn input(&mut self, name: &str) -> Result<&mut File, Failure> {
        let found = self.inputs.iter_mut().find(|(input, _)| input == name);
        found
            .map(|(_, file)| file)
            .ok_or_else(|| Failure::Plan(format!("the input `{name}` was not uploaded")))
    }
}

/// Everything that is known before the first request is due.
struct Ready {
    conversations: Arc<dyn Conversations>,
    order: prompt::Order,
    /// Offsets at which the input wants its sessions to begin, and how its times become offsets.
    trace: Arc<[DurationNs]>,
    timeline: Timeline,
    ways: Ways,
    inherited: Inherited,
    template: Option<ChatTemplate>,
    tokenizer: Option<Tokenizer>,
    endpoint: &'static dyn Endpoint,
    notices: Vec<String>,
}

/// Reads the inputs and prepares what all requests have in common.
fn prepare(setup: &mut Setup, given: &mut Given) -> Result<Ready, Failure> {
    let endpoint = &setup.plan.endpoint;
    let endpoint = endpoint::of_plan(endpoint).map_err(|error| Failure::Plan(with_cause(&error)))?;
    let ways = ways(setup, given, endpoint)?;
    let workers = setup.cpus.len();
    let plan = &mut setup.plan;
    check_places(plan, workers)?;
    let tokenizer = tokenizer(plan, given)?;
    let template = template(plan, given)?;
    let dataset = match &plan.input {
        Input::File { .. } => Some(
            prompt::Store::file(given.input("dataset")?)
                .map_err(|error| Failure::Load("read the dataset", error))?,
        ),
        Input::Synthetic { .. } => None,
    };
    let materials = Materials {
        tokenizer: tokenizer.clone(),
        template: template.clone(),
        dataset,
        pictures: lines(given, "pictures")?,
        sounds: lines(given, "sounds")?,
        videos: lines(given, "videos")?,
    };
    let (conversations, notices) = prompt::conversations(plan, materials)
        .map_err(|error| Failure::Plan(named(&plan.input, &with_cause(&error))))?;
    check_fit(&*conversations, endpoint, &plan.endpoint)?;
    settle(plan, &*conversations);
    let replays = plan.load.phases.iter().any(|phase| phase.shape == REPLAY);
    let schedule = &plan.load.fixed_schedule;
    let speedup = schedule.speedup.unwrap_or(1.0);
    let (order, trace, zero_ms) = if replays {
        let replay = prompt::replay(&*conversations, schedule);
        if replay.dues.is_empty() {
            return Err(Failure::Plan("no row of the trace lies between the schedule's offsets".to_owned()));
        }
        (replay.order, replay.dues, replay.zero_ms)
    } else {
        let order = prompt::Order::sampled(conversations.count(), plan.load.sampling, plan.random_seed);
        (order, Arc::from([]), 0.0)
    };
    Ok(Ready {
        conversations,
        order,
        trace,
        timeline: Timeline { zero_ms, speedup },
        ways,
        inherited: Inherited::default(),
        template,
        tokenizer,
        endpoint,
        notices,
    })
}

/// Every worker must have a place for a session, or its share of the requests would wait for ever.
fn check_places(plan: &Plan, workers: usize) -> Result<(), Failure> {
    let limits = plan.load.phases.iter();
    let limits = limits.flat_map(|phase| [phase.concurrency, phase.prefill_concurrency, phase.users]);
    match limits.flatten().find(|limit| (*limit as usize) < workers) {
        Some(limit) => Err(Failure::Plan(format!(
            "{workers} workers can't share {limit} sessions at once: name fewer --cpus, or ask for more at once"
        ))),
        None => Ok(()),
    }
}

/// Whether the input's first turn can be asked at all; where later ones can't, the run ends.
fn check_fit(
    conversations: &dyn Conversations,
    endpoint: &dyn Endpoint,
    plan: &plan::Endpoint,
) -> Result<(), Failure> {
    let first = conversations.conversation(0).map_err(|error| Failure::Plan(with_cause(&error)))?;
    let turns = first.turns.first().map(|planned| planned.turn.clone());
    endpoint.encode(turns.as_slice(), plan).map(drop).map_err(|error| Failure::Plan(with_cause(&error)))
}

/// What is wrong with the prompts, with the file that the user named.
fn named(input: &Input, problem: &str) -> String {
    match input {
        Input::File { name, .. } => format!("--input-file `{name}`: {problem}"),
        Input::Synthetic { .. } => problem.to_owned(),
    }
}

fn tokenizer(plan: &Plan, given: &mut Given) -> Result<Option<Tokenizer>, Failure> {
    match &plan.tokenizer {
        TokenizerPlan::None => Ok(None),
        TokenizerPlan::Builtin => Ok(Some(Tokenizer::builtin())),
        TokenizerPlan::File { name } => {
            let mut bytes = Vec::new();
            let read = given.input("tokenizer")?.read_to_end(&mut bytes);
            read.map_err(|error| Failure::Load("read the tokenizer", error))?;
            let tokenizer = Tokenizer::from_json(&bytes)
                .map_err(|error| Failure::Plan(format!("tokenizer `{name}`: {}", with_cause(&error))))?;
            Ok(Some(tokenizer))
        }
    }
}

/// The lines of an input; none if it was not uploaded.
fn lines(given: &mut Given, name: &'static str) -> Result<String, Failure> {
    let mut text = String::new();
    if let Ok(file) = given.input(name) {
        file.read_to_string(&mut text).map_err(|error| Failure::Load("read an input", error))?;
    }
    Ok(text)
}

/// The chat template, if the plan wants one.
fn template(plan: &Plan, given: &mut Given) -> Result<Option<ChatTemplate>, Failure> {
    if !plan.endpoint.dialect.applies_chat_template {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let read = given.input("chat_template")?.read_to_end(&mut bytes);
    read.map_err(|error| Failure::Load("read the chat template", error))?;
    ChatTemplate::from_json(&bytes).map(Some).map_err(|error| Failure::Plan(with_cause(&error)))
}

/// Completes the plan with what only the input can tell: whether it is a trace, and how much there is of it.
fn settle(plan: &mut Plan, conversations: &dyn Conversations) {
    let is_trace = matches!(&plan.input, Input::File { format, .. } if TRACES.contains(&format.as_str()));
    let replays =
        plan.load.fixed_schedule.is_automatic && is_trace && conversations.timestamp_ms(0).is_some();
    for phase in plan.load.phases.iter_mut().filter(|phase| !phase.is_warmup) {
        if replays {
            REPLAY.clone_into(&mut phase.shape);
        }
        let ends = [phase.request_count, phase.session_count, phase.duration_seconds.map(|_| 0)];
        if ends.iter().all(Option::is_none) && phase.shape != REPLAY {
            phase.session_count = Some(conversations.count() as u64);
        }
    }
}

/// How each target is reached, and what requests to it begin with.
struct Ways {
    heads: Vec<Head>,
    inquiries: Vec<Inquiry>,
    targets: Vec<Destination>,
}

fn ways(setup: &Setup, given: &mut Given, endpoint: &dyn Endpoint) -> Result<Ways, Failure> {
    let plan = &setup.plan.endpoint;
    let accept = if plan.streaming { "text/event-stream" } else { "application/json" };
    let mut headers = vec![format!("User-Agent: aiperfd/{}", env!("CARGO_PKG_VERSION"))];
    headers.extend(setup.secret_headers.iter().map(|(name, value)| format!("{name}: {value}")));
    headers.extend([format!("Accept: {accept}"), format!("Content-Type: {}", endpoint.content_type(plan))]);
    let mut ways = Ways { heads: Vec::new(), inquiries: Vec::new(), targets: Vec::new() };
    for (url, address) in &setup.addresses {
        let path = endpoint.metadata().path(plan);
        let target = endpoint::target(url, plan.path.as_deref(), path)
            .map_err(|error| Failure::Plan(error.to_string()))?;
        let tls = match target.scheme {
            Scheme::Http | Scheme::Unix => None,
            Scheme::Https => Some(encrypted(plan, given, &target, url, &internet(address)?)?),
        };
        let address = match target.scheme {
            Scheme::Unix => local(&target.host)?,
            Scheme::Http | Scheme::Https => Address::Internet(internet(address)?),
        };
        let (path, host) = (&target.path_and_query, &target.host_header);
        ways.heads.push(Head::post(path, host, &headers, &plan.session_header));
        ways.inquiries.push(Inquiry::new(path, host, &headers, &plan.session_header));
        ways.targets.push(Destination { address, tls });
    }
    Ok(ways)
}

fn internet(address: &str) -> Result<SocketAddr, Failure> {
    address.parse().map_err(|_malformed| Failure::Plan(format!("`{address}` is no address")))
}

/// A Unix socket, tried out once, so that a user hears what is wrong.
fn local(path: &str) -> Result<Address, Failure> {
    UnixStream::connect(path).map_err(|error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let user = rustix::process::geteuid().as_raw();
        let what_to_do = if denied {
            format!("; the load generator runs as user {user}, who needs write permission (chmod o+w)")
        } else {
            String::new()
        };
        Failure::Plan(format!("failed to connect to --url unix://{path}: {error}{what_to_do}"))
    })?;
    Ok(Address::Unix(path.into()))
}

/// How connections to a target are encrypted; tried out once, so that a user hears what is wrong.
fn encrypted(
    plan: &plan::Endpoint,
    given: &mut Given,
    target: &endpoint::Target,
    url: &str,
    address: &SocketAddr,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), Failure> {
    let mut authorities = None;
    if plan.trust == Trust::File {
        let mut pem = Vec::new();
        let file = given.input("authorities")?;
        io::Seek::rewind(file).map_err(|error| Failure::Load("read the certificates", error))?;
        file.read_to_end(&mut pem).map_err(|error| Failure::Load("read the certificates", error))?;
        authorities = Some(pem);
    }
    let config = tls::config(authorities.as_deref(), plan.trust == Trust::Anybody)
        .map_err(|why| Failure::Plan(format!("--ca-certificate: {why}")))?;
    let name = ServerName::try_from(target.host.clone())
        .map_err(|error| Failure::Plan(format!("--url {url}: {error}")))?;
    tls::try_out(&config, &name, address).map_err(|error| {
        Failure::Plan(format!(
            "failed to shake hands with {url}: {error}; --ca-certificate FILE trusts an authority of your own, --insecure \
             trusts anybody"
        ))
    })?;
    Ok((config, name))
}

/// The threads of a run, set up and waiting for its begin.
struct Field {
    threads: Vec<JoinHandle<io::Result<()>>>,
    begins: Vec<Sender<MonoNs>>,
    /// Heard when a worker is through with a phase.
    ended: Receiver<worker::Ended>,
}

impl Field {
    /// Starts the composers, the workers and the scribe, and waits until every worker is ready.
    fn spread(
        setup: &Setup,
        given: Given,
        ready: Ready,
        will: &Arc<AtomicU8>,
        threshold: Option<&Arc<Threshold>>,
    ) -> Result<Self, Failure> {
        let (ended_in, ended) = mpsc::channel();
        let mut field = Self { threads: Vec::new(), begins: Vec::new(), ended };
        // Bodies with a marker are each session's own.
        let kept = if setup.plan.load.cache_bust.is_some() { 0 } else { ready.conversations.count() };
        let bodies = Arc::new(Bodies::new(kept));
        let mut spools = Vec::new();
        let (ready_in, ready_out) = mpsc::channel();
        for (number, (memory, spool)) in given.workers.into_iter().enumerate() {
            let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
            spools.push((spool, gauge));
            let told = Told { ready: ready_in.clone(), ended: ended_in.clone() };
            field.worker(setup, &ready, &bodies, number, &memory, told, (will, threshold))?;
        }
        let scribe = Scribe {
            spools,
            replies: given.replies.ok_or_else(|| Failure::Load("set up", io::Error::other("no pipe")))?,
            endpoint: ready.endpoint,
            tokenizer: ready.tokenizer,
            conversations: ready.conversations,
            inherited: ready.inherited,
            template: ready.template,
            plan: setup.plan.clone(),
            keep_raw: setup.keep_raw,
        };
        field.threads.push(spawn("scribe".to_owned(), move || {
            // Counting tokens must not take time from the hot cores; a refusal costs nothing but manners.
            rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
            scribe::run(scribe)
        })?);
        for _ in &field.begins {
            let told = ready_out.recv().unwrap_or_else(|_| Err(io::Error::other("a worker ended early")));
            told.map_err(|error| {
                Failure::Load("set up io_uring (Linux 6.0 or newer, not disabled by sysctl)", error)
            })?;
        }
        Ok(field)
    }

    #[expect(clippy::too_many_arguments, reason = "what a worker shares with the others, each once")]
    fn worker(
        &mut self,
        setup: &Setup,
        ready: &Ready,
        bodies: &Arc<Bodies>,
        number: usize,
        memory: &OwnedFd,
        told: Told,
        (will, threshold): (&Arc<AtomicU8>, Option<&Arc<Threshold>>),
    ) -> Result<(), Failure> {
        let plan = &setup.plan;
        let workers = setup.cpus.len();
        let producer = Producer::map(memory.as_fd(), setup.ring_bytes)
            .map_err(|error| Failure::Load("map a ring", error))?;
        let connections = connections(plan, number, workers, ready.ways.targets.len());
        let (feed, queue) = composer::queue(QUEUE_DEPTH, connections as usize);
        let composition = Composition {
            conversations: Arc::clone(&ready.conversations),
            order: ready.order.clone(),
            endpoint: ready.endpoint,
            plan: Arc::new(plan.endpoint.clone()),
            bodies: Arc::clone(bodies),
            cache_bust: plan.load.cache_bust,
            heads: ready.ways.heads.clone(),
            inherited: ready.inherited.clone(),
            inquiries: ready.ways.inquiries.clone(),
            timeline: ready.timeline,
            users: users(plan),
            run_number: setup.run_number,
            worker: number as u64,
            workers: workers as u64,
        };
        let composer = spawn(format!("compose-{number}"), move || {
            composer::run(composition, feed, &AtomicBool::new(false))
        })?;
        let (begin_in, begin_out) = mpsc::channel();
        self.begins.push(begin_in);
        let phases = plan.load.phases.iter();
        let phases = phases.map(|phase| of_worker(phase, plan.random_seed, &ready.trace, number, workers));
        let assignment = Assignment {
            worker: u32::try_from(number).unwrap_or(u32::MAX),
            phases: phases.collect::<Result<Vec<_>, _>>()?,
            ready: told.ready,
            begin: begin_out,
            ended: told.ended,
            queue,
            composer: composer.thread().clone(),
            reporter: report::Reporter::new(producer),
            targets: ready.ways.targets.clone(),
            connections,
            wait: plan.workers.wait,
            stamps: if setup.socket_stamps { SocketStamps::Software } else { SocketStamps::Off },
            timeout: DurationNs::from_seconds(plan.endpoint.request_timeout_seconds),
            reuse: plan.load.connection_reuse,
            poll_interval: ready
                .endpoint
                .metadata()
                .requires_polling
                .then(|| DurationNs::from_millis(i64::from(plan.endpoint.dialect.poll_interval_ms))),
            threshold: threshold.map(Arc::clone),
            seed: plan.random_seed,
            will: Arc::clone(will),
        };
        let cpu = setup.cpus[number];
        self.threads.push(spawn(format!("hot-{number}"), move || {
            settle_on(cpu);
            worker::run(assignment)
        })?);
        self.threads.push(composer);
        Ok(())
    }

    /// Has the workers go through the phases, each of which begins when all are through with the one before; gives the
    /// threads, to be waited for.
    fn go_through(
        self,
        begin: MonoNs,
        phases: &[plan::Phase],
        reporter: &mut Reporter,
    ) -> Vec<JoinHandle<io::Result<()>>> {
        let mut begin = begin;
        for (number, phase) in phases.iter().enumerate() {
            let is_seamless = phase.is_seamless && number > 0;
            if !is_seamless {
                for worker in &self.begins {
                    // A worker that has ended already told why.
                    worker.send(begin).ok();
                }
                tell_begin(reporter, number, begin);
            }
            let mut begun = begin;
            for _ in &self.begins {
                let Ok(ended) = self.ended.recv() else { return self.threads };
                begun = if is_seamless { begun.min(ended.begun).max(begin) } else { begun };
            }
            if is_seamless {
                tell_begin(reporter, number, begun);
            }
            begin = clock::mono() + PHASE_DELAY;
        }
        self.threads
    }
}

fn tell_begin(reporter: &mut Reporter, phase: usize, at_ns: MonoNs) {
    reporter.tell(&Report::Phase { phase: u32::try_from(phase).unwrap_or(u32::MAX), at_ns });
}

/// Where a worker tells how it gets on.
struct Told {
    ready: Sender<io::Result<()>>,
    ended: Sender<worker::Ended>,
}

/// How many requests may fail.
fn threshold(plan: &Plan) -> Option<Arc<Threshold>> {
    let share = plan.load.failed_request_threshold?;
    let concurrency = plan.load.profiling().and_then(|phase| phase.concurrency).unwrap_or(0);
    Some(Arc::new(Threshold::new(share, u64::from(concurrency.max(THRESHOLD_ARMED_AFTER)))))
}

/// The users of the plan, if it has users.
fn users(plan: &Plan) -> Option<Users> {
    let phases = plan.load.phases.iter();
    phases.filter(|phase| !phase.is_warmup).find_map(|phase| {
        match (shape::by_name(&phase.shape)?.starts)(phase, 0, &Arc::from([])) {
            Starts::Users(users) => Some(users),
            Starts::Places | Starts::Requests(_) | Starts::Sessions(_) => None,
        }
    })
}

/// Most connections of a worker at once.
fn connections(plan: &Plan, worker: usize, workers: usize, targets: usize) -> u32 {
    // Branches go beside the sessions that began them.
    let branches = matches!(&plan.input, Input::File { format, .. } if format == "dag_jsonl");
    let most = |phase: &plan::Phase| {
        let limit = phase.concurrency.filter(|_| !branches).unwrap_or(CONNECTIONS_MAX);
        share(u64::from(limit), worker, workers)
    };
    let sessions = plan.load.phases.iter().map(most).max().unwrap_or(1).max(1);
    // Idle connections to one target must never keep requests to another from having theirs.
    let connections = sessions.saturating_mul(targets as u64).min(u64::from(CONNECTIONS_MAX));
    u32::try_from(connections).unwrap_or(CONNECTIONS_MAX)
}

/// A worker's share of a number: what does not divide goes to the first ones.
const fn share(whole: u64, worker: usize, workers: usize) -> u64 {
    let (worker, workers) = (worker as u64, workers as u64);
    whole / workers + (worker < whole % workers) as u64
}

/// One worker's share of a phase's limits.
fn limits(phase: &plan::Phase, seed: u64, worker: usize, workers: usize) -> Limits {
    let places = |limit: Option<u32>, ramp| {
        let openings = ramp::openings(limit?, ramp, seed);
        Some(openings.into_iter().skip(worker).step_by(workers).collect())
    };
    Limits {
        duration: phase.duration_seconds.map(DurationNs::from_seconds),
        grace: phase.grace_period_seconds.map(DurationNs::from_seconds),
        sessions_at_once: places(phase.concurrency, phase.concurrency_ramp),
        prefills_at_once: places(phase.prefill_concurrency, phase.prefill_concurrency_ramp),
        requests: phase.request_count.map(|count| share(count, worker, workers)),
        sessions: phase.session_count.map(|count| share(count, worker, workers)),
    }
}

/// One worker's share of a phase.
fn of_worker(
    phase: &plan::Phase,
    seed: u64,
    trace: &Arc<[DurationNs]>,
    worker: usize,
    workers: usize,
) -> Result<Phase, Failure> {
    let name = &phase.shape;
    let shape =
        shape::by_name(name).ok_or_else(|| Failure::Plan(format!("there is no load shape `{name}`")))?;
    let limits = limits(phase, seed, worker, workers);
    let starts = (shape.starts)(phase, seed, trace);
    let share = (u32::try_from(worker).unwrap_or(0), u32::try_from(workers).unwrap_or(1));
    Ok(Phase {
        schedule: Box::new(move |begin, held| match starts {
            Starts::Places => Schedule::places(begin, &limits, held),
            Starts::Requests(arrivals) => {
                Schedule::requests(Share::new(arrivals, worker, workers), begin, &limits, held)
            }
            Starts::Sessions(arrivals) => {
                Schedule::sessions(Share::new(arrivals, worker, workers), begin, &limits, held)
            }
            Starts::Users(users) => Schedule::users(&users, share, begin, &limits, held),
        }),
        is_seamless: phase.is_seamless,
        is_warmup: phase.is_warmup,
        cancellation: phase.cancellation.filter(|_| !phase.is_warmup),
        limits_prefill: phase.prefill_concurrency.is_some(),
    })
}

/// Pins this thread, and has the kernel wake it on time: timers of ordinary threads may fire 50 µs late.
fn settle_on(cpu: Option<u32>) {
    if let Some(cpu) = cpu {
        let mut set = rustix::thread::CpuSet::new();
        set.set(cpu as usize);
        // The daemon chose a core that it may use; where the kernel refuses, the verdict sees the sharing.
        rustix::thread::sched_setaffinity(None, &set).ok();
    }
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1)).ok();
}

/// Leaves cores to others, if that leaves any.
fn keep_off(cpus: &[u32]) {
    let Ok(mut set) = rustix::thread::sched_getaffinity(None) else { return };
    cpus.iter().for_each(|cpu| set.unset(*cpu as usize));
    if set.count() > 0 {
        rustix::thread::sched_setaffinity(None, &set).ok();
    }
}

fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, Failure> {
    std::thread::Builder::new().name(name).spawn(body).map_err(|error| Failure::Load("start a thread", error))
}

/// An error with its causes, in one line.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The shape that sends a trace at its own times.
const REPLAY: &str = "fixed_schedule";
/// Inputs whose timestamps are replayed unless the user says otherwise.
const TRACES: &[&str] =
    &["mooncake_trace", "bailian_trace", "burst_gpt_trace", "baseten_trace", "sagemaker_data_capture"];
const WRITE_BYTES: usize = 1 << 20;
/// Requests that are ready before they are due, per worker.
const QUEUE_DEPTH: usize = 2048;
/// Most connections of one worker, where the plan sets no limit: a third of the ports that one address has.
const CONNECTIONS_MAX: u32 = 8192;
/// From the end of one phase to the first due time of the next: enough for every worker to hear of it.
const PHASE_DELAY: DurationNs = DurationNs::from_millis(1);
/// Requests that must have ended before `--failed-request-threshold` is looked at, as in AIPerf.
const THRESHOLD_ARMED_AFTER: u32 = 10;
