//! `aiperf-ctl audit`: any command, watched by the kernel.
//!
//! ```text
//! audit ── run of source `audit` ──▶ aiperfd
//!   └─ starts itself as `join-run` ── POST join ──▶ aiperfd moves that process into the run's cgroup
//!        └─ becomes the command: its first packet is watched, and its children's
//! ```
//!
//! The daemon knows by the connection's credentials which process joins, so that process makes the connection itself. To
//! a private daemon, which has no path, it gets the socket over its standard input, together with the user's own input.

use crate::args::{AuditArgs, JoinArgs};
use crate::client::{Client, send_descriptors};
use crate::daemon::Daemon;
use crate::follow::Run;
use crate::interrupt;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::said::{self, Search};
use crate::say::{say_aside, say_error, say_warning};
use crate::watched;
use crate::{BAD_INPUT, FAILED, VERDICT};
use anyhow::{Context, Result};
use control::{Status, Stop};
use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags, SocketType, recvmsg,
    socketpair,
};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::set_no_new_privs;
use spec::{Side, Target};
use std::ffi::OsString;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use tokio::process::{Child, Command as Spawn};
use tokio::signal::unix::{SignalKind, signal};

/// Runs a command and reports what the kernel saw of it; gives the command's own exit status.
pub(crate) fn run(args: &AuditArgs) -> Result<u8> {
    let name = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Which of a foreign command's arguments are secrets nobody can tell.
    let words = [name.clone(), format!("({} arguments, not kept)", args.command.len().saturating_sub(1))];
    let plan = watched::plan(&args.watch, Target::Command(name), Side::Client, &args.artifact_dir, &words)?;
    let directory = &args.artifact_dir;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("failed to create `{}`", directory.display()))?;
    if let Some(path) = args.client_result.as_ref().and_then(|path| path.parent())
        && !path.as_os_str().is_empty()
        && !path.is_dir()
    {
        return Err(Refusal(format!("--client-result: there is no directory `{}`", path.display())).into());
    }
    let search = Search::begin(&args.command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _orderly = interrupt::orderly(SIGNALS);
    let status = runtime.block_on(async {
        let daemon = Daemon::find_or_start(&args.watch.socket, directory);
        let daemon = interrupt::or(daemon).await.map_err(anyhow::Error::from).flatten()?;
        let mut run = watched::begin(daemon, plan, &args.watch.tokenizer).await?;
        let status = command(&run, &args.command).await;
        run.pass_over_signals();
        // What was seen is kept whatever became of the command.
        watched::end(run, Stop::Drain, directory).await?;
        status
    })?;
    let found = search.end();
    said::refuse_to_overwrite(directory, &found)?;
    let reported = Reported::compute(directory)?;
    reported.write(directory)?;
    let result = args.client_result.clone().or_else(|| said::only(found));
    let beside = said::set_beside(directory, &reported, result.as_deref()).unwrap_or_else(|error| {
        // The audit holds whatever the client's own files are worth.
        say_warning(&format!("{error:#}"));
        None
    });
    if !args.watch.quiet {
        say_aside(reported.text(args.watch.console)?.trim_end());
        beside.iter().for_each(|text| say_aside(text));
        say_aside(&reported.closing(directory)?);
    }
    Ok(match of(status) {
        0 if reported.fails(args.watch.fail_on.into()) => VERDICT,
        status => status,
    })
}

/// Runs the command to its end. What the terminal sends reaches it as it reaches this process, which outlives it; what came
/// for this process alone is passed on, and the second time with force.
async fn command(run: &Run, words: &[OsString]) -> Result<ExitStatus> {
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    let mut command = Spawn::new(this);
    command.args(["join-run", "--run-id", run.run_id()]);
    let control = match &run.daemon.client {
        Client::Shared(socket) => {
            command.arg("--socket").arg(socket);
            None
        }
        Client::Private(control) => {
            let (ours, theirs) =
                socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
            command.stdin(Stdio::from(theirs));
            Some((ours, control))
        }
    };
    let mut child = command.arg("--").args(words).spawn().context("failed to start the command")?;
    if let Some((to, control)) = control {
        // Its standard input is the user's again once it has joined.
        send_descriptors(to.as_fd(), &[control.as_fd(), std::io::stdin().as_fd()])
            .context("failed to hand the daemon's socket to the command")?;
    }
    let mut quit = signal(SignalKind::quit())?;
    let mut seen = interrupt::seen();
    let mut passed_on = 0;
    loop {
        tokio::select! {
            status = child.wait() => return status.context("failed to wait for the command"),
            _ = quit.recv() => {}
            came = interrupt::next(&mut seen) => {
                // A terminal sends Ctrl-C to all of its processes.
                if came.signal != Signal::INT || !has_terminal() {
                    passed_on += 1;
                    pass_on(&child, if passed_on > 1 { Signal::KILL } else { came.signal });
                }
            }
        }
    }
}

/// Whether there is a terminal that this process and the command belong to.
fn has_terminal() -> bool {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

/// Sends the command a signal that came for this process alone.
fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile, which is what was wanted.
        kill_process(pid, signal).ok();
    }
}

/// The exit status as a shell tells it.
fn of(status: ExitStatus) -> u8 {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(FAILED)
}

/// Joins a run and becomes the command.
pub(crate) fn join(args: &JoinArgs) -> Result<u8> {
    let Some((program, rest)) = args.command.split_first() else { return Ok(BAD_INPUT) };
    let mut command = Command::new(program);
    command.args(rest);
    let client = match &args.socket {
        Some(socket) => Client::at(socket),
        None => {
            let [control, input] = received(std::io::stdin().as_fd())?;
            command.stdin(Stdio::from(input));
            Client::Private(Arc::new(control))
        }
    };
    if !rustix::process::geteuid().is_root() {
        // What is watched can be read by the user, so it must not be a program that may do more than the user.
        set_no_new_privs(true).context("failed to give up gaining privileges")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let _: Status = client.post(&format!("/v1/runs/{}/join", args.run_id), &()).await?;
        anyhow::Ok(())
    })?;
    drop((runtime, client));
    // It returns only when it failed.
    let error = command.exec();
    say_error(&format!("failed to run `{}`: {error}", program.to_string_lossy()));
    Ok(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN })
}

/// The descriptors that whoever started this process hands on: the daemon's socket, and the command's input.
fn received(from: BorrowedFd<'_>) -> Result<[OwnedFd; 2]> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(from, &mut [IoSliceMut::new(&mut [0])], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
        .context("failed to receive the daemon's socket")?;
    let descriptors = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors.collect::<Vec<_>>()),
        _ => None,
    });
    let descriptors = descriptors.flatten().collect::<Vec<_>>();
    descriptors.try_into().ok().context("the daemon's socket was not handed on")
}

/// Signals of which the first lets the command end, and the second ends it; one more is for the report.
const SIGNALS: u32 = 3;
/// As shells say it: there is no such command, or it can't be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;
