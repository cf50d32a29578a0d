//! A private daemon: a child of this process that only this process can reach, for the length of a run.
//!
//! ```text
//! aiperf-ctl ──┬── socketpair (SEQPACKET) ── standard input of aiperfd --private
//!              └── for each connection a socketpair (STREAM), one end handed on over it
//! ```
//!
//! No socket of it has a name, so nobody else can be the daemon, and nobody else can connect to it. It ends when this end of
//! its standard input is closed, which the kernel does whatever becomes of this process.
//!
//! ```text
//! mod.rs       its process
//! folder.rs    where its runs lie, and what earlier ones left
//! ```

mod folder;

pub(crate) use folder::{Folder, KEPT_MAX, Tidied, kept, tidy};

use crate::client::Client;
use crate::clock::Moment;
use anyhow::{Context, Result, bail};
use control::Health;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, shutdown, socketpair};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// A private daemon's process; it ends with this value.
#[derive(Debug)]
pub(crate) struct Private {
    process: Child,
    control: Arc<OwnedFd>,
    folder: Folder,
}

impl Private {
    /// Starts one on the runs of a folder; returns when it answers.
    pub(crate) async fn start(mut folder: Folder) -> Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .context("failed to make a socket")?;
        let process = spawn(&folder, theirs)?;
        folder.starting()?;
        let mut private = Self { process, control: Arc::new(ours), folder };
        let answered =
            tokio::time::timeout(START_PATIENCE, private.client().get::<Health>("/v1/health")).await;
        match answered {
            Ok(Ok(_)) => {
                private.folder.started();
                Ok(private)
            }
            Ok(Err(error)) => match private.ended_within(DEATH_PATIENCE) {
                Some(status) => {
                    bail!("the private daemon ended at once with {status}; its own words are above")
                }
                None => Err(error.context("the private daemon did not start")),
            },
            Err(_too_late) => bail!("the private daemon did not answer within {START_PATIENCE:?}"),
        }
    }

    /// How it is reached.
    pub(crate) fn client(&self) -> Client {
        Client::Private(Arc::clone(&self.control))
    }

    /// Ends it and gives its folder, so that another one can go on with what it left.
    pub(crate) fn into_folder(self) -> Folder {
        self.folder.clone()
    }

    /// How it ended, if it did or does within this time.
    fn ended_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Moment::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if begun.elapsed() < patience => std::thread::sleep(Duration::from_millis(5)),
                _ => return None,
            }
        }
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // Not only this value may hold the socket: this end of it is shut for all of them.
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
    // Secrets such as AIPERF_API_KEY stand in this process's environment, and are no business of the daemon's.
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| {
        name.to_str().is_some_and(|name| PASSED_ON.contains(&name) || name.starts_with("LC_"))
    }));
    if std::env::var_os(LOG).is_none() {
        command.env(LOG, LEVEL.get().copied().unwrap_or("warn"));
    }
    // A Ctrl-C is for this process, which tells the daemon what the user wants.
    command.stdin(Stdio::from(input)).stdout(Stdio::null()).process_group(0);
    command.spawn().with_context(|| format!("failed to start `{}`", program.display()))
}

/// Has private daemons log this much, unless the environment says otherwise.
pub(crate) fn log_at(level: Option<&'static str>) {
    if let Some(level) = level {
        // The command line says it once.
        LEVEL.set(level).ok();
    }
}

static LEVEL: OnceLock<&'static str> = OnceLock::new();
const LOG: &str = "AIPERFD_LOG";
/// What a private daemon sees of the environment: where programs and libraries are, and what is said for it.
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
const START_PATIENCE: Duration = Duration::from_secs(10);
/// How long the exit status of one that hung up is waited for.
const DEATH_PATIENCE: Duration = Duration::from_secs(1);
/// How long one may take to put its records away.
const END_PATIENCE: Duration = Duration::from_secs(20);
