//! The guard: a process that restores the terminal when the one that draws on it is gone without doing so, by SIGKILL too.
//!
//! It is this program again, in a session of its own: no key of the terminal stops it, and the terminal accepts its changes from
//! any session but the terminal's own background. Its standard output is the terminal, and its standard input a pipe on which each
//! byte says whether the screen is taken. The kernel closes the pipe however the other end's process ends.

use super::terminal::restore;
use anyhow::{Context, Result, bail};
use rustix::process::setsid;
use rustix::termios::tcgetattr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The guard's process, from the side of the display.
pub(super) struct Guard {
    process: Child,
    pipe: Option<ChildStdin>,
}

impl Guard {
    /// Starts one on a terminal; returns when it knows the terminal's settings.
    pub(super) fn start(terminal: &File) -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("terminal-guard").arg(COMMAND).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(terminal.try_clone()?).stderr(Stdio::piped());
        let mut process = command.spawn().context("failed to start the process that guards the terminal")?;
        let pipe = process.stdin.take();
        let mut ready = [0];
        let read = process.stderr.take().map(|mut errors| errors.read(&mut ready));
        if !matches!(read, Some(Ok(1)) if ready == READY) {
            process.wait().ok();
            bail!("the process that guards the terminal did not start");
        }
        Ok(Self { process, pipe })
    }

    /// Whether the screen is taken from now on.
    pub(super) fn notify(&mut self, is_taken: bool) {
        let state = if is_taken { TAKEN } else { GIVEN_BACK };
        // Without a guard the display works all the same.
        self.pipe.iter_mut().for_each(|pipe| drop(pipe.write_all(&[state])));
    }

    /// It ends.
    pub(super) fn dismiss(&mut self) {
        if self.pipe.take().is_some() {
            self.process.wait().ok();
        }
    }
}

/// The guard itself: waits until the process that started it is gone.
pub(crate) fn run() -> Result<u8> {
    setsid().context("failed to leave the terminal's session")?;
    let terminal = io::stdout();
    let terminal = terminal.as_fd();
    let saved = tcgetattr(terminal).context("failed to read the terminal's settings")?;
    io::stderr().write_all(&READY)?;
    let mut is_taken = false;
    let mut states = [0; 64];
    let mut pipe = io::stdin().lock();
    loop {
        match pipe.read(&mut states) {
            Ok(0) => break,
            Ok(read) => is_taken = states[read - 1] == TAKEN,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_gone) => break,
        }
    }
    if is_taken {
        restore(terminal, &saved);
    }
    Ok(0)
}

/// The subcommand, which is hidden.
const COMMAND: &str = "guard-terminal";
const READY: [u8; 1] = *b"\n";
const TAKEN: u8 = b'+';
const GIVEN_BACK: u8 = b'-';
