//! What a run has while it goes on: threads, probes, the load generator's program, and what only one kind of run has.

use crate::cgroup::Cgroup;
use crate::collect::client_ring::Counters;
use crate::collect::{Collected, Collector};
use crate::daemon::Daemon;
use crate::evidence::CpuUsage;
use crate::gpus::Gpus;
use crate::host;
use crate::loadgen::Loadgen;
use crate::parts::{Writers, metadata};
use crate::pipeline::{Naming, Pipeline, PipelineThread, View, as_run, phase_names, settings};
use crate::probe::Attached;
use crate::reply::Replies;
use crate::run::Run;
use crate::run_dirs::Started;
use crate::spool::{Keeping, Reader};
use crate::threads::{self, spawn_with_priority};
use anyhow::{Context, Result};
use common::clock::{Anchor, DurationNs, MonoNs};
use common::ring::COUNTERS;
use join::{Joiner, Unmatched};
use record::{Finding, Host};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What runs of both kinds have, with what is a kind's own. It is dropped in this order: the collector ends first, probes are
/// detached before the load generator ends, and its cgroup goes after it.
pub(crate) struct Equipment<'a, O> {
    pub(crate) collecting: Collecting,
    pub(crate) pipeline: PipelineThread,
    pub(crate) attached: Option<Attached>,
    pub(crate) loadgen: Loadgen<'a>,
    pub(crate) own: O,
    /// The GPUs, if they are sampled.
    pub(crate) gpus: Option<Gpus>,
    pub(crate) usage: CpuUsage,
    pub(crate) view: Arc<Mutex<View>>,
    /// What is kept of the spool files.
    pub(crate) keeping: Keeping,
    pub(crate) setting: Setting,
    /// Phases that have started, and when.
    pub(crate) started_phases: Vec<(u32, MonoNs)>,
    /// Bounds that something exceeded, and how much was left out, by name.
    pub(crate) exceeded: BTreeMap<String, u64>,
}

/// What is a kind's own, of either kind.
pub(crate) enum Own {
    Load(Sending),
    Watch(Watching),
}

/// What is a kind's own, as far as both kinds have it.
pub(crate) trait OfOneKind: Into<Own> {
    /// How far the response parser has read, and how far it may.
    fn parsed(&self) -> (u64, u64);
    /// The workers of the load generator, and whether it replays a trace.
    fn workers(&self) -> (usize, bool);
}

/// What a run that sends has.
pub(crate) struct Sending {
    /// The workers' counters.
    pub(crate) counters: Vec<Counters>,
    /// Whether the load generator found a trace and replays it.
    pub(crate) replays: bool,
}

/// What a run that watches has.
pub(crate) struct Watching {
    pub(crate) watched: Watched,
    /// How much was collected, and how much of it the observer has read.
    pub(crate) collected: Collected,
    /// Counts of other clients' traffic, by name.
    pub(crate) met: BTreeMap<String, u64>,
    /// The models that other clients requested.
    pub(crate) models: Vec<String>,
}

/// What is watched: a cgroup of ours that a command joins, or one that was there.
#[derive(Debug)]
pub(crate) enum Watched {
    /// Ours.
    Joined(Arc<Cgroup>),
    /// Another process's.
    Found(File),
}

/// The source of timestamps, and why a better one is not available.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) timestamps: Timestamps,
    pub(crate) reason: Option<String>,
}

/// The collector's thread.
pub(crate) struct Collecting {
    over: Arc<AtomicBool>,
    looks: Arc<AtomicU64>,
    /// Until it is stopped.
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

/// The inputs of a run's pipeline.
pub(crate) struct Inflow {
    pub(crate) replies: Replies,
    pub(crate) kernel: Option<Reader>,
    pub(crate) keeping: Keeping,
}

/// What a run's rows are about: the same in its files' metadata and in what is kept for its recovery.
pub(crate) struct Setting {
    pub(crate) source: Source,
    pub(crate) host: Host,
    pub(crate) clock_begin: Anchor,
}

impl Setting {
    /// At this moment, with these hot cores.
    pub(crate) fn at_start(source: Source, hot_cpus: &[u32]) -> Self {
        Self { source, host: host::describe(hot_cpus), clock_begin: clock::anchor() }
    }

    /// The pipeline of a run that sends.
    pub(crate) fn pipeline(
        &self,
        run: &Run,
        plan: &Plan,
        inflow: Inflow,
        view: &Arc<Mutex<View>>,
    ) -> Pipeline {
        let timestamps = self.source.timestamps;
        let metadata = metadata(&run.id, timestamps, &self.clock_begin, &self.host);
        let no_stamps = (timestamps == Timestamps::User).then_some(Unmatched::NoStamps);
        Pipeline {
            replies: inflow.replies,
            kernel: inflow.kernel,
            joiner: Joiner::new(&phase_names(plan), no_stamps),
            writers: Writers::new(&run.directory.path().join("parts"), plan, &metadata),
            view: Arc::clone(view),
            settings: settings(plan, self.clock_begin),
            naming: Naming::of(&run.id, plan),
            live: Arc::clone(&run.live),
            rolling: None,
            keeping: Some(inflow.keeping),
            received: Arc::default(),
        }
    }
}

/// Starts to sample the GPUs, if the plan requires it.
pub(crate) fn sample_gpus(
    daemon: &Daemon,
    run: &Run,
    plan: &Plan,
    timestamps: Timestamps,
    hot_cpus: &[u32],
) -> Result<Option<Gpus>> {
    let Some(wanted) = &plan.gpu else { return Ok(None) };
    let metadata = metadata(&run.id, timestamps, &clock::anchor(), &host::describe(&[]));
    Ok(Some(Gpus::start(wanted, &daemon.gpus, &run.directory, &metadata, hot_cpus)?))
}

impl<'a, O: OfOneKind> Equipment<'a, O> {
    /// What is kept of it for a recovery.
    pub(crate) fn started(&self, doctor: Vec<Finding>, client: &str) -> Started {
        let (workers, replays) = self.own.workers();
        let Setting { source, host, clock_begin } = &self.setting;
        Started {
            timestamps: source.timestamps.name().to_owned(),
            timestamps_reason: source.reason.clone(),
            clock_begin: *clock_begin,
            host: host.clone(),
            doctor,
            client: client.to_owned(),
            workers: u32::try_from(workers).unwrap_or(0),
            replays,
        }
    }

    /// The same, of a run of any kind: both are recorded alike.
    pub(crate) fn of_any_kind(self) -> Equipment<'a, Own> {
        Equipment {
            collecting: self.collecting,
            pipeline: self.pipeline,
            attached: self.attached,
            loadgen: self.loadgen,
            own: self.own.into(),
            gpus: self.gpus,
            usage: self.usage,
            view: self.view,
            keeping: self.keeping,
            setting: self.setting,
            started_phases: self.started_phases,
            exceeded: self.exceeded,
        }
    }
}

impl Collecting {
    /// Starts to collect.
    pub(crate) fn start(collector: Collector) -> Result<Self> {
        let (over, looks) = (Arc::clone(&collector.over), Arc::clone(&collector.looks));
        // Little work that must not wait: a full ring costs stamps.
        let thread = Some(spawn_with_priority("collect", -20, move || collector.run())?);
        Ok(Self { over, looks, thread })
    }

    /// Whether it was not stopped yet.
    pub(crate) const fn goes_on(&self) -> bool {
        self.thread.is_some()
    }

    /// Whether it ended although it was not stopped.
    pub(crate) fn ended_early(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Looks at the rings so far.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    /// Empties the rings a last time.
    ///
    /// # Errors
    /// What it failed with, or that it hangs: it is left behind then.
    pub(crate) fn stop(&mut self) -> Result<()> {
        self.over.store(true, Ordering::Release);
        let Some(collector) = self.thread.take() else { return Ok(()) };
        let give_up = clock::mono() + COLLECTOR_PATIENCE;
        while !collector.is_finished() {
            if clock::mono() > give_up {
                // It hangs in the disk, and is left behind.
                anyhow::bail!("the disk does not answer");
            }
            std::thread::sleep(COLLECTOR_LOOK);
        }
        threads::join(collector)?.context("failed to spool records")
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        // A collector whose run failed in between must not run for ever.
        self.over.store(true, Ordering::Release);
    }
}

impl OfOneKind for Sending {
    fn parsed(&self) -> (u64, u64) {
        let workers = self.counters.iter().map(Counters::parsed);
        workers.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    fn workers(&self) -> (usize, bool) {
        (self.counters.len(), self.replays)
    }
}

impl OfOneKind for Watching {
    fn parsed(&self) -> (u64, u64) {
        self.collected.parsed()
    }

    fn workers(&self) -> (usize, bool) {
        (0, false)
    }
}

impl From<Sending> for Own {
    fn from(sending: Sending) -> Self {
        Self::Load(sending)
    }
}

impl From<Watching> for Own {
    fn from(watching: Watching) -> Self {
        Self::Watch(watching)
    }
}

impl Own {
    /// The workers' counters, summed: none of a run that watches.
    pub(crate) fn sums(&self) -> [u64; COUNTERS.len()] {
        let mut sums = [0; COUNTERS.len()];
        if let Self::Load(sending) = self {
            sending.counters.iter().for_each(|counters| counters.add_to(&mut sums));
        }
        sums
    }

    /// The plan, with what the load generator found in the input, or the observer in the traffic.
    pub(crate) fn as_run(&self, plan: &Plan) -> Plan {
        match self {
            Self::Load(sending) => as_run(plan, sending.replays, &[]),
            Self::Watch(watching) => as_run(plan, false, &watching.models),
        }
    }

    /// Adopts what was reported when the records were read again.
    pub(crate) fn take(&mut self, met: BTreeMap<String, u64>, models: Vec<String>) {
        if let Self::Watch(watching) = self {
            (watching.met, watching.models) = (met, models);
        }
    }
}

impl Watched {
    /// The cgroup, open.
    pub(crate) fn open(&self) -> Result<File> {
        match self {
            Self::Joined(cgroup) => cgroup.open(),
            Self::Found(file) => Ok(file.try_clone()?),
        }
    }

    /// Whether a process may still send something.
    pub(crate) fn is_populated(&self) -> bool {
        match self {
            Self::Joined(cgroup) => cgroup.is_populated(),
            Self::Found(_) => false,
        }
    }
}

/// How long a load generator may take that was ordered to end at once; then it is killed.
pub(crate) const STOP_PATIENCE: DurationNs = DurationNs::from_millis(10_000);
/// How long the collector's last look may take.
const COLLECTOR_PATIENCE: DurationNs = DurationNs::from_millis(30_000);
const COLLECTOR_LOOK: Duration = Duration::from_micros(200);
