//! A daemon for a test, and commands to it.

use crate::client::{Ended, Run};
use crate::{patience, programs};
use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running daemon, stopped on drop.
#[derive(Debug)]
pub struct Daemon {
    process: Child,
    /// Where its runs are stored; outlives it, so that another daemon can continue with them.
    pub state: PathBuf,
    /// Its control socket.
    pub socket: PathBuf,
    _folder: TempDir,
}

impl Daemon {
    /// Starts one whose runs are stored in this directory.
    #[must_use]
    pub fn start(state: &Path) -> Self {
        Self::configured(state, None)
    }

    /// Starts one with a configuration file.
    #[must_use]
    pub fn configured(state: &Path, config: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("control.sock");
        let file = folder.path().join("aiperfd.toml");
        std::fs::write(&file, config.unwrap_or_default()).unwrap();
        let process = started(&socket, &file, state);
        Self { process, state: state.to_owned(), socket, _folder: folder }
    }

    /// Starts another one in place of a killed one, as a service manager does.
    pub fn again(&mut self) {
        self.process = started(&self.socket, &self._folder.path().join("aiperfd.toml"), &self.state);
    }

    /// Lets every user connect, as with a group of clients.
    #[must_use]
    pub fn for_all_users(self) -> Self {
        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        open(self._folder.path(), 0o755);
        open(&self.socket, 0o666);
        self
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Runs `aiperf-ctl runs` with these arguments.
    #[must_use]
    pub fn runs(&self, arguments: &str) -> Ended {
        let mut run = Run::of("runs");
        run.command.args(arguments.split_whitespace());
        run.with(self).end()
    }

    /// The output of `aiperf-ctl runs show`.
    #[must_use]
    pub fn show(&self, run_id: &str) -> Value {
        let shown = self.runs(&format!("show {run_id}"));
        assert_eq!(shown.status, Some(0), "{}", shown.err);
        serde_json::from_str(&shown.out).unwrap()
    }

    /// The ids of all runs, the oldest first, as `aiperf-ctl runs list` shows them.
    #[must_use]
    pub fn run_ids(&self) -> Vec<String> {
        let listed = self.runs("list");
        assert_eq!(listed.status, Some(0), "{}", listed.err);
        let ids = listed.out.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        ids.map(str::to_owned).collect()
    }

    /// Waits until there is a run in this state; returns its id.
    #[must_use]
    pub fn run_that_is(&self, state: &str) -> String {
        patience::until(state, || self.run_ids().into_iter().find(|id| self.show(id)["state"] == state))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        crate::client::signal(&self.process, signal);
    }

    /// Waits for its exit; true if it succeeded.
    #[must_use]
    pub fn ends_well(&mut self) -> bool {
        patience::end_of(&mut self.process).is_some_and(|status| status.success())
    }

    /// Kills it, as the kernel does when memory runs out, and waits for its exit.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn started(socket: &Path, config: &Path, state: &Path) -> Child {
    let mut process = Command::new(programs::folder().join("aiperfd"))
        .arg("--config")
        .arg(config)
        .arg("--socket")
        .arg(socket)
        .arg("--state-dir")
        .arg(state)
        .arg("--quit-on-stdin-eof")
        .env("AIPERFD_LOG", "warn")
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    patience::until("the daemon to listen", || {
        assert_eq!(process.try_wait().unwrap(), None, "the daemon exited at once");
        UnixStream::connect(socket).ok()
    });
    process
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        patience::end_of(&mut self.process);
    }
}
