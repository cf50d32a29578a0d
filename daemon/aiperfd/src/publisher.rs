//! The process that serves Prometheus and browsers: as the load generator's user, without a capability. The daemon only
//! sends to it and reads nothing from it, so nothing from the network reaches the daemon.

use crate::config::Publish;
use crate::privileges::Identity;
use anyhow::{Context, Result};
use control::Published;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The process, which ends with this value.
#[derive(Debug)]
pub struct Publisher {
    process: Child,
    input: Option<BufWriter<ChildStdin>>,
}

impl Publisher {
    /// Starts it as a user of its own from the program at `program`, which is `aiperf-ctl`.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(program: &Path, identity: Identity, publish: &Publish) -> Result<Self> {
        // Opened here, as the user may not be allowed to walk the path.
        let opened = File::open(program).with_context(|| {
            format!("failed to open `{}`, which publishes what is watched", program.display())
        })?;
        let mut command = Command::new(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        command.env_clear().arg0("aiperf-ctl").args(["publish", "--listen", &publish.listen.to_string()]);
        if let Some(url) = &publish.otel_url {
            // Not as an argument, which any user may read: the address may contain a key.
            command.env(OTEL_URL, url);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::null()).current_dir("/").process_group(0);
        if let Some(uid) = identity.uid() {
            command.uid(uid).gid(uid);
        }
        let mut process =
            command.spawn().with_context(|| format!("failed to start `{}`", program.display()))?;
        let input = process.stdin.take().map(BufWriter::new);
        Ok(Self { process, input })
    }

    /// Sends it a message.
    ///
    /// # Errors
    /// When it has ended.
    pub fn send(&mut self, published: &Published) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        serde_json::to_writer(&mut *input, published)?;
        input.write_all(b"\n")
    }

    /// Flushes its messages.
    ///
    /// # Errors
    /// When it has ended.
    pub fn flush(&mut self) -> io::Result<()> {
        self.input.as_mut().map_or(Ok(()), Write::flush)
    }
}

/// What `aiperf-ctl publish` reads the collector's address from.
const OTEL_URL: &str = "AIPERFD_OTEL_URL";

impl Drop for Publisher {
    fn drop(&mut self) {
        drop(self.input.take());
        self.process.wait().ok();
    }
}
