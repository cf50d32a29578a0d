//! What all runs of a daemon share: the store, the cores, the spawner, the kernel programs.

use crate::cgroup::{Cgroup, Subtree};
use crate::clock;
use crate::limits::{self, Held, Limits, Refused, Taken};
use crate::live::{Detail, EndedRequests, Subscriber};
use crate::privileges::Identities;
use crate::probe::Object;
use crate::rules::Rules;
use crate::run::ActiveRun;
use crate::spawner::Spawner;
use crate::store::Store;
use crate::threads::lock;
use crate::{host, privileges};
use anyhow::{Context, Result};
use common::clock::DurationNs;
use control::{Capabilities, Fault, Problem, State, Status, Stop};
use doctor::{Folder, Host, Offer, Wanted};
use record::{Build, Finding};
use spec::{Plan, Timestamps};
use std::collections::{BTreeMap, BTreeSet};
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
    /// Which run holds which core.
    pub cpus: Cpus,
    /// Starts load generators.
    pub spawner: Spawner,
    /// The users that they run as.
    pub identities: Identities,
    /// Limits of users.
    pub limits: Limits,
    /// What they hold.
    pub held: Shares,
    /// Bytes of the kernel's ring.
    pub kernel_ring_bytes: u32,
    /// Bytes of each worker's ring.
    pub client_ring_bytes: u32,
    /// Milliseconds between two looks at the rings.
    pub collect_interval_ms: u64,
    /// The daemon's cgroup, in which those of runs are made; or why there is none.
    pub cgroup: std::result::Result<Subtree, String>,
    /// The kernel programs; or why there are none.
    pub object: std::result::Result<Object, String>,
    /// Runs that are not in the store yet.
    pub active: Mutex<BTreeMap<String, Arc<ActiveRun>>>,
    /// Runs that are being recovered or removed.
    pub changing: Arc<Mutex<BTreeSet<String>>>,
    /// Whether new runs are refused.
    pub draining: AtomicBool,
    /// Clients that are connected.
    pub clients: AtomicUsize,
    /// Runs whose requests are sent to the publishing process; none if there is no such process.
    pub published: Option<Mutex<Vec<PublishedRun>>>,
    /// Which users may watch what.
    pub rules: Rules,
    /// Where GPUs are looked for.
    pub gpus: gpu::Settings,
}

/// Which run holds which core.
#[derive(Debug)]
pub struct Cpus {
    all: Vec<u32>,
    held: Mutex<BTreeMap<u32, Holder>>,
}

/// A run that holds a core.
#[derive(Clone, Debug)]
struct Holder {
    run_id: String,
    uid: u32,
}

impl Holder {
    /// The run's name, shown to its user.
    fn name_for(&self, uid: u32) -> String {
        if uid == self.uid || uid == limits::ROOT { format!(" ({})", self.run_id) } else { String::new() }
    }
}

/// Resources that users hold.
#[derive(Debug, Default)]
pub struct Shares {
    /// Connections.
    pub connections: Held,
    /// Runs that wait.
    pub waiting: Held,
    /// KiB of plans of runs that wait.
    pub plans: Held,
    /// Active runs.
    pub active: Held,
    /// KiB of kernel memory.
    pub kernel_memory: Held,
    /// KiB of uploads that are not whole yet.
    pub uploads: Held,
}

/// The exclusive right to change a run that has ended, as long as this value lives.
#[derive(Debug)]
pub struct Changing {
    runs: Arc<Mutex<BTreeSet<String>>>,
    run_id: String,
}

impl Drop for Changing {
    fn drop(&mut self) {
        lock(&self.runs).remove(&self.run_id);
    }
}

/// The cores of a run.
#[derive(Debug)]
pub struct Cores {
    /// One for each worker; none of a worker that is not pinned.
    pub cpus: Vec<Option<u32>>,
    /// Whether the host has a core besides all that runs hold: only then may hot cores have priority over everything else.
    pub leaves_one: bool,
}

/// A run whose requests are sent to the publishing process.
#[derive(Clone, Debug)]
pub struct PublishedRun {
    /// The model that it requests.
    pub model: String,
    /// Its requests as they end.
    pub live: Arc<EndedRequests>,
    /// Requests that were dropped for lack of room, as far as that was reported.
    pub dropped: Arc<AtomicU64>,
}

impl Daemon {
    /// Has a run's requests sent to the publishing process, if there is one.
    pub fn publish(&self, model: &str, live: &Arc<EndedRequests>) {
        if let Some(published) = &self.published {
            live.open(Subscriber::Publisher, Detail::Numbers);
            let (live, dropped) = (Arc::clone(live), Arc::default());
            lock(published).push(PublishedRun { model: model.to_owned(), live, dropped });
        }
    }

    /// What this daemon can do.
    pub fn capabilities(&self, concurrency: Option<u32>) -> Capabilities {
        let (timestamp_source, why) = self.best_timestamp_source();
        Capabilities {
            timestamps: timestamp_source.name().to_owned(),
            timestamps_reason: why,
            cpus: self.cpus.all.clone(),
            busy_cpus: lock(&self.cpus.held).keys().copied().collect(),
            loadgen_user: self.identities.name(),
            version: self.build.version.to_owned(),
            commit: self.build.commit.to_owned(),
            kernel_object: self.kernel_object.clone(),
            doctor: self.examine(concurrency, &[]),
        }
    }

    /// Results of the checks of the host, with this process's privileges and limits.
    pub fn examine(&self, concurrency: Option<u32>, hot_cpus: &[u32]) -> Vec<Finding> {
        let (timestamp_source, reason) = self.best_timestamp_source();
        let wanted = Wanted {
            concurrency,
            hot_cpus: hot_cpus.to_vec(),
            folders: vec![Folder { name: "runs", path: self.state_dir.clone() }],
            offer: Offer::Own { timestamps: timestamp_source.name().to_owned(), reason },
            nvml_library: self.gpus.nvml_library.clone(),
        };
        doctor::examine(&Host::here(wanted))
    }

    /// The timestamp source of a run, and why a better one is not available; an error when the one it names is not.
    pub fn choose_timestamp_source(&self, wanted: Timestamps) -> Result<(Timestamps, Option<String>)> {
        let (best, why) = self.best_timestamp_source();
        match wanted {
            Timestamps::Auto => Ok((best, why)),
            Timestamps::Ebpf if best != Timestamps::Ebpf => {
                let why = why.unwrap_or_default();
                Err(Problem::new(Fault::Kernel, format!("--timestamps ebpf is not available: {why}")).into())
            }
            named => Ok((named, None)),
        }
    }

    fn best_timestamp_source(&self) -> (Timestamps, Option<String>) {
        let missing = privileges::missing();
        let why = if !missing.is_empty() {
            format!("no kernel probes: aiperfd lacks {} (start it as root)", missing.join(", "))
        } else if let Err(why) = &self.object {
            format!("no kernel probes: {why}")
        } else if let Err(why) = &self.cgroup {
            format!("no kernel probes: {why}")
        } else if clock::shift_seconds() != 0.0 {
            let shift = clock::shift_seconds();
            format!(
                "aiperfd is in a time namespace whose clock is {shift} s off the one that kernel probes stamp with"
            )
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

    /// A cgroup for a command that is watched, below that of the requesting process: its limits continue to apply.
    pub fn watched_cgroup(&self, run_id: &str, pid: Option<u32>) -> Result<Cgroup> {
        match &self.cgroup {
            Ok(cgroup) => cgroup.guest(run_id, pid),
            Err(why) => Err(Problem::new(Fault::Kernel, why.clone()).into()),
        }
    }

    /// The kernel programs.
    pub fn object(&self) -> Result<&Object> {
        self.object.as_ref().map_err(|why| Problem::new(Fault::Kernel, why.clone()).into())
    }

    /// What a run uses of its user's share while it is active.
    ///
    /// # Errors
    /// Which limit was reached.
    pub fn share(&self, run: &ActiveRun, plan: &Plan) -> Result<Vec<Taken>, Problem> {
        let limits = &self.limits;
        let (of_user, all) = (u64::from(limits.active_runs_per_user), u64::from(limits.active_runs));
        let active = self.held.active.take(run.uid, 1, of_user, all).map_err(|refused| match refused {
            Refused::User => limits::met("active_runs_per_user", of_user, "too many of your runs go on"),
            Refused::All => limits::met("active_runs", all, "too many runs go on"),
        })?;
        let rings = u64::from(self.kernel_ring_bytes) * 2 / 1024;
        let wanted = if plan.watch.is_some() { rings * u64::from(crate::watch::RING_FACTOR) } else { rings };
        let most = u64::from(limits.kernel_memory_mib_per_user) * 1024;
        let memory = self.held.kernel_memory.take(run.uid, wanted, most, u64::MAX).map_err(|_refused| {
            let limit = format!("{} MiB", limits.kernel_memory_mib_per_user);
            limits::met("kernel_memory_mib_per_user", limit, "your runs hold too much memory of the kernel")
        })?;
        Ok(vec![active, memory])
    }

    /// The right to recover or remove a run.
    ///
    /// # Errors
    /// When another client does that already.
    pub fn hold(&self, run_id: &str) -> Result<Changing, Problem> {
        let mut runs = lock(&self.changing);
        if !runs.insert(run_id.to_owned()) {
            return Err(Problem::new(
                Fault::Busy,
                format!("run {run_id} is being recovered or removed at this moment"),
            ));
        }
        Ok(Changing { runs: Arc::clone(&self.changing), run_id: run_id.to_owned() })
    }

    /// Reserves bytes of a user's share of the disk, until they are in the store.
    ///
    /// # Errors
    /// When the share is used up.
    pub fn take_room(&self, uid: u32, bytes: u64) -> Result<Taken, Problem> {
        let limit = u64::from(self.limits.disk_gib_per_user) << 20;
        let stored = self.store.usage(uid).1 >> 10;
        let refused = || {
            let what = "your runs take too much of the disk: delete some (`aiperf-ctl runs rm`)";
            limits::met("disk_gib_per_user", format!("{} GiB", self.limits.disk_gib_per_user), what)
        };
        if stored >= limit && uid != limits::ROOT {
            return Err(refused());
        }
        let taken = self.held.uploads.take(uid, bytes >> 10, limit.saturating_sub(stored), u64::MAX);
        taken.map_err(|_refused| refused())
    }

    /// The status of a run, whether it is active or has ended.
    pub fn status(&self, run_id: &str) -> Option<Status> {
        if let Some(run) = self.find(run_id) {
            return Some(lock(&run.status).clone());
        }
        self.store.status(run_id)
    }

    /// The user number of a run's creator, if there is such a run.
    pub fn owner(&self, run_id: &str) -> Option<u32> {
        self.status(run_id).map(|status| status.owner)
    }

    /// A run that has not ended.
    pub fn find(&self, run_id: &str) -> Option<Arc<ActiveRun>> {
        lock(&self.active).get(run_id).cloned()
    }

    /// Every run, the oldest first.
    pub fn list(&self) -> Vec<Status> {
        let active = lock(&self.active).clone();
        let mut runs = self.store.list();
        for status in &mut runs {
            if let Some(run) = active.get(&status.run_id) {
                status.clone_from(&lock(&run.status));
            }
        }
        runs
    }

    /// Forgets runs that ended a while ago, which the store has, and removes those that are never started.
    pub fn tidy(&self) {
        let now = clock::mono();
        let waiting = DurationNs::from_seconds(f64::from(self.limits.waiting_seconds));
        let mut active = lock(&self.active);
        let over = active.extract_if(.., |_, run| {
            let state = lock(&run.status).state;
            let idle = now - *lock(&run.touched);
            // A client that starts it at this moment is either first, or too late.
            (state.is_final() && idle > FORGET)
                || (state == State::Created && idle > waiting && run.close() == State::Created)
        });
        let over = over.collect::<Vec<_>>();
        drop(active);
        for (run_id, run) in over {
            let state = lock(&run.status).state;
            if state == State::Failed {
                tracing::info!(run = run_id, "removed: it was never started, or could not run");
                run.directory.remove().ok();
            }
            self.store.refresh(&run_id);
        }
    }

    /// Refuses new runs and stops the active ones, then waits for them.
    pub fn drain(&self, how: Stop) {
        self.draining.store(true, Ordering::Relaxed);
        let give_up = clock::mono() + DRAIN_PATIENCE;
        loop {
            let mut running = false;
            let active = lock(&self.active).values().cloned().collect::<Vec<_>>();
            for run in active {
                let state = lock(&run.status).state;
                let waits = matches!(state, State::Created) || state.is_final();
                if !waits {
                    running = true;
                    let how = if clock::mono() > give_up { Stop::Now } else { how };
                    run.request_stop(how);
                }
            }
            // What ignores even that hangs, and ends with the process.
            if running && clock::mono() > give_up + LEAVE_BEHIND {
                return tracing::warn!(
                    "a run does not end, and is left as it is: `runs recover` reads what it collected"
                );
            }
            if !running {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

impl Daemon {
    /// Waits, within bounds, until no client has sent a request for a while: those whose runs were drained fetch their results.
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

    /// Reserves a run's cores: those that it names, or free ones. Unnamed workers stay unpinned when the only core there is is
    /// held already.
    ///
    /// # Errors
    /// When they are not available.
    pub fn reserve(&self, run_id: &str, uid: u32, plan: &Plan, of_user: u32) -> Result<Cores> {
        let mut held = lock(&self.held);
        let wanted = if plan.workers.cpus.is_empty() {
            usize::try_from(plan.workers.workers).context("too many workers")?
        } else {
            plan.workers.cpus.len()
        };
        let has = held.values().filter(|holder| holder.uid == uid).count();
        if of_user > 0 && uid != limits::ROOT && has + wanted > of_user as usize {
            return Err(limits::met("cores_per_user", of_user, "your runs would hold too many cores").into());
        }
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
                    "{count} cores are needed and {} are free; other runs hold the rest: wait, or set fewer --workers",
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
                    let message = format!(
                        "core {cpu} of --cpus is held by another run{}: wait, or name another core",
                        other.name_for(uid)
                    );
                    return Err(Problem::new(Fault::Busy, message).into());
                }
            }
            plan.workers.cpus.clone()
        };
        let holder = Holder { run_id: run_id.to_owned(), uid };
        held.extend(chosen.iter().map(|cpu| (*cpu, holder.clone())));
        let leaves_one = held.len() < self.all.len();
        Ok(Cores { cpus: chosen.into_iter().map(Some).collect(), leaves_one })
    }

    /// Frees the cores of a run.
    pub fn release(&self, run_id: &str) {
        lock(&self.held).retain(|_, holder| holder.run_id != run_id);
    }
}

/// How long a run that was stopped may take to be recorded while the daemon ends.
const LEAVE_BEHIND: DurationNs = DurationNs::from_millis(90_000);
/// How long a run that has ended is remembered for clients that request its status late.
const FORGET: DurationNs = DurationNs::from_millis(60_000);
/// How long a daemon that ends waits for its clients.
const LINGER_MAX: DurationNs = DurationNs::from_millis(10_000);
/// Without a request for so long, no client is fetching any more.
const LINGER_QUIET: DurationNs = DurationNs::from_millis(200);
/// How long a draining run may take before it is stopped.
const DRAIN_PATIENCE: DurationNs = DurationNs::from_millis(30_000);
