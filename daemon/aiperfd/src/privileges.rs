//! The daemon's privileges: it starts as root or not, and keeps only what its probes need.

use crate::threads::lock;
use anyhow::{Context, Result};
use caps::{CapSet, Capability, CapsHashSet};
use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

/// The user that a load generator runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity(Option<u32>);

/// The user numbers that load generators get, one for each run.
#[derive(Debug)]
pub struct Identities {
    /// Numbers that no user of the host has; none where the daemon may not change users.
    free: Vec<u32>,
    held: Mutex<BTreeSet<u32>>,
}

/// A user number that no other run has while this value is there.
#[derive(Debug)]
pub struct Lent<'a> {
    identities: &'a Identities,
    uid: Option<u32>,
}

impl Identity {
    /// The user number; none for the daemon's own.
    #[must_use]
    pub const fn uid(self) -> Option<u32> {
        self.0
    }
}

impl Identities {
    /// Those of this host. Without the right to change users, or where its user namespace has no numbers to spare, there are
    /// none.
    #[must_use]
    pub fn of_host() -> Self {
        let may = [Capability::CAP_SETUID, Capability::CAP_SETGID]
            .iter()
            .all(|capability| caps::has_cap(None, CapSet::Effective, *capability).unwrap_or(false));
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let groups_fixed = read("/proc/self/setgroups").trim() == "deny";
        let free = if may && !groups_fixed {
            free_ids(&read("/etc/passwd"), &read("/proc/self/uid_map"), &read("/proc/self/gid_map"))
        } else {
            Vec::new()
        };
        Self { free, held: Mutex::default() }
    }

    /// A number that neither a run nor any process of the host has; the daemon's own user where there is none.
    pub fn lend(&self) -> Lent<'_> {
        let mut held = lock(&self.held);
        let used = if self.free.is_empty() { BTreeSet::new() } else { users_of_processes() };
        // Private daemons of root choose at the same time: from different places.
        let begin = usize::try_from(std::process::id()).unwrap_or(0) * STRIDE + held.len();
        let places = (0..self.free.len()).map(|place| self.free[(begin + place) % self.free.len()]);
        let uid = places.into_iter().find(|uid| !held.contains(uid) && !used.contains(uid));
        held.extend(uid);
        Lent { identities: self, uid }
    }

    /// How to call them in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match (self.free.first(), self.free.last()) {
            (Some(first), Some(last)) => {
                format!("a user number of its own for each run, from {first} to {last}")
            }
            _ => "the daemon's own user".to_owned(),
        }
    }
}

impl Lent<'_> {
    /// The identity.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        Identity(self.uid)
    }
}

impl Lent<'_> {
    /// Keeps the number for as long as the daemon runs.
    #[must_use]
    pub fn keep(mut self) -> Identity {
        let identity = self.identity();
        self.uid = None;
        identity
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(uid) = self.uid {
            lock(&self.identities.held).remove(&uid);
        }
    }
}

/// Numbers of [`FREE_IDS`] that are mapped in this user namespace and that no user has.
fn free_ids(passwd: &str, uid_map: &str, gid_map: &str) -> Vec<u32> {
    let taken = passwd.lines().filter_map(|line| number(line.split(':').nth(2))).collect::<BTreeSet<_>>();
    let is_mapped = |map: &str, id: u32| {
        map.lines().any(|line| {
            let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
            let (inside, _, count) = (fields.next(), fields.next(), fields.next());
            let (inside, count) = (inside.unwrap_or(0), count.unwrap_or(0));
            (inside..inside.saturating_add(count)).contains(&id.into())
        })
    };
    let free = |id: &u32| !taken.contains(id) && is_mapped(uid_map, *id) && is_mapped(gid_map, *id);
    FREE_IDS.filter(free).collect()
}

/// The users that the processes of this host run as.
fn users_of_processes() -> BTreeSet<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    });
    // A process that is not dumpable appears to be root's: its status file has the user.
    let uid_of = |entry: fs::DirEntry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        number(status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next())
    };
    numbered.filter_map(uid_of).collect()
}

/// The number of the group whose members may use the control socket, if the host has it.
pub fn client_group() -> Option<u32> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    let line = groups.lines().find(|line| line.split(':').next() == Some(GROUP))?;
    number(line.split(':').nth(2))
}

/// Which of [`NEEDED`] this process lacks, by name.
pub fn missing() -> Vec<String> {
    NEEDED
        .iter()
        .filter(|capability| !caps::has_cap(None, CapSet::Effective, **capability).unwrap_or(false))
        .map(ToString::to_string)
        .collect()
}

/// Drops everything but [`NEEDED`], for good. Must run before any thread is started: capabilities are per thread.
pub fn keep_only_needed() -> Result<()> {
    restrict(&held_of(&NEEDED)?)
}

/// Drops everything but what the guard and its spawner need, for good: to start and end processes of other users, and to
/// remove a cgroup from the hierarchy's root.
pub fn keep_only_for_guarding() -> Result<()> {
    restrict(&held_of(&[GUARDING.as_slice(), &[Capability::CAP_DAC_OVERRIDE]].concat())?)
}

/// Drops everything but the privileges to start and end processes of other users, for good.
pub fn keep_only_for_spawning() -> Result<()> {
    restrict(&held_of(&GUARDING)?)
}

/// Keeps other processes, of the same user too, from reading this one's memory; children gain no rights by what they execute;
/// files are the owner's alone. Must run first of all.
pub fn shut() -> Result<()> {
    rustix::thread::set_no_new_privs(true).context("failed to set no_new_privs")?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("failed to keep other processes out of this one's memory")?;
    rustix::process::umask(Mode::from_raw_mode(0o077));
    Ok(())
}

/// Raises the number of descriptors to the host's limit: each connection and each watch needs some.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If it is refused the limit stays as it was, and connections are refused when it is reached.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).ok();
}

/// Which of these this process has.
fn held_of(wanted: &[Capability]) -> Result<CapsHashSet> {
    let held = caps::read(None, CapSet::Permitted).context("failed to read own capabilities")?;
    Ok(wanted.iter().copied().filter(|capability| held.contains(capability)).collect())
}

fn restrict(keep: &CapsHashSet) -> Result<()> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).unwrap_or(false) {
        for capability in caps::all() {
            // The kernel may know fewer than the library; what it does not know needs no dropping.
            if !keep.contains(&capability)
                && caps::has_cap(None, CapSet::Bounding, capability).unwrap_or(false)
            {
                caps::drop(None, CapSet::Bounding, capability)
                    .context("failed to drop a bounding capability")?;
            }
        }
    }
    rustix::thread::set_no_new_privs(true).context("failed to set no_new_privs")?;
    caps::clear(None, CapSet::Ambient).ok();
    caps::set(None, CapSet::Effective, keep).context("failed to drop effective capabilities")?;
    caps::set(None, CapSet::Permitted, keep).context("failed to drop permitted capabilities")?;
    caps::clear(None, CapSet::Inheritable).context("failed to drop inheritable capabilities")?;
    Ok(())
}

fn number(field: Option<&str>) -> Option<u32> {
    field?.parse().ok()
}

/// The capabilities that the probes and the pinning of the collector need.
const NEEDED: [Capability; 4] =
    [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON, Capability::CAP_SYS_NICE];
/// The capabilities needed to start and end processes of other users.
const GUARDING: [Capability; 3] = [Capability::CAP_KILL, Capability::CAP_SETGID, Capability::CAP_SETUID];
/// Members may use the control socket.
const GROUP: &str = "aiperf";
/// Numbers that no distribution assigns: between systemd's host users in containers and its dynamic users
/// (https://systemd.io/UIDS-GIDS).
const FREE_IDS: std::ops::Range<u32> = 60578..61184;
/// Coprime to their number, so that neighbouring process numbers start far apart.
const STRIDE: usize = 101;

#[cfg(test)]
mod tests {
    use super::*;
    use doctor::stamps::CAPABILITIES_NEEDED;

    #[test]
    fn the_checks_of_the_host_look_for_what_is_needed() {
        let checked = CAPABILITIES_NEEDED.iter().map(|one| (one.name.to_owned(), 1_u64 << one.bit));
        let needed = NEEDED.iter().map(|one| (one.to_string(), one.bitmask()));
        assert_eq!(checked.collect::<BTreeSet<_>>(), needed.collect(), "names and bits");
    }

    #[test]
    fn numbers_are_free_where_they_are_mapped_and_not_used() {
        let everything = "         0          0 4294967295\n";
        let free = free_ids("a:x:60578:1::/:\nb:x:0:0::/:\n", everything, everything);
        assert_eq!((free.first(), free.len()), (Some(&60579), 605), "but the one that a user has");
        assert_eq!(free_ids("", "0 1000 1\n", everything), [0; 0], "a namespace of one user has none");
        assert_eq!(free_ids("", "0 100000 65536\n", "0 100000 65536\n").len(), 606, "a container's has");
    }

    #[test]
    fn no_two_runs_have_the_same_number() {
        let identities = Identities { free: vec![60600, 60601], held: Mutex::default() };
        let (first, second, third) = (identities.lend(), identities.lend(), identities.lend());
        assert_ne!(first.identity(), second.identity(), "a number each");
        assert_eq!(third.identity().uid(), None, "none is left");
        let again = first.identity();
        drop(first);
        assert_eq!(identities.lend().identity(), again, "one that was returned");
    }

    /// The packaged unit bounds the daemon to what this file states that it needs, and to nothing else.
    #[test]
    fn the_unit_allows_what_is_needed() {
        let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/aiperfd.service");
        let unit = fs::read_to_string(unit).unwrap();
        let lines = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let allowed = lines.flat_map(str::split_whitespace).map(str::to_owned).collect::<BTreeSet<_>>();
        let needed = NEEDED
            .into_iter()
            .chain(GUARDING)
            .map(|capability| capability.to_string())
            .collect::<BTreeSet<_>>();
        assert_eq!(allowed, needed, "CapabilityBoundingSet of the unit");
        assert!(
            unit.lines().all(|line| !line.starts_with("AmbientCapabilities=")),
            "root has no use for them"
        );
    }
}
