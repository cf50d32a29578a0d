//! What the daemon may do: it begins as root or not, and keeps only what its probes need.

use anyhow::{Context, Result};
use caps::{CapSet, Capability, CapsHashSet};
use std::fs;

/// Who the load generator runs as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadgenUser {
    /// The user and group number, or `None` for the daemon's own.
    pub ids: Option<(u32, u32)>,
    /// How to call it in messages.
    pub name: String,
}

/// The user named [`USER`] if the host has one, else a number that no user has; without root, nobody else.
pub fn loadgen_user() -> Result<LoadgenUser> {
    if !rustix::process::geteuid().is_root() {
        return Ok(LoadgenUser { ids: None, name: "the daemon's own user".to_owned() });
    }
    let passwd = fs::read_to_string("/etc/passwd").context("failed to read `/etc/passwd`")?;
    let mut taken = Vec::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (name, uid, gid) = (fields.next(), fields.nth(1), fields.next());
        let (Some(uid), Some(gid)) = (number(uid), number(gid)) else { continue };
        if name == Some(USER) {
            return Ok(LoadgenUser { ids: Some((uid, gid)), name: USER.to_owned() });
        }
        taken.push(uid);
    }
    let free = FREE_IDS
        .rev()
        .find(|id| !taken.contains(id))
        .context("no user number is free for the load generator")?;
    Ok(LoadgenUser { ids: Some((free, free)), name: format!("uid {free}") })
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

/// Gives up everything but [`NEEDED`], for good. Must run before any thread is started: capabilities are per thread.
pub fn keep_only_needed() -> Result<()> {
    restrict(&held_of(&NEEDED)?)
}

/// Gives up everything but the right to remove a cgroup from the hierarchy's root, for good.
pub fn keep_only_for_removal() -> Result<()> {
    restrict(&held_of(&[Capability::CAP_DAC_OVERRIDE])?)
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

/// What the probes and the pinning of the collector take.
const NEEDED: [Capability; 4] =
    [Capability::CAP_BPF, Capability::CAP_NET_ADMIN, Capability::CAP_PERFMON, Capability::CAP_SYS_NICE];
/// The load generator's user, if an administrator has made one.
const USER: &str = "aiperf-loadgen";
/// Members may use the control socket.
const GROUP: &str = "aiperf";
/// Numbers that distributions leave to dynamic users (systemd's range).
const FREE_IDS: std::ops::Range<u32> = 61184..61200;

#[cfg(test)]
mod tests {
    use super::*;
    use doctor::stamps::CAPABILITIES_NEEDED;
    use std::collections::BTreeSet;

    /// What it takes to start processes of the load generator's user.
    const AT_START: [Capability; 2] = [Capability::CAP_SETGID, Capability::CAP_SETUID];

    #[test]
    fn the_checks_of_the_host_look_for_what_is_needed() {
        let checked = CAPABILITIES_NEEDED.iter().map(|one| (one.name.to_owned(), 1_u64 << one.bit));
        let needed = NEEDED.iter().map(|one| (one.to_string(), one.bitmask()));
        assert_eq!(checked.collect::<BTreeSet<_>>(), needed.collect(), "names and bits");
    }

    /// The packaged unit bounds the daemon to what this file says it takes, and to nothing else.
    #[test]
    fn the_unit_allows_what_is_needed() {
        let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/aiperfd.service");
        let unit = fs::read_to_string(unit).unwrap();
        let lines = unit.lines().filter_map(|line| line.strip_prefix("CapabilityBoundingSet="));
        let allowed = lines.flat_map(str::split_whitespace).map(str::to_owned).collect::<BTreeSet<_>>();
        let needed = NEEDED
            .into_iter()
            .chain(AT_START)
            .map(|capability| capability.to_string())
            .collect::<BTreeSet<_>>();
        assert_eq!(allowed, needed, "CapabilityBoundingSet of the unit");
        assert!(
            unit.lines().all(|line| !line.starts_with("AmbientCapabilities=")),
            "root has no use for them"
        );
    }
}
