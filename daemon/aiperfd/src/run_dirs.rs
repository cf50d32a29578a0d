//! Where runs are kept: one directory each, whose names the daemon chooses and no client can.
//!
//! ```text
//! STATE/runs/<run id>/   plan.json  inputs/  parts/  spool/  and, when it has ended, the files that clients fetch
//! ```

use crate::threads::lock;
use anyhow::{Context, Result, bail};
use common::clock::Anchor;
use control::{Create, File, RUN_FILES, State, Status};
use record::{Finding, Host, Run};
use rustix::fs::{FallocateFlags, FlockOperation, fallocate, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The directory of all runs, which belongs to one daemon at a time.
#[derive(Debug)]
pub struct RunDirs {
    runs: PathBuf,
    /// Held as long as this value lives.
    _lock: fs::File,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What is known of a run without reading it again.
#[derive(Clone, Debug)]
struct Known {
    status: Status,
    bytes: u64,
}

/// The directory of one run.
#[derive(Clone, Debug)]
pub struct RunDir {
    path: PathBuf,
}

/// What is known of a run once it has started: enough to make a run of what a killed daemon leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Started {
    /// The source of timestamps that it got.
    pub timestamps: String,
    /// Why a better one was not available.
    pub timestamps_reason: Option<String>,
    /// The clocks when it started.
    pub clock_begin: Anchor,
    /// The host when it started.
    pub host: Host,
    /// What the checks of the host found.
    pub doctor: Vec<Finding>,
    /// The client that created it.
    pub client: String,
    /// Its load generator's workers; 0 of a run that watches.
    pub workers: u32,
    /// Whether the load generator replays a trace.
    pub replays: bool,
}

impl RunDirs {
    /// The run directories below a state directory, made if it is not there.
    ///
    /// # Errors
    /// When it can't be made, or another daemon uses it.
    pub fn open(state_dir: &Path) -> Result<Self> {
        let runs = state_dir.join("runs");
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(OWNER_ONLY);
        private.create(&runs).with_context(|| format!("failed to create `{}`", runs.display()))?;
        let lock = Self::lock(state_dir)?;
        for folder in [state_dir, &runs] {
            fs::set_permissions(folder, fs::Permissions::from_mode(OWNER_ONLY))
                .with_context(|| format!("failed to keep others out of `{}`", folder.display()))?;
        }
        let dirs = Self { runs, _lock: lock, known: Mutex::default() };
        let entries =
            fs::read_dir(&dirs.runs).with_context(|| format!("failed to read `{}`", dirs.runs.display()))?;
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            if let Some(run) = dirs.get(&name) {
                run.shut();
                dirs.refresh(&name);
            }
        }
        Ok(dirs)
    }

    /// The lock on a state directory, which the kernel releases when the process ends.
    fn lock(state_dir: &Path) -> Result<fs::File> {
        let path = state_dir.join("lock");
        let lock = fs::File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.with_context(|| format!("failed to open `{}`", path.display()))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lock),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                bail!("another aiperfd uses `{}`: end it, or choose another --state-dir", state_dir.display())
            }
            Err(error) => Err(error).with_context(|| format!("failed to lock `{}`", path.display())),
        }
    }

    /// Makes the directory of a new run.
    ///
    /// # Errors
    /// On an error of the disk; nothing is left then.
    pub fn create(&self, run_id: &str) -> Result<RunDir> {
        let run = RunDir { path: self.runs.join(run_id) };
        let made = run.make();
        if made.is_err() {
            fs::remove_dir_all(&run.path).ok();
        }
        made.map(|()| run)
    }

    /// The directory of a run that is there.
    pub fn get(&self, run_id: &str) -> Option<RunDir> {
        let named = run_id.len() == RUN_ID_LENGTH && run_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let run = RunDir { path: self.runs.join(run_id) };
        (named && run.path.is_dir()).then_some(run)
    }

    /// Looks at a run again: it was made, has ended, or was removed.
    pub fn refresh(&self, run_id: &str) {
        let found = self.get(run_id).map(|run| Known { status: run.status(run_id), bytes: size(&run.path) });
        let mut known = lock(&self.known);
        match found {
            Some(found) => known.insert(run_id.to_owned(), found),
            None => known.remove(run_id),
        };
    }

    /// The state of a run when it was last looked at.
    pub fn status(&self, run_id: &str) -> Option<Status> {
        let known = lock(&self.known);
        known.get(run_id).map(|known| known.status.clone())
    }

    /// Runs that are there, the oldest first.
    pub fn list(&self) -> Vec<Status> {
        let known = lock(&self.known);
        let mut runs = known.values().map(|known| known.status.clone()).collect::<Vec<_>>();
        runs.sort_by_key(|status| status.created_unix_seconds);
        runs
    }

    /// Runs of a user, and their bytes.
    pub fn usage(&self, owner: u32) -> (u64, u64) {
        let known = lock(&self.known);
        let of_user = known.values().filter(|known| known.status.owner == owner);
        of_user.fold((0, 0), |(runs, bytes), known| (runs + 1, bytes + known.bytes))
    }

    /// Bytes that are free for the daemon on the disk, and those that the disk has.
    pub fn disk(&self) -> (u64, u64) {
        match rustix::fs::statvfs(&self.runs) {
            Ok(disk) => (disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize),
            Err(_) => (u64::MAX, u64::MAX),
        }
    }
}

impl RunDir {
    fn make(&self) -> Result<()> {
        for directory in ["", "inputs", "parts", "spool"] {
            let path = self.path.join(directory);
            fs::create_dir(&path).with_context(|| format!("failed to create `{}`", path.display()))?;
        }
        let folder = self.path.join(RESERVE);
        fs::create_dir(&folder).with_context(|| format!("failed to create `{}`", folder.display()))?;
        for place in 0..RESERVE_FILES {
            let path = folder.join(place.to_string());
            let file =
                fs::File::create(&path).with_context(|| format!("failed to create `{}`", path.display()))?;
            match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES / RESERVE_FILES) {
                // A file system that can't keep room has none kept.
                Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("failed to keep room in `{}`", self.path.display()));
                }
            }
        }
        Ok(())
    }

    /// Keeps other users out of a run that an older daemon has left.
    fn shut(&self) {
        fs::set_permissions(&self.path, fs::Permissions::from_mode(OWNER_ONLY)).ok();
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the run that a client may fetch; `None` for any other name.
    pub fn file(&self, name: &str) -> Option<PathBuf> {
        let fetched = RUN_FILES.contains(&name);
        let path = self.path.join(name);
        (fetched && path.is_file()).then_some(path)
    }

    /// The path of an input that a client uploads; `None` for a name that no input has.
    pub fn input(&self, name: &str) -> Option<PathBuf> {
        INPUTS.contains(&name).then(|| self.path.join("inputs").join(name))
    }

    /// Inputs that were uploaded.
    pub fn inputs(&self) -> Vec<(String, PathBuf)> {
        let named = INPUTS.iter().filter_map(|name| Some(((*name).to_owned(), self.input(name)?)));
        named.filter(|(_, path)| path.is_file()).collect()
    }

    /// Files that a client may fetch.
    pub fn files(&self) -> Vec<File> {
        let sized = |name: &&str| {
            let bytes = self.path.join(name).metadata().ok()?.len();
            Some(File { name: (*name).to_owned(), bytes })
        };
        RUN_FILES.iter().filter_map(sized).collect()
    }

    /// Keeps the request that made the run, without its secrets.
    pub fn write_plan(&self, create: &Create, status: &Status) -> Result<()> {
        write_json(&self.path.join("plan.json"), &(create.plan.clone(), status))
    }

    /// The plan and first status of the run.
    pub fn plan(&self) -> Result<(spec::Plan, Status)> {
        let path = self.path.join("plan.json");
        let text = fs::read(&path).with_context(|| format!("failed to read `{}`", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("failed to read `{}`", path.display()))
    }

    /// Keeps what is known of a run that has started.
    ///
    /// # Errors
    /// On an error of the disk.
    pub fn write_started(&self, started: &Started) -> Result<()> {
        write_json(&self.path.join("started.json"), started)
    }

    /// What was known of the run when it had started, if it has.
    pub fn started(&self) -> Option<Started> {
        serde_json::from_slice(&fs::read(self.path.join("started.json")).ok()?).ok()
    }

    /// Writes `run.json`, whole or not at all; on a full disk in the room that was kept for it.
    ///
    /// # Errors
    /// On an error of the disk.
    pub fn write_run(&self, run: &Run) -> Result<()> {
        let path = self.path.join("run.json");
        write_json(&path, run).or_else(|_| {
            self.give_up_reserve();
            write_json(&path, run)
        })
    }

    /// Frees the room that is reserved for the end of the run.
    pub fn give_up_reserve(&self) {
        fs::remove_dir_all(self.path.join(RESERVE)).ok();
    }

    /// The folder of spool files.
    pub fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// `run.json`, if the run has ended.
    pub fn run(&self) -> Option<Run> {
        serde_json::from_slice(&fs::read(self.path.join("run.json")).ok()?).ok()
    }

    /// Removes the run.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.path).with_context(|| format!("failed to remove `{}`", self.path.display()))
    }

    /// Frees the disk space of what was collected: it is in the results, or can't be.
    pub fn remove_spool(&self) {
        fs::remove_dir_all(self.spool()).ok();
    }

    /// Removes what a run needs only while it runs.
    pub fn remove_scratch(&self) {
        self.give_up_reserve();
        fs::remove_file(self.path.join("started.json")).ok();
        for directory in ["inputs", "parts", "replay", "spool"] {
            fs::remove_dir_all(self.path.join(directory)).ok();
        }
    }

    fn status(&self, run_id: &str) -> Status {
        let run = self.run();
        let state = if run.is_some() { State::Finished } else { State::Interrupted };
        let standing = run.map(|run| run.verdict.standing);
        match self.plan() {
            Ok((_, status)) => Status { state, standing, ..status },
            Err(_) => Status {
                run_id: run_id.to_owned(),
                state,
                created_ns: common::clock::MonoNs(0),
                created_unix_seconds: 0,
                target: String::new(),
                model: String::new(),
                standing,
                problem: None,
                owner: 0,
            },
        }
    }
}

/// A new run id: 12 hexadecimal digits from the kernel's generator.
pub fn new_run_id() -> Result<String> {
    let mut bytes = [0_u8; 6];
    let mut random = fs::File::open("/dev/urandom").context("failed to open `/dev/urandom`")?;
    std::io::Read::read_exact(&mut random, &mut bytes).context("failed to read `/dev/urandom`")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The number from which the ids of a run's requests are made.
pub fn run_number(run_id: &str) -> Result<u64> {
    match u64::from_str_radix(run_id, 16) {
        Ok(number) => Ok(number),
        Err(_) => bail!("`{run_id}` is no run id"),
    }
}

/// Bytes of the files below a directory, as far as they take disk space.
fn size(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let of = |entry: fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => size(&entry.path()),
        Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * BLOCK_BYTES,
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

/// Whether the error is that the disk, or the user's share of it, is full.
#[must_use]
pub fn is_full(error: &anyhow::Error) -> bool {
    let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
    error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| full.contains(&error.kind())))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let text = serde_json::to_vec_pretty(value).context("failed to write JSON")?;
    fs::write(&temporary, text).with_context(|| format!("failed to write `{}`", temporary.display()))?;
    fs::rename(&temporary, path).with_context(|| format!("failed to write `{}`", path.display()))
}

/// Inputs that clients may upload.
const INPUTS: &[&str] =
    &["dataset", "tokenizer", "chat_template", "authorities", "pictures", "sounds", "videos"];
const RUN_ID_LENGTH: usize = 12;
/// For the daemon alone: prompts and answers are not for every user of the host.
const OWNER_ONLY: u32 = 0o700;
/// Room that is kept for the end of a run whose disk is full.
const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 4 << 20;
/// Files too: a disk may lack those.
const RESERVE_FILES: u64 = 10;
/// What `st_blocks` counts (man 3type stat).
const BLOCK_BYTES: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_lead_nowhere() {
        let state = tempfile::tempdir().unwrap();
        let dirs = RunDirs::open(state.path()).unwrap();
        let run = dirs.create("0123456789ab").unwrap();
        fs::write(run.path().join("run.json"), "{}").unwrap();
        assert!(run.file("run.json").is_some(), "a file of the run");
        for name in ["../../../etc/passwd", "plan.json", "spool", "/etc/passwd", ""] {
            assert!(run.file(name).is_none(), "{name} is not for clients");
            assert!(run.input(name).is_none(), "{name} is no input");
        }
        assert!(dirs.get("../runs/0123").is_none(), "a path is no run id");
        assert!(dirs.get("0123456789ab").is_some(), "the run");
    }

    #[test]
    fn a_state_directory_belongs_to_one_daemon() {
        let state = tempfile::tempdir().unwrap();
        let dirs = RunDirs::open(state.path()).unwrap();
        let refused = format!("{:#}", RunDirs::open(state.path()).unwrap_err());
        assert!(refused.contains("another aiperfd uses"), "{refused}");
        drop(dirs);
        RunDirs::open(state.path()).unwrap();
    }

    #[test]
    fn what_is_kept_is_the_daemons_alone() {
        let state = tempfile::tempdir().unwrap();
        fs::set_permissions(state.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(state.path().join("runs/0123456789ab")).unwrap();
        let dirs = RunDirs::open(state.path()).unwrap();
        for folder in [state.path().to_owned(), dirs.runs.clone(), dirs.runs.join("0123456789ab")] {
            let mode = folder.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, OWNER_ONLY, "{}", folder.display());
        }
        assert_eq!(dirs.usage(0).0, 1, "a run without an owner is root's");
        assert_eq!(dirs.usage(1000), (0, 0), "and no other user's");
    }

    #[test]
    fn a_full_disk_is_distinguished_from_a_broken_one() {
        let full: anyhow::Error = std::io::Error::from(ErrorKind::StorageFull).into();
        assert!(is_full(&full.context("failed to write `x`")), "through its context");
        assert!(!is_full(&std::io::Error::from(ErrorKind::PermissionDenied).into()), "another reason");
    }
}
