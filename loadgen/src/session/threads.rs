//! The threads of a run, from their start to their end.

use super::given::Given;
use super::ready::Ready;
use super::share::{connections, of_worker};
use super::{Failure, spawn};
use crate::bounds::{self, Exceeded};
use crate::composer::{self, Bodies, Composition};
use crate::orders::Reporter;
use crate::report;
use crate::response_parser;
use crate::ring::shared::{Gauge, Producer};
use crate::ring::uring::SocketStamps;
use crate::secrets::Secrets;
use crate::shape::{self, Starts, Users};
use crate::steering::Controls;
use crate::worker::{self, Assignment, Passed, Threshold};
use common::clock::{DurationNs, MonoNs};
use spec::Plan;
use spec::handshake::{Report, Setup};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

/// The threads of a run, set up and waiting for its start.
pub(super) struct RunThreads {
    pub(super) threads: Vec<JoinHandle<io::Result<()>>>,
    pub(super) starts: Vec<Sender<MonoNs>>,
    /// Receives what each worker has passed of its phases.
    pub(super) passed: Receiver<Passed>,
}

/// What all threads share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    /// The user's stop request.
    pub(super) stop_request: &'a Arc<AtomicU8>,
    /// What changes the load of phases.
    pub(super) controls: &'a Arc<Controls>,
    /// How many requests may fail.
    pub(super) threshold: Option<&'a Arc<Threshold>>,
    /// What is never passed on.
    pub(super) secrets: &'a Secrets,
    /// What was left out.
    pub(super) exceeded: &'a Arc<Exceeded>,
}

impl RunThreads {
    /// Starts the composers, the workers and the response parser, and waits until every worker is ready.
    pub(super) fn start(
        setup: &Setup,
        given: Given,
        ready: Ready,
        shared: &Shared<'_>,
    ) -> Result<Self, Failure> {
        let (passed_in, passed) = mpsc::channel();
        let mut run = Self { threads: Vec::new(), starts: Vec::new(), passed };
        // Bodies with a session's marker are its own.
        let has_own = setup.plan.load.cache_bust.is_some_and(|place| !place.isolates_warmup());
        let kept = if has_own { 0 } else { ready.conversations.count() };
        let warming = warming(&setup.plan, setup.cpus.len());
        let bodies = Arc::new(Bodies::new(kept));
        let mut spools = Vec::new();
        let (ready_in, ready_out) = mpsc::channel();
        for (number, (memory, spool)) in given.workers.into_iter().enumerate() {
            let gauge = Gauge::map(memory.as_fd()).map_err(|error| Failure::Load("map a ring", error))?;
            spools.push((spool, gauge));
            let senders = Senders { ready: ready_in.clone(), passed: passed_in.clone() };
            run.worker(setup, &ready, &bodies, number, &memory, senders, (shared, warming.as_ref()))?;
        }
        let (secrets, exceeded) = (shared.secrets.clone(), Arc::clone(shared.exceeded));
        let parser = ready.into_response_parser(setup, spools, given.replies, secrets, exceeded)?;
        run.threads.push(spawn("response-parser".to_owned(), move || {
            // Counting tokens must not take time from the hot cores; a refused priority changes no result.
            rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19).ok();
            response_parser::run(parser)
        })?);
        for _ in &run.starts {
            let result = ready_out.recv().unwrap_or_else(|_| Err(io::Error::other("a worker ended early")));
            result.map_err(|error| Failure::Load(no_io_uring(&error), error))?;
        }
        Ok(run)
    }

    #[expect(clippy::too_many_arguments, reason = "what a worker shares with the others, each once")]
    fn worker(
        &mut self,
        setup: &Setup,
        ready: &Ready,
        bodies: &Arc<Bodies>,
        number: usize,
        memory: &OwnedFd,
        senders: Senders,
        (shared, warming): (&Shared<'_>, Option<&Arc<AtomicU32>>),
    ) -> Result<(), Failure> {
        let plan = &setup.plan;
        let workers = setup.cpus.len();
        let producer = Producer::map(memory.as_fd(), setup.ring_bytes)
            .map_err(|error| Failure::Load("map a ring", error))?;
        let connections = connections(plan, number, workers, ready.ways.targets.len());
        let (feed, queue) = composer::queue(QUEUE_DEPTH, connections as usize);
        let numbering = Arc::<AtomicU32>::default();
        let composition = Composition {
            conversations: Arc::clone(&ready.conversations),
            order: ready.order.clone(),
            endpoint: ready.endpoint,
            plan: Arc::new(plan.endpoint.clone()),
            bodies: Arc::clone(bodies),
            markers: ready.markers,
            warming: warming.map(Arc::clone),
            heads: ready.ways.heads.clone(),
            inherited: ready.inherited.clone(),
            inquiries: ready.ways.inquiries.clone(),
            timeline: ready.timeline,
            users: users(plan),
            replays: !ready.trace.is_empty(),
            numbering: Arc::clone(&numbering),
            run_number: setup.run_number,
            worker: number as u64,
            workers: workers as u64,
            answer_bytes_max: usize::try_from(bounds::answer_bytes(u64::from(connections)))
                .unwrap_or(usize::MAX),
            exceeded: Arc::clone(shared.exceeded),
        };
        let composer = spawn(format!("compose-{number}"), move || {
            composer::run(composition, feed, &AtomicBool::new(false))
        })?;
        let (begin_in, begin_out) = mpsc::channel();
        self.starts.push(begin_in);
        let assignment = Assignment {
            worker: narrow(number),
            phases: phases(plan, &ready.trace, number, workers, shared.controls)?,
            ready: senders.ready,
            begin: begin_out,
            passed: senders.passed,
            queue,
            composer: composer.thread().clone(),
            numbering,
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
            threshold: shared.threshold.map(Arc::clone),
            seed: plan.random_seed,
            stop_request: Arc::clone(shared.stop_request),
            exceeded: Arc::clone(shared.exceeded),
            warming: warming.map(Arc::clone),
        };
        let cpu = setup.cpus[number];
        self.threads.push(spawn(format!("hot-{number}"), move || {
            settle_on(cpu);
            worker::run(assignment)
        })?);
        self.threads.push(composer);
        Ok(())
    }

    /// Has the workers run the phases, each of which starts when all are through with the one before; returns the threads, to
    /// be joined.
    pub(super) fn run_phases(
        self,
        begin: MonoNs,
        phases: &[spec::Phase],
        reporter: &mut Reporter,
    ) -> Vec<JoinHandle<io::Result<()>>> {
        let mut begin = begin;
        let mut course = Course::new(phases.len(), self.starts.len());
        for (phase, number) in phases.iter().zip(0..) {
            if !phase.is_seamless || number == 0 {
                for worker in &self.starts {
                    // A worker that has ended already reported why.
                    worker.send(begin).ok();
                }
                reporter.send(&Report::Phase { phase: number, at_ns: begin });
            }
            while !course.has_ended(number) {
                let Ok(passed) = self.passed.recv() else { return self.threads };
                course.take(passed).iter().for_each(|report| reporter.send(report));
            }
            begin = clock::mono() + PHASE_DELAY;
        }
        self.threads
    }
}

/// How far the workers are, of which one may be in the next phase already.
struct Course {
    workers: usize,
    phases: Vec<PhaseCourse>,
}

/// How far the workers are in one phase.
#[derive(Clone, Copy, Default)]
struct PhaseCourse {
    has_started: bool,
    /// Workers that have sent everything, and that have ended it.
    sent: usize,
    ended: usize,
    timed_out: bool,
}

impl Course {
    fn new(phases: usize, workers: usize) -> Self {
        Self { workers, phases: vec![PhaseCourse::default(); phases] }
    }

    fn has_ended(&self, phase: u32) -> bool {
        self.phases.get(phase as usize).is_none_or(|phase| phase.ended >= self.workers)
    }

    /// Notes what a worker has passed; returns what is to be reported of the phase, as the first one starts it and the last one
    /// ends it.
    fn take(&mut self, passed: Passed) -> Option<Report> {
        let (Passed::Started { phase, .. } | Passed::Sent { phase, .. } | Passed::Ended { phase, .. }) =
            passed;
        let workers = self.workers;
        let course = self.phases.get_mut(phase as usize)?;
        match passed {
            Passed::Started { at, .. } => {
                let is_first = !std::mem::replace(&mut course.has_started, true);
                is_first.then_some(Report::Phase { phase, at_ns: at })
            }
            Passed::Sent { at, .. } => {
                course.sent += 1;
                (course.sent == workers).then_some(Report::PhaseSent { phase, at_ns: at })
            }
            Passed::Ended { at, timed_out, .. } => {
                course.ended += 1;
                course.timed_out |= timed_out;
                let timed_out = course.timed_out;
                (course.ended == workers).then_some(Report::PhaseEnded { phase, at_ns: at, timed_out })
            }
        }
    }
}

/// Where a worker reports its progress.
struct Senders {
    ready: Sender<io::Result<()>>,
    passed: Sender<Passed>,
}

/// The workers that have a warm-up before them, if its requests have a marker.
fn warming(plan: &Plan, workers: usize) -> Option<Arc<AtomicU32>> {
    let isolates = plan.load.cache_bust.is_some_and(spec::CacheBust::isolates_warmup);
    let warms_up = plan.load.phases.iter().any(|phase| phase.is_warmup);
    (isolates && warms_up).then(|| Arc::new(AtomicU32::new(u32::try_from(workers).unwrap_or(u32::MAX))))
}

/// How many requests may fail.
pub(super) fn threshold(plan: &Plan) -> Option<Arc<Threshold>> {
    let share = plan.load.failed_request_threshold?;
    let concurrency = plan.load.profiling().and_then(|phase| phase.concurrency).unwrap_or(0);
    Some(Arc::new(Threshold::new(share, u64::from(concurrency.max(THRESHOLD_ARMED_AFTER)))))
}

/// The users of the plan, if it has users.
fn users(plan: &Plan) -> Option<Users> {
    let phases = plan.load.phases.iter();
    phases.filter(|phase| !phase.is_warmup).find_map(|phase| {
        match (shape::of(&phase.shape)?.starts)(&phase.at_start(), 0, &Arc::from([])) {
            Starts::Users(users) => Some(users),
            Starts::Places | Starts::Requests(_) | Starts::Sessions(_) => None,
        }
    })
}

/// A worker's share of each phase.
fn phases(
    plan: &Plan,
    trace: &Arc<[DurationNs]>,
    number: usize,
    workers: usize,
    controls: &Arc<Controls>,
) -> Result<Vec<worker::Phase>, Failure> {
    let of = |(place, phase): (usize, &spec::Phase)| {
        let steering = controls.steering(place, narrow(number), narrow(workers));
        of_worker(phase, plan.random_seed, trace, number, workers, steering)
    };
    plan.load.phases.iter().enumerate().map(of).collect()
}

/// A number of workers.
fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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

/// What failed when io_uring is not available, and what to do.
fn no_io_uring(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "set up io_uring, which a container's seccomp profile or the sysctl kernel.io_uring_disabled forbids: allow \
         io_uring_setup, io_uring_enter and io_uring_register there (docker run --security-opt seccomp=PROFILE), or set \
         kernel.io_uring_disabled=0"
    } else {
        "set up io_uring, which requires Linux 6.1 or newer"
    }
}

/// Requests that are ready before they are due, per worker.
const QUEUE_DEPTH: usize = 2048;
/// From the end of one phase to the first due time of the next: enough for every worker to receive it.
const PHASE_DELAY: DurationNs = DurationNs::from_millis(1);
/// Requests that must have ended before `--failed-request-threshold` is looked at, as in AIPerf.
const THRESHOLD_ARMED_AFTER: u32 = 10;
