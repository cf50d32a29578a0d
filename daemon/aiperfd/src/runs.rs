//! The runs that the daemon holds, of both kinds: found, listed, limited and removed. What they use is the [`Daemon`]'s.

use crate::daemon::{Daemon, RING_FACTOR};
use crate::disk;
use crate::limits::{self, Refused, Shares, Taken};
use crate::live::{Detail, EndedRequests, Subscriber};
use crate::run::Run;
use crate::threads::lock;
use common::clock::DurationNs;
use control::{Fault, Problem, State, Status, Stop};
use spec::Plan;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The table of runs.
pub struct Runs {
    /// What they use.
    pub daemon: Daemon,
    /// What users hold of it.
    pub held: Shares,
    /// Runs that have no directory yet.
    active: Mutex<BTreeMap<String, Arc<Run>>>,
    /// Runs that are being recovered or removed.
    changing: Arc<Mutex<BTreeSet<String>>>,
    /// Runs whose requests are sent to the publishing process; none if there is no such process.
    published: Option<Mutex<Vec<PublishedRun>>>,
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

impl Runs {
    /// Of a daemon that publishes nothing of them.
    pub fn unpublished(daemon: Daemon) -> Self {
        Self {
            daemon,
            held: Shares::default(),
            active: Mutex::default(),
            changing: Arc::default(),
            published: None,
        }
    }

    /// Of a daemon that has a publishing process.
    pub fn published(daemon: Daemon) -> Self {
        Self { published: Some(Mutex::default()), ..Self::unpublished(daemon) }
    }

    /// Adds a run, whose directory is found too from now on.
    pub(crate) fn insert(&self, run: &Arc<Run>) {
        lock(&self.active).insert(run.id.clone(), Arc::clone(run));
        self.daemon.run_dirs.refresh(&run.id);
    }

    /// Forgets a run: from now on only its directory is left.
    pub(crate) fn forget(&self, run_id: &str) {
        lock(&self.active).remove(run_id);
    }

    /// Those that are remembered.
    pub(crate) fn active(&self) -> Vec<Arc<Run>> {
        lock(&self.active).values().cloned().collect()
    }

    /// The status of a run, whether it is active or has ended.
    pub fn status(&self, run_id: &str) -> Option<Status> {
        if let Some(run) = self.find(run_id) {
            return Some(run.status());
        }
        self.daemon.run_dirs.status(run_id)
    }

    /// The user number of a run's creator, if there is such a run.
    pub fn owner(&self, run_id: &str) -> Option<u32> {
        self.status(run_id).map(|status| status.owner)
    }

    /// A run that has not ended.
    pub fn find(&self, run_id: &str) -> Option<Arc<Run>> {
        lock(&self.active).get(run_id).cloned()
    }

    /// Every run, the oldest first.
    pub fn list(&self) -> Vec<Status> {
        let active = lock(&self.active).clone();
        let mut runs = self.daemon.run_dirs.list();
        for status in &mut runs {
            if let Some(run) = active.get(&status.run_id) {
                *status = run.status();
            }
        }
        runs
    }

    /// Forgets runs that ended a while ago, whose directories stay, and removes those that are never started.
    pub fn tidy(&self) {
        let now = clock::mono();
        let waiting = DurationNs::from_seconds(f64::from(self.daemon.limits.waiting_seconds));
        let mut active = lock(&self.active);
        let over = active.extract_if(.., |_, run| {
            let (state, idle) = (run.state(), run.idle(now));
            // A client that starts it at this moment is either first, or too late.
            (state.is_final() && idle > FORGET)
                || (state == State::Created && idle > waiting && run.close() == State::Created)
        });
        let over = over.collect::<Vec<_>>();
        drop(active);
        for (run_id, run) in over {
            let state = run.state();
            if state == State::Failed {
                tracing::info!(run = run_id, "removed: it was never started, or could not run");
                run.directory.remove().ok();
            }
            self.daemon.run_dirs.refresh(&run_id);
        }
    }

    /// Refuses new runs and stops the active ones, then waits for them.
    pub fn drain(&self, how: Stop) {
        self.daemon.draining.store(true, Ordering::Relaxed);
        let give_up = clock::mono() + DRAIN_PATIENCE;
        loop {
            let mut running = false;
            for run in self.active() {
                let state = run.state();
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

    /// What a run uses of its user's share while it is active.
    ///
    /// # Errors
    /// Which limit was reached.
    pub(crate) fn share(&self, uid: u32, plan: &Plan) -> Result<Vec<Taken>, Problem> {
        let limits = &self.daemon.limits;
        let (of_user, all) = (u64::from(limits.active_runs_per_user), u64::from(limits.active_runs));
        let active = self.held.active.take(uid, 1, of_user, all).map_err(|refused| match refused {
            Refused::User => limits::met("active_runs_per_user", of_user, "too many of your runs go on"),
            Refused::All => limits::met("active_runs", all, "too many runs go on"),
        })?;
        let rings = u64::from(self.daemon.kernel_ring_bytes) * 2 / 1024;
        let wanted = if plan.watch.is_some() { rings * u64::from(RING_FACTOR) } else { rings };
        let most = u64::from(limits.kernel_memory_mib_per_user) * 1024;
        let memory = self.held.kernel_memory.take(uid, wanted, most, u64::MAX).map_err(|_refused| {
            let limit = format!("{} MiB", limits.kernel_memory_mib_per_user);
            limits::met("kernel_memory_mib_per_user", limit, "your runs hold too much memory of the kernel")
        })?;
        Ok(vec![active, memory])
    }

    /// What a run that waits to be started uses of its user's share.
    ///
    /// # Errors
    /// Which limit was reached.
    pub(crate) fn waiting(&self, uid: u32, plan_bytes: usize) -> Result<Vec<Taken>, Problem> {
        let limits = &self.daemon.limits;
        let of_user = u64::from(limits.waiting_runs_per_user);
        let run = self.held.waiting.take(uid, 1, of_user, u64::MAX).map_err(|_refused| {
            limits::met("waiting_runs_per_user", of_user, "too many of your runs wait to be started")
        })?;
        let all = u64::from(limits.waiting_plans_mib) << 10;
        let kib = u64::try_from(plan_bytes).unwrap_or(u64::MAX) / 1024 + 1;
        let plan = self.held.plans.take(uid, kib, u64::MAX, all).map_err(|_refused| {
            let limit = format!("{} MiB", limits.waiting_plans_mib);
            limits::met("waiting_plans_mib", limit, "the plans of runs that wait are too large together")
        })?;
        Ok(vec![run, plan])
    }

    /// Refuses what would be more of the disk than there is, or than the user may have.
    pub(crate) fn has_room(&self, uid: u32) -> Result<(), Problem> {
        if let Some(why) = disk::is_full(&self.daemon.run_dirs, &self.daemon.limits) {
            return Err(Problem::new(Fault::Disk, why));
        }
        self.take_room(uid, 0).map(drop)
    }

    /// Refuses one run more of a user who keeps too many.
    pub(crate) fn may_keep(&self, uid: u32) -> Result<(), Problem> {
        let most = self.daemon.limits.stored_runs_per_user;
        if uid != limits::ROOT && self.daemon.run_dirs.usage(uid).0 >= u64::from(most) {
            let what = "you keep too many runs: delete some (`aiperf-ctl runs rm`)";
            return Err(limits::met("stored_runs_per_user", most, what));
        }
        Ok(())
    }

    /// Reserves bytes of a user's share of the disk, until they are in a run directory.
    ///
    /// # Errors
    /// When the share is used up.
    pub(crate) fn take_room(&self, uid: u32, bytes: u64) -> Result<Taken, Problem> {
        let limit = u64::from(self.daemon.limits.disk_gib_per_user) << 20;
        let stored = self.daemon.run_dirs.usage(uid).1 >> 10;
        let refused = || {
            let what = "your runs take too much of the disk: delete some (`aiperf-ctl runs rm`)";
            limits::met("disk_gib_per_user", format!("{} GiB", self.daemon.limits.disk_gib_per_user), what)
        };
        if stored >= limit && uid != limits::ROOT {
            return Err(refused());
        }
        let taken = self.held.uploads.take(uid, bytes >> 10, limit.saturating_sub(stored), u64::MAX);
        taken.map_err(|_refused| refused())
    }

    /// The right to recover or remove a run.
    ///
    /// # Errors
    /// When another client does that already.
    pub(crate) fn hold(&self, run_id: &str) -> Result<Changing, Problem> {
        let mut runs = lock(&self.changing);
        if !runs.insert(run_id.to_owned()) {
            return Err(Problem::new(
                Fault::Busy,
                format!("run {run_id} is being recovered or removed at this moment"),
            ));
        }
        Ok(Changing { runs: Arc::clone(&self.changing), run_id: run_id.to_owned() })
    }

    /// Has a run's requests sent to the publishing process, if there is one.
    pub(crate) fn publish(&self, model: &str, live: &Arc<EndedRequests>) {
        if let Some(published) = &self.published {
            live.open(Subscriber::Publisher, Detail::Numbers);
            let (live, dropped) = (Arc::clone(live), Arc::default());
            lock(published).push(PublishedRun { model: model.to_owned(), live, dropped });
        }
    }

    /// Runs whose requests are to be published, and a last time those that are over.
    pub(crate) fn to_publish(&self) -> Vec<PublishedRun> {
        let Some(published) = &self.published else { return Vec::new() };
        // A client that creates a run must never wait for a process that does not read.
        let mut runs = lock(published);
        let over = runs.extract_if(.., |run| Arc::strong_count(&run.live) == 1).collect::<Vec<_>>();
        over.into_iter().chain(runs.iter().cloned()).collect()
    }
}

/// How long a run that was stopped may take to be recorded while the daemon ends.
const LEAVE_BEHIND: DurationNs = DurationNs::from_millis(90_000);
/// How long a run that has ended is remembered for clients that request its status late.
const FORGET: DurationNs = DurationNs::from_millis(60_000);
/// How long a draining run may take before it is stopped.
const DRAIN_PATIENCE: DurationNs = DurationNs::from_millis(30_000);
