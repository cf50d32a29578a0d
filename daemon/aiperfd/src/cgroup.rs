//! The cgroups of the daemon and of its runs: what is in one is what the probes see.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the daemon makes its cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the hierarchy's root.
    Root,
    /// Below the cgroup that the daemon runs in, which its service manager has delegated to it.
    Delegated,
}

/// The daemon's own cgroup, which contains those of its runs.
///
/// The guard removes it: no user may write to the hierarchy's root (mode 0555), so removing it needs a capability that the
/// daemon drops. A delegated cgroup belongs to the daemon's user, and needs none.
#[derive(Debug)]
pub struct Subtree {
    path: PathBuf,
}

/// A run's cgroup, removed with everything in it when this value is dropped.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Subtree {
    /// Makes it, and removes what dead daemons left.
    pub fn create(place: Place) -> Result<Self> {
        let parent = match place {
            Place::Root => unified_mount()?,
            Place::Delegated => own()?,
        };
        sweep(&parent);
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        make(&path)?;
        Ok(Self { path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A cgroup for processes of a user, below the cgroup of the requesting process: they stay within their limits. They are
    /// moved back, not ended, when it is removed.
    ///
    /// # Errors
    /// When that cgroup is another user's.
    pub fn guest(&self, run_id: &str, pid: Option<u32>) -> Result<Cgroup> {
        let name = format!("{GUEST}{}-{run_id}", std::process::id());
        let home = pid.map(path_of_process).transpose()?.flatten();
        let home = home.map(|path| below_root(&path)).transpose()?.flatten();
        match home.filter(|home| unified_mount().is_ok_and(|root| *home != root)) {
            // The hierarchy's root has no limits.
            None => self.child(&name),
            Some(home) => Cgroup::create(home.join(&name)).with_context(|| {
                format!(
                    "a command can't be watched below its own cgroup `{}`, which keeps its limits in force; run it in a cgroup that \
                     root may divide: a login session, or a service",
                    home.display()
                )
            }),
        }
    }

    /// A cgroup for a run.
    pub fn child(&self, name: &str) -> Result<Cgroup> {
        Cgroup::create(self.path.join(name))
    }
}

impl Cgroup {
    fn create(path: PathBuf) -> Result<Self> {
        make(&path)?;
        Ok(Self { path })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves a process into it. Sockets that the process opens from now on belong to it.
    pub fn take(&self, pid: u32) -> Result<()> {
        let procs = self.path.join("cgroup.procs");
        fs::write(&procs, pid.to_string())
            .with_context(|| format!("failed to move process {pid} into `{}`", self.path.display()))
    }

    /// Moves a process of a user into it, from the cgroup in which the run was requested and from no other.
    ///
    /// # Errors
    /// When it is in another one.
    pub fn adopt(&self, pid: u32) -> Result<()> {
        let is = path_of_process(pid)?.map(|path| below_root(&path)).transpose()?.flatten();
        let (home, root) = (put_back_to(&self.path)?, unified_mount()?);
        if is.as_ref() != Some(&home) && !(home == root && is.is_none()) {
            bail!(
                "process {pid} is in another cgroup than the one in which the run was requested (`{}`)",
                home.display()
            );
        }
        self.take(pid)
    }

    /// Whether a process is in it or below it.
    pub fn is_populated(&self) -> bool {
        let events = fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == "populated 1")
    }

    /// The directory, for attaching programs.
    pub fn open(&self) -> Result<fs::File> {
        fs::File::open(&self.path)
            .with_context(|| format!("failed to open the cgroup `{}`", self.path.display()))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!("{error:#}");
        }
    }
}

/// Ends every process in a cgroup and those below it, then removes them.
pub fn remove(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    if path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(GUEST)) {
        let_go(path);
    }
    // Since 5.14; on older kernels the processes have ended with the daemon's sockets anyway.
    fs::write(path.join("cgroup.kill"), "1").ok();
    for entry in fs::read_dir(path).with_context(|| format!("failed to read `{}`", path.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    // A killed process leaves its cgroup when it is reaped, a little later.
    let mut attempts = 0;
    while let Err(error) = fs::remove_dir(path) {
        attempts += 1;
        if !path.exists() {
            break;
        }
        if attempts == REMOVE_ATTEMPTS {
            return Err(error).with_context(|| format!("failed to remove the cgroup `{}`", path.display()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Moves processes of a user back to where they were. One that was just forked is found by the next look.
fn let_go(path: &Path) {
    let Ok(home) = put_back_to(path) else { return };
    for _ in 0..LET_GO_ATTEMPTS {
        let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        if processes.is_empty() {
            return;
        }
        for process in processes.lines() {
            fs::write(home.join("cgroup.procs"), process).ok();
        }
    }
}

/// Where processes of a guest's cgroup come from: the cgroup above it, or the hierarchy's root if that one is the daemon's.
fn put_back_to(path: &Path) -> Result<PathBuf> {
    let above = path.parent().context("a cgroup is below another one")?;
    let is_ours =
        above.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if is_ours { unified_mount() } else { Ok(above.to_owned()) }
}

/// Removes what a daemon that has ended, or is about to, has left in the cgroups of users.
pub fn remove_guests_of(daemon: u32) {
    if let Ok(root) = unified_mount() {
        remove_guests(&root, &|pid| pid == daemon, GUEST_DEPTH);
    }
}

fn remove_guests(below: &Path, is_over: &dyn Fn(u32) -> bool, depth: u32) {
    let entries = fs::read_dir(below).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        let name = entry.file_name();
        let guest = name.to_str().and_then(|name| name.strip_prefix(GUEST)?.split_once('-'));
        match guest.and_then(|(pid, _)| pid.parse().ok()) {
            Some(pid) if is_over(pid) => {
                if let Err(error) = remove(&entry.path()) {
                    tracing::warn!("{error:#}");
                }
            }
            _ if depth > 0 => remove_guests(&entry.path(), is_over, depth - 1),
            _ => {}
        }
    }
}

/// Whether a process, and what it executes, can gain no privilege.
pub fn has_no_new_privileges(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.lines().any(|line| line.split_whitespace().eq(["NoNewPrivs:", "1"]))
}

/// The user of a process, if there is such a process. Its folder may be root's all the same, if it is not dumpable.
pub fn owner_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
}

/// The cgroup that a process is in, by its path below the hierarchy's root, if it is in one of version 2.
pub fn path_of_process(pid: u32) -> Result<Option<String>> {
    let path = format!("/proc/{pid}/cgroup");
    let text = fs::read_to_string(&path)
        .with_context(|| format!("failed to read `{path}`: is there such a process?"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned))
}

/// The cgroup that this process is in.
fn own() -> Result<PathBuf> {
    let path = path_of_process(std::process::id())?;
    let path = path.map(|path| below_root(&path)).transpose()?.flatten();
    path.context("this process is in no cgroup of version 2: start aiperfd without --delegated-cgroup")
}

/// The cgroup of a systemd unit, by its path below the hierarchy's root: it has the unit's name.
pub fn of_unit(unit: &str) -> Result<Option<String>> {
    let root = unified_mount()?;
    let is_plain = Path::new(unit).components().count() == 1 && !unit.contains('/') && unit != "..";
    let found = if is_plain { named(&root, unit, UNIT_DEPTH) } else { None };
    Ok(found.and_then(|path| path.strip_prefix(&root).ok()?.to_str().map(str::to_owned)))
}

/// The nearest cgroup of this name below a path.
fn named(path: &Path, name: &str, depth: u32) -> Option<PathBuf> {
    let candidate = path.join(name);
    if candidate.is_dir() {
        return Some(candidate);
    }
    let below =
        fs::read_dir(path).ok()?.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut below = below.filter(|_| depth > 0);
    below.find_map(|entry| named(&entry.path(), name, depth - 1))
}

/// The cgroup at a path below the hierarchy's root; none if the path leads out of it.
pub fn below_root(path: &str) -> Result<Option<PathBuf>> {
    let root = unified_mount()?;
    let relative = Path::new(path.trim_start_matches('/'));
    let is_plain = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    Ok(is_plain.then(|| root.join(relative)))
}

fn make(path: &Path) -> Result<()> {
    fs::create_dir(path).with_context(|| format!("failed to create the cgroup `{}`", path.display()))
}

/// Removes cgroups of dead daemons.
fn sweep(root: &Path) {
    if let Ok(mount) = unified_mount() {
        remove_guests(&mount, &is_over, GUEST_DEPTH);
    }
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        let is_left = pid.parse::<u32>().is_ok_and(is_over);
        if is_left && let Err(error) = remove(&entry.path()) {
            tracing::warn!("{error:#}");
        }
    }
}

/// Whether a process has ended, though its parent may not have reaped it.
fn is_over(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, after)| after.starts_with('Z'))
}

/// Where cgroup v2 is mounted: at `/sys/fs/cgroup`, or next to v1 somewhere below it.
pub(crate) fn unified_mount() -> Result<PathBuf> {
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").context("failed to read `/proc/self/mountinfo`")?;
    let mount = doctor::cgroup::unified(&mounts);
    let mount = mount.context("cgroup v2 is not mounted: mount it, or use --timestamps so_timestamping")?;
    Ok(PathBuf::from(mount.path))
}

/// The start of the names of users' cgroups, before the daemon and the run.
const GUEST: &str = "aiperfd-watch-";
/// Users' cgroups that lie deeper are not searched for what a killed daemon left.
const GUEST_DEPTH: u32 = 12;
const LET_GO_ATTEMPTS: u32 = 100;
/// Slices that a unit lies below.
const UNIT_DEPTH: u32 = 8;
const REMOVE_ATTEMPTS: u32 = 200;
/// The start of the name of the daemon's cgroup, before its process number.
const PREFIX: &str = "aiperfd-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("user.slice/user-7.slice/a.service");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(named(folder.path(), "a.service", UNIT_DEPTH), Some(deep), "below its slices");
        assert_eq!(named(folder.path(), "b.service", UNIT_DEPTH), None, "not there");
    }
}
