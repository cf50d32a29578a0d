//! The daemon of a run: the one that listens, or a private one for the length of the run.

use crate::client::Client;
use crate::clock::Moment;
use anyhow::{Context, Result, bail};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A daemon that can be asked for runs.
#[derive(Debug)]
pub(crate) struct Daemon {
    /// How it is reached.
    pub(crate) client: Client,
    /// The private daemon's process; it ends with this value.
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    process: Child,
    /// Its state, removed with it.
    _state: TempDir,
}

impl Daemon {
    /// The daemon at `socket` if one listens there, else a private one whose state lies below `near`.
    pub(crate) fn find_or_start(socket: &Path, near: &Path) -> Result<Self> {
        if UnixStream::connect(socket).is_ok() {
            return Ok(Self { client: Client::new(socket), private: None });
        }
        Self::start(near)
    }

    /// Whether it was started for this run only.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    fn start(near: &Path) -> Result<Self> {
        let program = std::env::current_exe()
            .context("failed to find this program's own path")?
            .with_file_name("aiperfd");
        // The socket's path must be short (108 bytes), so it lies apart from the state.
        let state = tempfile::Builder::new()
            .prefix(".aiperfd-")
            .tempdir_in(near)
            .with_context(|| format!("failed to make a directory in `{}`", near.display()))?;
        let sockets = std::env::temp_dir();
        let socket = sockets.join(format!("aiperfd-{}.sock", std::process::id()));
        let process = Command::new(&program)
            .arg("--socket")
            .arg(&socket)
            .arg("--state-dir")
            .arg(state.path())
            .arg("--quit-on-stdin-eof")
            .env("AIPERFD_LOG", std::env::var("AIPERFD_LOG").unwrap_or_else(|_| "warn".to_owned()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A Ctrl-C is for this process, which tells the daemon what the user wants.
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let mut private = Private { process, _state: state };
        let begun = Moment::now();
        while UnixStream::connect(&socket).is_err() {
            if let Some(status) = private.process.try_wait()? {
                bail!("aiperfd ended at once with {status}");
            }
            if begun.elapsed() > START_PATIENCE {
                bail!("aiperfd did not listen on `{}` within {START_PATIENCE:?}", socket.display());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(Self { client: Client::new(&socket), private: Some(private) })
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

const START_PATIENCE: Duration = Duration::from_secs(10);
