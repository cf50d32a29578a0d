//! Runs a private daemon: a child of this process that only this process can reach, for the duration of a run.
//!
//! ```text
//! aiperf-ctl ──┬── socketpair (SEQPACKET) ── standard input of aiperfd --private
//!              └── for each connection a socketpair (STREAM), one end passed over it
//! ```
//!
//! None of its sockets has a name, so no other process can impersonate the daemon or connect to it. It exits when this end of
//! its standard input is closed, which the kernel does however this process ends.
//!
//! ```text
//! mod.rs       the daemon's process
//! folder.rs    where its runs are stored, and what earlier daemons left
//! ```

mod folder;

pub(crate) use folder::{Folder, KEPT_MAX, Tidied, kept, tidy};

use crate::client::Client;
use crate::terminal::{self, print_note};
use anyhow::{Context, Result, bail};
use clock::Moment;
use control::Health;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A private daemon's process, which is stopped on drop.
#[derive(Debug)]
pub(crate) struct Private {
    process: Child,
    control: Arc<OwnedFd>,
    folder: Folder,
}

impl Private {
    /// Starts one on the runs of a directory; returns when it responds.
    pub(crate) async fn start(mut folder: Folder) -> Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .context("failed to make a socket")?;
        let process = spawn(&folder, theirs)?;
        folder.starting()?;
        let mut private = Self { process, control: Arc::new(ours), folder };
        let health = tokio::time::timeout(START_PATIENCE, private.client().get::<Health>("/v1/health")).await;
        match health {
            Ok(Ok(_)) => {
                private.folder.started();
                Ok(private)
            }
            Ok(Err(error)) => match private.ended_within(DEATH_PATIENCE) {
                Some(status) => {
                    bail!("the private daemon exited at once with {status}; its own messages are above")
                }
                None => Err(error.context("the private daemon did not start")),
            },
            Err(_too_late) => bail!("the private daemon did not respond within {START_PATIENCE:?}"),
        }
    }

    /// A client connected to it.
    pub(crate) fn client(&self) -> Client {
        Client::Private(Arc::clone(&self.control))
    }

    /// Stops it and returns its directory, so that another one can continue with its state.
    pub(crate) fn into_folder(self) -> Folder {
        self.folder.clone()
    }

    /// Its exit status, if it exits within this time.
    fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let start = Moment::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if start.elapsed() < patience => std::thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Other clones may hold the socket: shutting it down closes this end for all of them.
        shutdown(&self.control, Shutdown::Both).ok();
        if self.ended_within(END_PATIENCE).is_none() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
        self.folder.remove_unless_worth();
    }
}

fn spawn(folder: &Folder, input: OwnedFd) -> Result<Child> {
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    let program = this.with_file_name("aiperfd");
    let mut command = Command::new(&program);
    command.arg("--private").arg("--state-dir").arg(folder.path());
    // Secrets such as AIPERF_API_KEY are in this process's environment, and are not passed to the daemon.
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"))
    }));
    if std::env::var_os(LOG).is_none() {
        command.env(LOG, LEVEL.get().copied().unwrap_or("warn"));
    }
    // Ctrl-C is handled by this process, which then requests the daemon to stop.
    command.stdin(Stdio::from(input)).stdout(Stdio::null()).process_group(0);
    // A display that has the whole terminal shows its messages in its log.
    if terminal::is_held() {
        command.stderr(Stdio::piped());
    }
    let mut process = command.spawn().with_context(|| format!("failed to start `{}`", program.display()))?;
    if let Some(messages) = process.stderr.take() {
        let forward = move || forward(messages);
        std::thread::Builder::new()
            .name("messages".to_owned())
            .spawn(forward)
            .context("failed to start a thread")?;
    }
    Ok(process)
}

/// Prints the messages of a daemon until it ends.
fn forward(messages: ChildStderr) {
    let mut messages = BufReader::new(messages);
    let mut line = Vec::new();
    // A line that is longer is printed in parts.
    while matches!(messages.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line), Ok(1..)) {
        print_note(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}

/// Sets the log level of private daemons, unless the environment sets it.
pub(crate) fn log_at(level: Option<&'static str>) {
    if let Some(level) = level {
        // The command line is parsed once.
        LEVEL.set(level).ok();
    }
}

static LEVEL: OnceLock<&'static str> = OnceLock::new();
const LOG: &str = "AIPERFD_LOG";
/// Environment variables passed to a private daemon: paths of programs and libraries, and its own settings.
const PASSED_ON: &[&str] = &[
    LOG,
    "AIPERFD_EBPF_OBJECT",
    "AIPERFD_NVML_LIBRARY",
    "HOME",
    "LANG",
    "LD_LIBRARY_PATH",
    "LLVM_PROFILE_FILE",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
];
/// A daemon's message that is printed as one.
const LINE_BYTES: u64 = 8192;
const START_PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for the exit status of a daemon that closed the connection.
const DEATH_PATIENCE: Duration = Duration::from_secs(1);
/// How long a daemon may take to store its records.
const END_PATIENCE: Duration = Duration::from_secs(20);
