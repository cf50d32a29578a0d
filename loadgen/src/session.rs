//! One load generator's life: set up, prepare, send, drain, finish.

use crate::composer::{self, Composition, Template};
use crate::orders::{Orders, Reporter};
use crate::prompt::{self, Entry};
use crate::report;
use crate::ring::shared::{Gauge, Producer};
use crate::ring::socket;
use crate::ring::uring::SocketStamps;
use crate::schedule::{Limits, Schedule};
use crate::scribe::{self, EntryFacts, Scribe};
use crate::shape::{self, Share};
use crate::worker::{self, Assignment, DRAIN, GO, STOP};
use common::clock::{DurationNs, MonoNs};
use common::handshake::{Order, Report, Setup};
use common::plan::{Input, Plan, Tokenizer as TokenizerPlan};
use endpoint::Endpoint;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use tokenizer::Tokenizer;

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
    let Some((Order::Setup(setup), descriptors)) = order else { return Ok(()) };
    let mut given = Given::sort(&setup, descriptors)?;
    let ready = prepare(&setup, &mut given)?;
    let prepared = Report::Prepared { entries: ready.facts.len() as u64, notices: ready.notices.clone() };
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
    let field = Field::spread(&setup, given, ready, &will)?;
    reporter.tell(&prepared);
    let begin = loop {
        match orders.hear().map_err(|error| Failure::Load("hear the daemon", error))? {
            Some((Order::Start { at_ns }, _)) => break at_ns,
            Some((Order::Setup(_), _)) => {}
            // Stopped before it began, or the daemon is gone.
            Some((Order::Drain | Order::Stop, _)) | None => return Ok(()),
        }
    };
    let threads = field.begin(begin);
    spawn("orders".to_owned(), move || obey(orders, will))?;
    for thread in threads {
        let result = thread.join().unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        result.map_err(|error| Failure::Load("generate load", error))?;
    }
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
    templates: Arc<Vec<Vec<Template>>>,
    facts: Arc<[EntryFacts]>,
    targets: Vec<SocketAddr>,
    tokenizer: Option<Tokenizer>,
    endpoint: &'static dyn Endpoint,
    notices: Vec<String>,
}

/// Reads the inputs and prepares a template for each payload.
fn prepare(setup: &Setup, given: &mut Given) -> Result<Ready, Failure> {
    let plan = &setup.plan;
    let kind = &plan.endpoint.kind;
    let endpoint =
        endpoint::by_name(kind).ok_or_else(|| Failure::Plan(format!("there is no endpoint `{kind}`")))?;
    let tokenizer = tokenizer(plan, given)?;
    let dataset = match &plan.input {
        Input::File { .. } => Some(given.input("dataset")?),
        Input::Synthetic { .. } => None,
    };
    let (entries, notices) = prompt::entries(plan, tokenizer.as_ref(), dataset)
        .map_err(|error| Failure::Plan(named(&plan.input, &with_cause(&error))))?;
    let bodies = entries.iter().map(|entry| endpoint.body(&entry.turns, &plan.endpoint)).collect::<Vec<_>>();
    prompt::inputs_json(&mut io::BufWriter::new(&given.inputs_json), &entries, &bodies)
        .map_err(|error| Failure::Load("write `inputs.json`", error))?;
    let facts = entries.iter().map(|entry| facts(entry, tokenizer.as_ref())).collect();
    let (templates, targets) = templates(setup, endpoint, &bodies)?;
    Ok(Ready { templates: Arc::new(templates), facts, targets, tokenizer, endpoint, notices })
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

fn facts(entry: &Entry, tokenizer: Option<&Tokenizer>) -> EntryFacts {
    let turn = entry.turns.last();
    EntryFacts {
        input_tokens: tokenizer.zip(turn).map(|(tokenizer, turn)| tokenizer.count(&turn.joined())),
        requested_tokens: turn.and_then(|turn| turn.max_tokens),
    }
}

/// A request for each payload and target, whole but for its ids.
fn templates(
    setup: &Setup,
    endpoint: &dyn Endpoint,
    bodies: &[serde_json::Map<String, Value>],
) -> Result<(Vec<Vec<Template>>, Vec<SocketAddr>), Failure> {
    let plan = &setup.plan.endpoint;
    let accept = if plan.streaming { "text/event-stream" } else { "application/json" };
    let mut headers = vec![format!("User-Agent: aiperfd/{}", env!("CARGO_PKG_VERSION"))];
    headers.extend(setup.secret_headers.iter().map(|(name, value)| format!("{name}: {value}")));
    headers.extend([format!("Accept: {accept}"), "Content-Type: application/json".to_owned()]);
    let mut hosts = Vec::new();
    let mut targets = Vec::new();
    for (url, address) in &setup.addresses {
        let path = endpoint.metadata().path(plan);
        let target = endpoint::target(url, plan.path.as_deref(), path)
            .map_err(|error| Failure::Plan(error.to_string()))?;
        let address =
            address.parse().map_err(|_malformed| Failure::Plan(format!("`{address}` is no address")))?;
        hosts.push(target);
        targets.push(address);
    }
    let template = |body: &[u8]| {
        let one = |target: &endpoint::Target| {
            Template::post(&target.path_and_query, &target.host_header, &headers, "X-Correlation-ID", body)
        };
        hosts.iter().map(one).collect()
    };
    let mut templates = Vec::with_capacity(bodies.len());
    for body in bodies {
        let bytes = serde_json::to_vec(body).map_err(|error| Failure::Plan(error.to_string()))?;
        templates.push(template(&bytes));
    }
    Ok((templates, targets))
}

/// The threads of a run, set up and waiting for its begin.
struct Field {
    threads: Vec<JoinHandle<io::Result<()>>>,
    begins: Vec<Sender<MonoNs>>,
}

impl Field {
    /// Starts the composers, the workers and the scribe, and waits until every worker is ready.
    fn spread(setup: &Setup, given: Given, ready: Ready, will: &Arc<AtomicU8>) -> Result<Self, Failure> {
        let mut field = Self { threads: Vec::new(), begins: Vec::new() };
        let mut spools = Vec::new();
        let (ready_in, ready_out) = mpsc::channel();
        for (number, (memory, spool)) in given.workers.into_iter().enumerate() {
            let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
            spools.push((spool, gauge));
            field.worker(setup, &ready, number, &memory, &ready_in, will)?;
        }
        let scribe = Scribe {
            spools,
            replies: given.replies.ok_or_else(|| Failure::Load("set up", io::Error::other("no pipe")))?,
            endpoint: ready.endpoint,
            tokenizer: ready.tokenizer,
            facts: ready.facts,
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

    fn worker(
        &mut self,
        setup: &Setup,
        ready: &Ready,
        number: usize,
        memory: &OwnedFd,
        told: &Sender<io::Result<()>>,
        will: &Arc<AtomicU8>,
    ) -> Result<(), Failure> {
        let workers = setup.cpus.len();
        let producer = Producer::map(memory.as_fd(), setup.ring_bytes)
            .map_err(|error| Failure::Load("map a ring", error))?;
        let limits = limits(&setup.plan, number, workers);
        // Idle connections to one target must never keep requests to another from having theirs.
        let targets = u32::try_from(ready.targets.len()).unwrap_or(u32::MAX);
        let connections = limits.concurrency.saturating_mul(targets).min(CONNECTIONS_MAX);
        let (queue_in, queue_out) = composer::queue(QUEUE_DEPTH, connections as usize);
        let composition = Composition {
            templates: Arc::clone(&ready.templates),
            run_number: setup.run_number,
            worker: number as u64,
            workers: workers as u64,
        };
        spawn(format!("compose-{number}"), move || {
            composer::run(&composition, queue_in, &AtomicBool::new(false))
        })?;
        let (begin_in, begin_out) = mpsc::channel();
        self.begins.push(begin_in);
        let assignment = Assignment {
            worker: u32::try_from(number).unwrap_or(u32::MAX),
            schedule: schedule(&setup.plan, limits, number, workers)?,
            ready: told.clone(),
            begin: begin_out,
            queue: queue_out,
            reporter: report::Reporter::new(producer),
            targets: ready.targets.clone(),
            connections,
            wait: setup.plan.workers.wait,
            stamps: if setup.socket_stamps { SocketStamps::Software } else { SocketStamps::Off },
            timeout: DurationNs::from_seconds(setup.plan.endpoint.request_timeout_seconds),
            will: Arc::clone(will),
        };
        let cpu = setup.cpus[number];
        self.threads.push(spawn(format!("hot-{number}"), move || {
            settle_on(cpu);
            worker::run(assignment)
        })?);
        Ok(())
    }

    /// Lets the workers begin; gives the threads, to be waited for.
    fn begin(self, begin: MonoNs) -> Vec<JoinHandle<io::Result<()>>> {
        for worker in &self.begins {
            // A worker that has ended already told why.
            worker.send(begin).ok();
        }
        self.threads
    }
}

/// One worker's share of the limits: what does not divide goes to the first ones.
fn limits(plan: &Plan, worker: usize, workers: usize) -> Limits {
    let load = &plan.load;
    let (worker, workers) = (worker as u64, workers as u64);
    let share = |whole: u64| whole / workers + u64::from(worker < whole % workers);
    let concurrency = u64::from(load.concurrency.unwrap_or(CONNECTIONS_MAX));
    Limits {
        duration: load.benchmark_duration_seconds.map(DurationNs::from_seconds),
        grace: DurationNs::from_seconds(load.grace_period_seconds),
        concurrency: u32::try_from(share(concurrency)).unwrap_or(CONNECTIONS_MAX),
        requests: load.request_count.map(share),
    }
}

fn schedule(
    plan: &Plan,
    limits: Limits,
    worker: usize,
    workers: usize,
) -> Result<Box<dyn FnOnce(MonoNs) -> Schedule + Send>, Failure> {
    let name = &plan.load.shape;
    let shape =
        shape::by_name(name).ok_or_else(|| Failure::Plan(format!("there is no load shape `{name}`")))?;
    Ok(match (shape.arrivals)(&plan.load, plan.random_seed) {
        Some(arrivals) => {
            let share = Share::new(arrivals, worker, workers);
            Box::new(move |begin| Schedule::open(share, begin, limits))
        }
        None => Box::new(move |begin| Schedule::closed(begin, limits)),
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

/// Requests that are ready before they are due, per worker.
const QUEUE_DEPTH: usize = 4096;
/// Most connections of one worker, where the plan sets no limit: a third of the ports that one address has.
const CONNECTIONS_MAX: u32 = 8192;
