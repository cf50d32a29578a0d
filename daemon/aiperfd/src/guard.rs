//! A process that outlives the daemon by a moment: it keeps a spawner running, and removes the daemon's cgroup in the end.
//!
//! ```text
//! aiperfd ◀── socket ──▶ spawner ◀── is the child of, started again when it dies ── guard
//! ```
//!
//! Probes are links that end with the process that holds them, and load generators end when their socket does; only the
//! empty cgroup would stay behind a daemon that was killed.

use crate::{cgroup, privileges};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts the guard. It ends when the daemon's end of `orders` closes.
///
/// # Errors
/// When it can't be started.
pub fn start(loadgen: &Path, cgroup: Option<&Path>, orders: OwnedFd) -> Result<Child> {
    let mut command = of_this_program("guard");
    command.arg("--loadgen").arg(loadgen).stdin(Stdio::from(orders));
    if let Some(cgroup) = cgroup {
        command.arg("--cgroup").arg(cgroup).arg("--daemon").arg(std::process::id().to_string());
    }
    command.spawn().context("failed to start the guard")
}

/// The guard itself.
///
/// # Errors
/// When privileges can't be dropped, or the cgroup not be removed.
pub fn run(loadgen: &Path, cgroup: Option<&Path>, daemon: Option<u32>) -> Result<()> {
    privileges::keep_only_for_guarding()?;
    for attempt in 0_u32.. {
        let orders =
            std::io::stdin().as_fd().try_clone_to_owned().context("failed to share standard input")?;
        let mut command = of_this_program("spawner");
        command.arg("--loadgen").arg(loadgen).stdin(Stdio::from(orders));
        let ended = command.spawn().and_then(|mut child| child.wait());
        match ended {
            // The daemon is gone.
            Ok(status) if status.success() => break,
            Ok(status) if status.code().is_some() && attempt == 0 => {
                anyhow::bail!("the spawner of load generators ended at once with {status}")
            }
            Ok(status) => {
                tracing::warn!("the spawner of load generators ended with {status}; starting another one")
            }
            Err(error) => tracing::warn!("failed to start the spawner of load generators: {error}"),
        }
        if attempt >= STARTS_MAX {
            anyhow::bail!("the spawner of load generators died {STARTS_MAX} times");
        }
        std::thread::sleep(PAUSE);
    }
    if let Some(daemon) = daemon {
        cgroup::remove_guests_of(daemon);
    }
    cgroup.map_or(Ok(()), cgroup::remove)
}

/// This program again, as another process: with nothing of the daemon's environment but the log's settings.
fn of_this_program(part: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("aiperfd").arg(part).stdout(Stdio::null()).process_group(0).env_clear();
    if let Ok(filter) = std::env::var(LOG_FILTER) {
        command.env(LOG_FILTER, filter);
    }
    command
}

/// The environment's filter of log messages, which all processes of the daemon have.
pub(crate) const LOG_FILTER: &str = "AIPERFD_LOG";
/// More than any accident; a spawner that dies at each start must not be started for ever.
const STARTS_MAX: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(20);
