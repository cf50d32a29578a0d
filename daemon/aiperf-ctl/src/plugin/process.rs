//! A plugin's process, from the side of `aiperf-ctl`: its program, its socket and what it prints.

use anyhow::{Context, Result};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{PipeReader, PipeWriter, Read, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// The program, found by its path.
    pub(super) path: PathBuf,
    /// Its arguments.
    pub(super) arguments: Vec<OsString>,
}

/// A plugin's process; dropping it ends the plugin and everything that it has started.
pub(super) struct Process {
    supervisor: Child,
    /// Its end is the plugin's.
    alive: Option<PipeWriter>,
    printed: Printed,
    reader: Option<JoinHandle<()>>,
}

/// What a plugin has printed: the last of it, and how many bytes before that were dropped.
#[derive(Clone, Default)]
pub(super) struct Printed(Arc<Mutex<Tail>>);

#[derive(Default)]
struct Tail {
    bytes: VecDeque<u8>,
    dropped: u64,
}

impl Process {
    /// Starts a program; returns its socket too.
    ///
    /// # Errors
    /// When this host has no more processes or descriptors. A program that does not start ends its socket.
    pub(super) fn start(program: &Program, may_have_secrets: bool) -> Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair().context("failed to make a socket for a plugin")?;
        let (ends, alive) = pipe()?;
        let (output, input) = pipe()?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("plugin-supervisor").args([COMMAND, "--"]).arg(&program.path).args(&program.arguments);
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(ends).stderr(input);
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| may_have_secrets || !is_secret(name)));
        let supervisor = command.spawn().context("failed to start the process that supervises a plugin")?;
        drop(command);
        let printed = Printed::default();
        let to = printed.clone();
        let reader = std::thread::Builder::new().name("plugin-log".to_owned());
        let reader = reader.spawn(move || to.read_all(output))?;
        Ok((Self { supervisor, alive: Some(alive), printed, reader: Some(reader) }, ours))
    }

    /// What it has printed.
    pub(super) fn printed(&self) -> Printed {
        self.printed.clone()
    }

    /// Waits for it to end by itself, then ends it.
    pub(super) fn end(&mut self, patience: Duration) {
        let begin = clock::mono();
        while self.is_running() && (clock::mono() - begin).as_seconds() < patience.as_secs_f64() {
            std::thread::sleep(LOOK);
        }
        self.kill();
    }

    /// Ends it now.
    pub(super) fn kill(&mut self) {
        if self.alive.take().is_some() {
            self.supervisor.wait().ok();
            // What escaped holds the pipe open: its text is not waited for.
            self.reader.take_if(|reader| reader.is_finished()).map(JoinHandle::join);
        }
    }

    fn is_running(&mut self) -> bool {
        matches!(self.supervisor.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Printed {
    fn read_all(&self, mut from: PipeReader) {
        let mut piece = [0; 8192];
        while let Ok(count @ 1..) = from.read(&mut piece) {
            self.add(&piece[..count]);
        }
    }

    /// Adds a line or more.
    pub(super) fn add(&self, bytes: &[u8]) {
        let mut tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tail.bytes.extend(bytes);
        let over = tail.bytes.len().saturating_sub(PRINTED_BYTES_MAX);
        tail.bytes.drain(..over);
        tail.dropped += over as u64;
    }

    /// The text, with a first line of what was dropped; empty if nothing was printed.
    pub(super) fn text(&self) -> Vec<u8> {
        let tail = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = match tail.dropped {
            0 => Vec::new(),
            dropped => format!("({dropped} bytes before this were dropped)\n").into_bytes(),
        };
        text.extend(&tail.bytes);
        text
    }

    /// The last line that is not empty.
    pub(super) fn last_line(&self) -> Option<String> {
        let text = self.text();
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(store::visible_within(line, LINE_MAX))
    }
}

/// Whether a variable of the environment is one that a plugin is given only if the user allows it.
fn is_secret(name: &OsStr) -> bool {
    spec::is_secret(&name.to_string_lossy())
}

/// The subcommand, which is hidden.
const COMMAND: &str = "supervise-plugin";
const PRINTED_BYTES_MAX: usize = 1 << 20;
const LINE_MAX: usize = 200;
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_speak_of_secrets() {
        let is = |name: &str| is_secret(OsStr::new(name));
        assert!(
            ["OPENAI_API_KEY", "HF_TOKEN", "my_password", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK"].map(is)
                == [true; 5]
        );
        assert!(["PATH", "HOME", "VIRTUAL_ENV", "LANG", "PYTHONPATH"].map(is) == [false; 5]);
    }

    #[test]
    fn what_is_printed_is_bounded() {
        let printed = Printed::default();
        assert!(printed.text().is_empty() && printed.last_line().is_none());
        for _ in 0..3 {
            printed.add(&vec![b'a'; PRINTED_BYTES_MAX / 2]);
        }
        printed.add(b"\nlast \x1b[31m\n\n");
        let text = printed.text();
        assert!(text.starts_with(b"(") && text.len() < PRINTED_BYTES_MAX + 100, "{}", text.len());
        assert_eq!(printed.last_line().as_deref(), Some("last \\u001b[31m"), "visible");
    }
}
