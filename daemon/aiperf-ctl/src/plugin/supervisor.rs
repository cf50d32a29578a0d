//! The supervisor: a process between `aiperf-ctl` and a plugin, which leaves nothing of the plugin behind.
//!
//! It is this program again. Descriptor 0 is the plugin's socket, which it passes on and closes; descriptor 1 is a pipe from
//! `aiperf-ctl`, whose end it waits for; descriptor 2 takes what the plugin prints. Everything that the plugin starts becomes its child
//! at last, whatever sessions it opens, so that the end of the plugin, or of `aiperf-ctl` by SIGKILL, ends all of it.

use crate::args::SupervisePluginArgs;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::AsFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitOptions, kill_process, pidfd_open, set_child_subreaper,
    setpriority_process, setrlimit, setsid, wait,
};
use rustix::thread::set_no_new_privs;
use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts the plugin and waits for its end, or for that of who started this process.
pub(crate) fn run(args: &SupervisePluginArgs) -> Result<u8> {
    // No key of the terminal reaches it: a run that is interrupted still ends its plugins in order.
    setsid().context("failed to leave the terminal's session")?;
    set_child_subreaper(Some(rustix::process::getpid())).context("failed to adopt what the plugin starts")?;
    set_no_new_privs(true).context("failed to give up new privileges")?;
    limit(Resource::Data, MEMORY_BYTES_MAX);
    limit(Resource::Core, 0);
    // What measures goes first; a refused priority changes no result.
    setpriority_process(None, NICE).ok();
    let mut command = Command::new(&args.program);
    command.args(&args.arguments).stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
    let mut child =
        command.spawn().with_context(|| format!("failed to start `{}`", args.program.display()))?;
    // The plugin's own copy is the last one: its end is the end of the socket.
    rustix::stdio::dup2_stdin(open("/dev/null", OFlags::RDONLY, Mode::empty())?)?;
    let status = end_of(&mut child)?;
    end_all();
    Ok(status)
}

/// Waits until the plugin has ended, or the pipe's other end is gone; returns the plugin's exit status.
fn end_of(child: &mut Child) -> Result<u8> {
    let pid = Pid::from_child(child);
    let process = pidfd_open(pid, PidfdFlags::empty()).context("failed to watch the plugin")?;
    let pipe = io::stdout();
    loop {
        let mut ends = [
            PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::empty()),
        ];
        match poll(&mut ends, None) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error).context("failed to wait for the plugin"),
        }
    }
    let Some(status) = child.try_wait()? else { return Ok(0) };
    let of_signal = || status.signal().and_then(|signal| u8::try_from(signal + 128).ok());
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.or_else(of_signal).unwrap_or(u8::MAX))
}

/// Kills what is left, round by round: children of what was killed become this process's own.
fn end_all() {
    for _round in 0..ROUNDS_MAX {
        for pid in children() {
            kill_process(pid, Signal::KILL).ok();
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_no_children) => return,
            }
        }
        std::thread::sleep(ROUND);
    }
}

/// This process's children.
#[expect(clippy::disallowed_methods, reason = "the path is fixed and in the kernel's file system")]
fn children() -> Vec<Pid> {
    let pid = std::process::id();
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|number| Pid::from_raw(number.parse().ok()?)).collect()
}

fn limit(resource: Resource, most: u64) {
    let limits = Rlimit { current: Some(most), maximum: Some(most) };
    // Where a lower limit is set already, that holds.
    setrlimit(resource, limits).ok();
}

/// Private memory of a plugin.
pub(super) const MEMORY_BYTES_MAX: u64 = 4 << 30;
const NICE: i32 = 19;
/// What starts processes faster than they are killed is given up on after so many rounds.
const ROUNDS_MAX: u32 = 500;
const ROUND: Duration = Duration::from_millis(2);
