//! A process that outlives the daemon by a moment: it removes the daemon's cgroup if the daemon could not.
//!
//! Probes are links that end with the process that holds them, and load generators end when their socket does; only
//! the empty cgroup would stay behind a daemon that was killed.

use crate::{cgroup, privileges};
use anyhow::{Context, Result};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts the guard of a cgroup. It ends when the child's standard input does.
pub fn start(cgroup: &Path) -> Result<Child> {
    Command::new("/proc/self/exe")
        .arg0("aiperfd")
        .arg("guard")
        .arg("--cgroup")
        .arg(cgroup)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        // The service manager hears from the daemon alone.
        .env_remove("NOTIFY_SOCKET")
        .process_group(0)
        .spawn()
        .context("failed to start the guard")
}

/// The guard itself: holds one capability, to remove a directory of a root that is writable by nobody; waits for the end of its input, cleans up.
pub fn run(path: &Path) -> Result<()> {
    privileges::keep_only_for_removal()?;
    let mut nothing = [0];
    while std::io::stdin().read(&mut nothing).unwrap_or(0) > 0 {}
    cgroup::remove(path)
}
