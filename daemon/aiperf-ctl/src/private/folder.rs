//! Manages the state of private daemons: one directory each, below the user's own state directory.
//!
//! ```text
//! $XDG_STATE_HOME/aiperfd/private/    or ~/.local/state/aiperfd/private/; 0700
//!   lock                              held shared while a daemon starts, exclusively while directories are checked
//!   <random>/                         the state of one daemon, which holds <random>/lock while it runs
//!     lock   runs/<run id>/...
//! ```
//!
//! The directory of a run that ended normally is removed. What a killed client or daemon left is kept, so that `aiperf-ctl
//! runs` finds it; the newest [`KEPT_MAX`] are kept.

use anyhow::{Context, Result};
use control::{State, Status};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use serde_json::Value;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::source;

/// The state of one private daemon.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held from the directory's creation or discovery until its daemon holds its own lock.
    lock: Option<Arc<File>>,
}

/// A run left by an earlier private daemon.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Its state.
    pub(crate) status: Status,
    /// Whether a daemon is working on it.
    pub(crate) is_in_use: bool,
    folder: PathBuf,
}

/// Counts of earlier daemons' runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tidied {
    /// Runs that are kept and not in use.
    pub(crate) kept: usize,
    /// Runs removed because there were too many.
    pub(crate) removed: usize,
}

impl Folder {
    /// Creates one: in the user's state directory, or below `near` if no state directory belongs to the user alone.
    pub(crate) fn create(near: &Path) -> Result<Self> {
        for root in roots() {
            if let Ok(folder) = Self::create_in(&root) {
                return Ok(folder);
            }
        }
        let made = only_ours(&mut tempfile::Builder::new()).prefix(".aiperfd-private-").tempdir_in(near);
        let made = made.with_context(|| format!("failed to create a directory in `{}`", near.display()))?;
        Ok(Self { path: made.keep(), lock: None })
    }

    fn create_in(root: &Path) -> io::Result<Self> {
        make_private(root)?;
        let lock = lock_of(root)?;
        flock(&lock, FlockOperation::LockShared)?;
        let path =
            only_ours(&mut tempfile::Builder::new()).prefix("").rand_bytes(12).tempdir_in(root)?.keep();
        Ok(Self { path, lock: Some(Arc::new(lock)) })
    }

    /// The directory that contains a run, if there is one.
    pub(crate) fn of_run(run_id: &str) -> Result<Option<Self>> {
        let Some(kept) = kept().into_iter().find(|kept| kept.status.run_id == run_id) else {
            return Ok(None);
        };
        anyhow::ensure!(!kept.is_in_use, "run {run_id} is in use by another aiperf-ctl and its daemon");
        Ok(Some(Self { path: kept.folder, lock: None }))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Locks the directory while a daemon starts on it, so that it is not considered abandoned.
    pub(crate) fn starting(&mut self) -> Result<()> {
        if self.lock.is_none()
            && let Some(root) = self.path.parent()
            && let Ok(lock) = lock_of(root)
        {
            flock(&lock, FlockOperation::LockShared).context("failed to lock the private state")?;
            self.lock = Some(Arc::new(lock));
        }
        Ok(())
    }

    /// Its daemon responds, so it holds a lock of its own.
    pub(crate) fn started(&mut self) {
        self.lock = None;
    }

    /// Removes it unless it contains a run worth keeping.
    pub(crate) fn remove_unless_worth(&self) {
        if worthy(&self.path).is_empty() {
            fs::remove_dir_all(&self.path).ok();
        }
    }
}

/// The runs left by private daemons, the oldest first.
pub(crate) fn kept() -> Vec<Kept> {
    let mut all = Vec::new();
    for root in roots() {
        let _lock = hold_alone(&root);
        for folder in folders(&root) {
            let is_in_use = is_in_use(&folder);
            let runs = worthy(&folder).into_iter().map(|run| status(&run, is_in_use));
            all.extend(runs.map(|status| Kept { status, is_in_use, folder: folder.clone() }));
        }
    }
    all.sort_by_key(|kept| kept.status.created_unix_seconds);
    all
}

/// Removes what earlier daemons left: what contains no data, and all but the newest of the rest.
pub(crate) fn tidy() -> Tidied {
    roots().iter().map(|root| tidy_in(root)).fold(Tidied::default(), |all, one| Tidied {
        kept: all.kept + one.kept,
        removed: all.removed + one.removed,
    })
}

fn tidy_in(root: &Path) -> Tidied {
    let mut tidied = Tidied::default();
    // Without the lock, a directory whose daemon is just starting could be considered abandoned.
    let Some(_lock) = hold_alone(root) else { return tidied };
    let left = folders(root).into_iter().filter(|folder| !is_in_use(folder));
    let (mut worth, worthless) = left.partition::<Vec<_>, _>(|folder| !worthy(folder).is_empty());
    worthless.iter().for_each(|folder| drop(fs::remove_dir_all(folder)));
    worth.sort_by_key(|folder| std::cmp::Reverse(changed(folder)));
    for (place, folder) in worth.iter().enumerate() {
        let runs = worthy(folder).len();
        if place < KEPT_MAX {
            tidied.kept += runs;
        } else if fs::remove_dir_all(folder).is_ok() {
            tidied.removed += runs;
        }
    }
    tidied
}

/// Possible parent directories: state directories that belong to the user alone. With `sudo`, the home directory may still be
/// another user's, who could place links there; root's directory is then `/var/lib`.
fn roots() -> Vec<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let mut places = Vec::new();
    if let Some(state) = variable("XDG_STATE_HOME") {
        // Created if its parent directory belongs to the user.
        let is_own = |path: &Path| is_own(path) || (!path.exists() && path.parent().is_some_and(is_own));
        places.extend(Some(state).filter(|state| is_own(state)));
    }
    let home = variable("HOME").filter(|home| is_own(home));
    places.extend(home.map(|home| home.join(".local/state")));
    let mut roots = places.into_iter().map(|place| place.join("aiperfd/private")).collect::<Vec<_>>();
    if rustix::process::geteuid().is_root() {
        roots.push(PathBuf::from("/var/lib/aiperfd-private"));
    }
    roots.dedup();
    roots
}

fn is_own(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    path.metadata().is_ok_and(|found| found.is_dir() && found.uid() == user && found.mode() & 0o002 == 0)
}

/// Sets permissions so that only the user can access the directory.
fn only_ours<'a, 'b, 'c>(builder: &'c mut tempfile::Builder<'a, 'b>) -> &'c mut tempfile::Builder<'a, 'b> {
    builder.permissions(fs::Permissions::from_mode(0o700))
}

/// Creates a directory that only the user can access, and its parents.
fn make_private(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    let found = root.symlink_metadata()?;
    let user = rustix::process::geteuid().as_raw();
    if !found.is_dir() || found.uid() != user || found.mode() & 0o077 != 0 {
        return Err(io::Error::other("it does not belong to the user alone"));
    }
    Ok(())
}

/// The lock file of a directory, not locked.
fn lock_of(root: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(root.join(LOCK), flags, Mode::from_raw_mode(0o600))?))
}

/// Takes the exclusive lock, which keeps daemons from starting; gives up after a short time.
fn hold_alone(root: &Path) -> Option<File> {
    let lock = if root.is_dir() { lock_of(root).ok()? } else { return None };
    for _ in 0..ALONE_TRIES {
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Some(lock);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    None
}

/// Whether the daemon of a directory is running.
fn is_in_use(folder: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(lock) = rustix::fs::open(folder.join(LOCK), flags, Mode::empty()) else { return false };
    flock(&lock, FlockOperation::NonBlockingLockShared).is_err()
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// The runs of a directory that recorded data.
fn worthy(folder: &Path) -> Vec<PathBuf> {
    let mut runs = folders(&folder.join("runs"));
    runs.retain(|run| {
        let has_some = |part: &str| {
            let files = fs::read_dir(run.join(part)).into_iter().flatten().flatten();
            files.filter_map(|file| file.metadata().ok()).any(|file| file.is_file() && file.len() > 0)
        };
        run.join("run.json").is_file() || has_some("spool") || has_some("parts")
    });
    runs
}

fn changed(folder: &Path) -> Option<SystemTime> {
    let runs = worthy(folder).into_iter().chain([folder.to_owned()]);
    runs.filter_map(|path| path.metadata().ok()?.modified().ok()).max()
}

/// A run's status, as far as its files show.
fn status(run: &Path, is_in_use: bool) -> Status {
    let name = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let read = |name: &str| {
        let text = source::read(&run.join(name), JSON_BYTES_MAX).ok()?;
        serde_json::from_slice::<Value>(&text).ok()
    };
    let ended = read("run.json");
    // A daemon writes the first status right after the plan.
    let first =
        read("plan.json").and_then(|plan| serde_json::from_value::<Status>(plan.get(1)?.clone()).ok());
    let unknown = Status {
        run_id: name.clone(),
        state: State::Interrupted,
        created_ns: common::clock::MonoNs(0),
        created_unix_seconds: 0,
        target: String::new(),
        model: String::new(),
        standing: None,
        problem: None,
        owner: rustix::process::geteuid().as_raw(),
    };
    let state = match &ended {
        Some(_) => State::Finished,
        None if is_in_use => State::Running,
        None => State::Interrupted,
    };
    let standing = ended.and_then(|run| serde_json::from_value(run["verdict"]["standing"].clone()).ok());
    Status { run_id: name, state, standing, ..first.unwrap_or(unknown) }
}

/// Maximum number of interrupted runs that are kept.
pub(crate) const KEPT_MAX: usize = 16;
const LOCK: &str = "lock";
/// Half a second, longer than a daemon takes to start.
const ALONE_TRIES: u32 = 50;
const JSON_BYTES_MAX: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with a run that has recorded this many bytes.
    fn left(root: &Path, name: &str, recorded: usize) -> PathBuf {
        let run = root.join(name).join("runs").join("0123456789ab");
        fs::create_dir_all(run.join("spool")).unwrap();
        fs::write(run.join("spool/client-0"), vec![1; recorded]).unwrap();
        root.join(name)
    }

    #[test]
    fn empty_state_is_removed_and_state_in_use_is_kept() {
        let root = tempfile::tempdir().unwrap();
        let (empty, kept, used) =
            (left(root.path(), "a", 0), left(root.path(), "b", 9), left(root.path(), "c", 0));
        let lock = lock_of(&used).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        assert_eq!(tidy_in(root.path()), Tidied { kept: 1, removed: 0 }, "one can be recovered");
        assert!(!empty.exists() && kept.exists() && used.exists(), "empty state is removed");
        drop(lock);
        assert_eq!(tidy_in(root.path()), Tidied { kept: 1, removed: 0 }, "the same");
        assert!(!used.exists(), "it is no longer in use");
    }

    #[test]
    fn the_state_of_a_starting_daemon_is_kept() {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut folder = Folder::create_in(root.path()).unwrap();
        assert_eq!(folder.path().metadata().unwrap().mode() & 0o777, 0o700, "accessible to the user only");
        assert_eq!(tidy_in(root.path()), Tidied::default(), "nothing is removed");
        assert!(folder.path().exists(), "it stays");
        folder.started();
        tidy_in(root.path());
        assert!(!folder.path().exists(), "without a daemon it is removed");
    }

    #[test]
    fn the_newest_are_kept() {
        let root = tempfile::tempdir().unwrap();
        (0..KEPT_MAX + 3).for_each(|number| drop(left(root.path(), &format!("n{number}"), 1)));
        assert_eq!(tidy_in(root.path()), Tidied { kept: KEPT_MAX, removed: 3 }, "of three too many");
        assert_eq!(folders(root.path()).len(), KEPT_MAX, "the others are removed");
    }

    #[test]
    fn a_directory_that_others_can_access_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let open = root.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(make_private(&open).is_err(), "others can access it");
        std::os::unix::fs::symlink(&open, root.path().join("link")).unwrap();
        assert!(make_private(&root.path().join("link")).is_err(), "a link");
        assert!(make_private(&root.path().join("a/b")).is_ok(), "created with its parents");
        assert!(!is_own(Path::new("/tmp")), "everybody's");
    }

    #[test]
    fn files_show_the_state_of_a_run() {
        let root = tempfile::tempdir().unwrap();
        let run = left(root.path(), "a", 9).join("runs/0123456789ab");
        assert_eq!(status(&run, false).state, State::Interrupted, "without run.json");
        assert_eq!(status(&run, true).state, State::Running, "while its daemon is running");
        fs::write(run.join("run.json"), r#"{"verdict":{"standing":"degraded"}}"#).unwrap();
        let status = status(&run, false);
        assert_eq!((status.state, status.run_id.as_str()), (State::Finished, "0123456789ab"), "{status:?}");
        assert_eq!(status.standing, Some(record::Standing::Degraded), "{status:?}");
    }
}
