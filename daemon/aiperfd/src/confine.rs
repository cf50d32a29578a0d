//! What the daemon may still touch of the host's files once it has started, by Landlock where the kernel has it.
//!
//! It stays user 0, which owns most files of a host: without this a daemon that was taken over could write them. Afterwards
//! it can write below its state directory, its socket's directory, the cgroups and the devices; it can execute nothing, and
//! neither bind nor connect a TCP socket.

use anyhow::Result;
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus,
};
use std::path::Path;

/// Confines this thread and all that it starts. Must be called before any other thread is started.
pub(crate) fn to(state_dir: &Path, socket_dir: Option<&Path>, cgroups: Option<&Path>) {
    match restrict(&[Some(state_dir), socket_dir, cgroups, Some(Path::new("/dev"))]) {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Ok(RulesetStatus::NotEnforced) => {
            tracing::info!("this kernel has no Landlock: the daemon's files are not confined");
        }
        Err(error) => tracing::warn!("the daemon's files are not confined: {error:#}"),
    }
}

fn restrict(places: &[Option<&Path>]) -> Result<RulesetStatus> {
    // Reading is not restricted: what the daemon reads of the host is decided by its code alone, and is no secret of users.
    let writes = AccessFs::from_write(RULES) | AccessFs::Execute;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(writes)?
        .handle_access(AccessNet::from_all(RULES))?
        .create()?;
    let files = AccessFs::from_write(RULES) & !AccessFs::Execute;
    for place in places.iter().flatten() {
        // A place that is not there needs no rule.
        if let Ok(opened) = PathFd::new(place) {
            rules = rules.add_rule(PathBeneath::new(opened, files))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// The newest rules that this was written for; older kernels enforce what they know of them.
const RULES: ABI = ABI::V5;
