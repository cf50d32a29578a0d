//! The tarball: unpacked and used, then installed by hand as a service.

use super::Trial;
use super::measured;
use super::root::{Root, User};
use crate::process::say;
use anyhow::{Result, ensure};

/// Both uses.
pub(super) fn run(trial: &Trial<'_>) -> Result<()> {
    let package = trial.package("aiperfd-", "-linux.tar.gz")?;
    say(&format!("the tarball, {}", package.display()));
    let root = Root::debian(trial.project)?;
    root.give(&package)?;
    root.sh(User::Root, &format!("cd /packages\n{}", trial.block("tarball")?))?;
    measured::check(&root.path().join("packages/artifacts"), "ebpf")?;
    root.sh(User::Root, &format!("cd /packages\n{}", trial.block("tarball-service")?))?;
    let verify = "systemd-analyze verify aiperfd.service aiperfd.socket 2>&1 | grep -v \"'man \" || true";
    let verified = root.sh(User::Root, verify)?;
    ensure!(verified.trim().is_empty(), "systemd complains of the units: {verified}");
    root.sh(User::Root, "systemctl is-enabled aiperfd.socket && getent group aiperf >/dev/null")?;
    Ok(())
}
