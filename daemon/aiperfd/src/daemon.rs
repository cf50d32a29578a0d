//! The resources of a daemon, which knows no runs: the run directories, the cores, the cgroups, the spawner, the kernel programs.

use crate::cgroup::{Cgroup, Subtree};
use crate::limits::{self, Limits};
use crate::privileges::Identities;
use crate::probe::Object;
use crate::rules::Rules;
use crate::run_dirs::RunDirs;
use crate::spawner::Spawner;
use crate::threads::lock;
use crate::{host, privileges};
use anyhow::{Context, Result};
use common::clock::DurationNs;
use control::{Capabilities, Fault, Problem};
use doctor::{Folder, Host, Offer, Wanted};
use record::{Build, Finding};
use spec::{Plan, Timestamps};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A daemon.
pub struct Daemon {
    /// Where runs are kept.
    pub run_dirs: RunDirs,
    /// What it was built from.
    pub build: Build,
    /// SHA-256 of the kernel programs that it has, or `none`.
    pub kernel_object: String,
    /// The folder of the run directories.
    pub state_dir: PathBuf,
    /// Which run holds which core.
    pub cpus: Cpus,
    /// Starts load generators.
    pub spawner: Spawner,
    /// The users that they run as.
    pub identities: Identities,
    /// Limits of users.
    pub limits: Limits,
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
    /// Whether new runs are refused.
    pub draining: AtomicBool,
    /// Clients that are connected.
    pub clients: AtomicUsize,
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

/// The cores of a run.
#[derive(Debug)]
pub struct Cores {
    /// One for each worker; none of a worker that is not pinned.
    pub cpus: Vec<Option<u32>>,
    /// Whether the host has a core besides all that runs hold: only then may hot cores have priority over everything else.
    pub leaves_one: bool,
}

impl Daemon {
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
        } else if host::clock_shift_seconds() != 0.0 {
            let shift = host::clock_shift_seconds();
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

/// The captures of a segment need many times the room of its stamp.
pub(crate) const RING_FACTOR: u32 = 4;
/// How long a daemon that ends waits for its clients.
const LINGER_MAX: DurationNs = DurationNs::from_millis(10_000);
/// Without a request for so long, no client is fetching any more.
const LINGER_QUIET: DurationNs = DurationNs::from_millis(200);
