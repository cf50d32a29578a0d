//! What all runs of a daemon share: the store, the cores, the nursery, the kernel programs.

use crate::cgroup::{Cgroup, Subtree};
use crate::clock;
use crate::live::{Detail, Ear, EndedRequests};
use crate::nursery::Nursery;
use crate::probe::Object;
use crate::rules::Rules;
use crate::run::Active;
use crate::store::Store;
use crate::{host, privileges};
use anyhow::{Context, Result};
use common::plan::{Plan, Timestamps};
use control::{Capabilities, Fault, Problem, State, Status, Stop};
use doctor::{Folder, Host, Offer, Wanted};
use record::{Build, Finding};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// A daemon.
pub struct Daemon {
    /// Where runs are kept.
    pub store: Store,
    /// What it was built from.
    pub build: Build,
    /// SHA-256 of the kernel programs that it has, or `none`.
    pub kernel_object: String,
    /// The folder of the store.
    pub state_dir: PathBuf,
    /// Who holds which core.
    pub cpus: Cpus,
    /// Starts load generators.
    pub nursery: Nursery,
    /// Bytes of the kernel's ring.
    pub kernel_ring_bytes: u32,
    /// Bytes of each worker's ring.
    pub client_ring_bytes: u32,
    /// Milliseconds between two looks at the rings.
    pub collect_interval_ms: u64,
    /// The user of load generators, for messages.
    pub loadgen_user: String,
    /// The daemon's cgroup, in which those of runs are made; or why there is none.
    pub cgroup: std::result::Result<Subtree, String>,
    /// The kernel programs; or why there are none.
    pub object: std::result::Result<Object, String>,
    /// Runs that are not in the store yet.
    pub active: Mutex<BTreeMap<String, Arc<Active>>>,
    /// Whether new runs are refused.
    pub draining: AtomicBool,
    /// Clients that are connected.
    pub clients: AtomicUsize,
    /// Runs of which the publishing process is told; none if there is no such process.
    pub published: Option<Mutex<Vec<PublishedRun>>>,
    /// Who may watch what.
    pub rules: Rules,
    /// Where GPUs are looked for.
    pub gpus: gpu::Settings,
}

/// Who holds which core.
#[derive(Debug)]
pub struct Cpus {
    all: Vec<u32>,
    held: Mutex<BTreeMap<u32, String>>,
}

/// A run of which the publishing process is told.
#[derive(Clone, Debug)]
pub struct PublishedRun {
    /// The model that it asks.
    pub model: String,
    /// Its requests as they end.
    pub live: Arc<EndedRequests>,
    /// Requests for which there was no room, as far as that was told.
    pub untold: Arc<AtomicU64>,
}

impl Daemon {
    /// Has the publishing process told of a run's requests, if there is one.
    pub fn publish(&self, model: &str, live: &Arc<EndedRequests>) {
        if let Some(published) = &self.published
            && let Ok(mut published) = published.lock()
        {
            live.open(Ear::Publisher, Detail::Numbers);
            let (live, untold) = (Arc::clone(live), Arc::default());
            published.push(PublishedRun { model: model.to_owned(), live, untold });
        }
    }

    /// What this daemon can do.
    pub fn capabilities(&self, concurrency: Option<u32>) -> Capabilities {
        let (rung, why) = self.best_rung();
        Capabilities {
            timestamps: rung.name().to_owned(),
            timestamps_reason: why,
            cpus: self.cpus.all.clone(),
            busy_cpus: self.cpus.held.lock().map(|held| held.keys().copied().collect()).unwrap_or_default(),
            loadgen_user: self.loadgen_user.clone(),
            version: self.build.version.to_owned(),
            commit: self.build.commit.to_owned(),
            kernel_object: self.kernel_object.clone(),
            doctor: self.examine(concurrency, &[]),
        }
    }

    /// What the checks of the host find, with this process's rights and limits.
    pub fn examine(&self, concurrency: Option<u32>, hot_cpus: &[u32]) -> Vec<Finding> {
        let (rung, reason) = self.best_rung();
        let wanted = Wanted {
            concurrency,
            hot_cpus: hot_cpus.to_vec(),
            folders: vec![Folder { name: "runs", path: self.state_dir.clone() }],
            offer: Offer::Own { timestamps: rung.name().to_owned(), reason },
            nvml_library: self.gpus.nvml_library.clone(),
        };
        doctor::examine(&Host::here(wanted))
    }

    /// The rung that a run gets, and why not a better one; an error when the one it names is not to be had.
    pub fn choose_rung(&self, wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
        let (best, why) = self.best_rung();
        match wanted {
            Timestamps::Auto => Ok((best, why)),
            Timestamps::Ebpf if best != Timestamps::Ebpf => {
                let why = why.unwrap_or_default();
                Err(Problem::new(Fault::Kernel, format!("--timestamps ebpf is not to be had: {why}")).into())
            }
            named => Ok((named, None)),
        }
    }

    fn best_rung(&self) -> (Timestamps, Option<String>) {
        let missing = privileges::missing();
        let why = if !missing.is_empty() {
            format!("no kernel probes: aiperfd lacks {} (start it as root)", missing.join(", "))
        } else if let Err(why) = &self.object {
            format!("no kernel probes: {why}")
        } else if let Err(why) = &self.cgroup {
            format!("no kernel probes: {why}")
        } else {
            return (Timestamps::Ebpf, None);
        };
        (Timestamps::SoTimestamping, Some(why))
    }

    /// A cgroup for a run.
    pub fn run_cgroup(&self, run_id: &str) -> Result<Cgroup> {
        match &self.cgroup {
            Ok(cgroup) => cgroup.child(&format!("run-{run_id}")),
            Err(why) => Err(Problem::new(Fault::Kernel, why.clone()).into()),
        }
    }

    /// A cgroup for a command that is watched.
    pub fn watched_cgroup(&self, run_id: &str) -> Result<Cgroup> {
        match &self.cgroup {
            Ok(cgroup) => cgroup.guest(run_id),
            Err(why) => Err(Problem::new(Fault::Kernel, why.clone()).into()),
        }
    }

    /// The kernel programs.
    pub fn object(&self) -> Result<&Object> {
        self.object.as_ref().map_err(|why| Problem::new(Fault::Kernel, why.clone()).into())
    }

    /// Where a run stands, whether it runs or has ended.
    pub fn status(&self, run_id: &str) -> Option<Status> {
        if let Some(run) = self.find(run_id) {
            return run.status.lock().ok().map(|status| status.clone());
        }
        self.store.list().into_iter().find(|status| status.run_id == run_id)
    }

    /// The user number of who made a run, if that is known.
    pub fn owner(&self, run_id: &str) -> Option<u32> {
        if let Some(run) = self.find(run_id) {
            return run.uid;
        }
        let client = self.store.get(run_id)?.run()?.client?;
        client.strip_prefix("uid ")?.split(' ').next()?.parse().ok()
    }

    /// A run that has not ended.
    pub fn find(&self, run_id: &str) -> Option<Arc<Active>> {
        self.active.lock().ok()?.get(run_id).cloned()
    }

    /// Every run, the oldest first.
    pub fn list(&self) -> Vec<Status> {
        let active = self.active.lock().map(|active| active.clone()).unwrap_or_default();
        let mut runs = self.store.list();
        for status in &mut runs {
            if let Some(run) = active.get(&status.run_id)
                && let Ok(now) = run.status.lock()
            {
                status.clone_from(&now);
            }
        }
        runs
    }

    /// A run has ended well: its status is in the store from now on.
    pub fn ended(&self, run_id: &str) {
        tracing::info!(run = run_id, "run ended");
    }

    /// Refuses new runs and asks those that run to stop, then waits for them.
    pub fn drain(&self, how: Stop) {
        self.draining.store(true, Ordering::Relaxed);
        let give_up = clock::mono() + DRAIN_PATIENCE;
        loop {
            let mut running = false;
            for run in self
                .active
                .lock()
                .map(|active| active.values().cloned().collect::<Vec<_>>())
                .unwrap_or_default()
            {
                let state = run.status.lock().map(|status| status.state).unwrap_or(State::Failed);
                let waits = matches!(state, State::Created) || state.is_final();
                if !waits {
                    running = true;
                    let how = if clock::mono() > give_up { Stop::Now } else { how };
                    if let Ok(mut will) = run.will.lock() {
                        *will = Some(how);
                    }
                }
            }
            if !running {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Daemon {
    /// Waits, not for ever, until no client has asked for anything for a while: those whose runs were drained fetch
    /// their results.
    pub fn linger(&self) {
        let give_up = clock::mono() + LINGER_MAX;
        let mut quiet_since = clock::mono();
        while clock::mono() < give_up && clock::mono() - quiet_since < LINGER_QUIET {
            if self.clients.load(Ordering::Relaxed) > 0 {
                quiet_since = clock::mono();
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Cpus {
    /// All cores that this process may use.
    pub fn all() -> Self {
        Self { all: host::all_cpus(), held: Mutex::default() }
    }

    /// Gives a run its cores: those that it names, or free ones. Unnamed workers stay unpinned when every core is held
    /// by the only core there is.
    pub fn reserve(&self, run_id: &str, plan: &Plan) -> Result<Vec<Option<u32>>> {
        let mut held =
            self.held.lock().map_err(|_poisoned| anyhow::anyhow!("the list of cores is broken"))?;
        let chosen = if plan.workers.cpus.is_empty() {
            if plan.workers.workers as usize > self.all.len() {
                let message = format!(
                    "--workers {} is more than the {} cores that aiperfd may use",
                    plan.workers.workers,
                    self.all.len()
                );
                return Err(Problem::new(Fault::Plan, message).into());
            }
            let free = self.all.iter().rev().filter(|cpu| !held.contains_key(cpu)).copied();
            let count = usize::try_from(plan.workers.workers).context("too many workers")?;
            let chosen = free.take(count).collect::<Vec<_>>();
            if chosen.len() < count {
                let message = format!(
                    "{count} cores are wanted and {} are free; other runs hold the rest: wait, or ask for fewer --workers",
                    chosen.len()
                );
                return Err(Problem::new(Fault::Busy, message).into());
            }
            chosen
        } else {
            for cpu in &plan.workers.cpus {
                if !self.all.contains(cpu) {
                    let message =
                        format!("core {cpu} of --cpus is not among the daemon's cores {:?}", self.all);
                    return Err(Problem::new(Fault::Plan, message).into());
                }
                if let Some(other) = held.get(cpu) {
                    let message =
                        format!("core {cpu} of --cpus is held by run {other}: wait, or name another core");
                    return Err(Problem::new(Fault::Busy, message).into());
                }
            }
            plan.workers.cpus.clone()
        };
        held.extend(chosen.iter().map(|cpu| (*cpu, run_id.to_owned())));
        Ok(chosen.into_iter().map(Some).collect())
    }

    /// Frees the cores of a run.
    pub fn release(&self, run_id: &str) {
        if let Ok(mut held) = self.held.lock() {
            held.retain(|_, holder| holder != run_id);
        }
    }
}

/// How long a daemon that ends waits for its clients.
const LINGER_MAX: common::clock::DurationNs = common::clock::DurationNs::from_millis(10_000);
/// Without a client for so long, none is fetching any more.
const LINGER_QUIET: common::clock::DurationNs = common::clock::DurationNs::from_millis(200);
/// How long a draining run may take before it is stopped.
const DRAIN_PATIENCE: common::clock::DurationNs = common::clock::DurationNs::from_millis(30_000);
