//! A server that others wrote, for as long as a value lives.

use super::http;
use crate::say::say;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A running server. It ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    process: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    name: &'static str,
    log: PathBuf,
}

impl Server {
    /// Starts a command that serves at this address; what it says goes to the log.
    pub(super) fn by(
        name: &'static str,
        command: &mut Command,
        address: SocketAddr,
        log: PathBuf,
    ) -> Result<Self> {
        let (out, err) = (File::create(&log)?, File::options().append(true).open(&log)?);
        say(&format!("{name} listens on {address}; its log is {}", log.display()));
        let process = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("failed to start {name}"))?;
        Ok(Self { process, address, name, log })
    }

    /// Waits until it accepts connections.
    pub(crate) fn wait_until_it_listens(&mut self) -> Result<()> {
        self.wait(|address| TcpStream::connect(address).is_ok())
    }

    /// Waits until it answers at this path that all is well.
    pub(super) fn wait_until_it_answers(&mut self, path: &str) -> Result<()> {
        self.wait(|address| http::get(address, path).is_ok())
    }

    fn wait(&mut self, is_there: impl Fn(SocketAddr) -> bool) -> Result<()> {
        for _ in 0..PATIENCE_TENTHS {
            if is_there(self.address) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                let text = self.log().unwrap_or_default();
                let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
                bail!("{} ended with {status}: {last} (see {})", self.name, self.log.display());
            }
            std::thread::sleep(TENTH);
        }
        bail!("{} does not serve: see {}", self.name, self.log.display())
    }

    /// Its log so far.
    pub(super) fn log(&self) -> Result<String> {
        let text = fs::read(&self.log).with_context(|| format!("failed to read `{}`", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Asks it to end, for what it has started to end with it.
    fn end(&mut self) -> Option<ExitStatus> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).ok()?;
        (0..END_PATIENCE_TENTHS).find_map(|_| {
            std::thread::sleep(TENTH);
            self.process.try_wait().ok()?
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.end().is_none() {
            self.process.kill().ok();
            self.process.wait().ok();
        }
    }
}

/// An address that nobody listens at now and, most likely, when a server takes it.
pub(super) fn free_address() -> Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .context("failed to find a free port")
}

const TENTH: Duration = Duration::from_millis(100);
/// Python imports for long, and an engine compiles what it needs.
const PATIENCE_TENTHS: u32 = 6000;
const END_PATIENCE_TENTHS: u32 = 100;
