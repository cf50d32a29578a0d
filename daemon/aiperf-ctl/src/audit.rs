//! Runs `aiperf-ctl audit`: any command, observed by the kernel.
//!
//! ```text
//! audit ── run of source `audit` ──▶ aiperfd
//!   └─ starts itself as `join-run` ── POST join ──▶ aiperfd moves that process into the run's cgroup
//!        └─ executes the command: its packets and its children's are observed from the first one
//! ```
//!
//! The daemon identifies the joining process by its connection's credentials, so that process connects itself. A private daemon
//! has no socket path: the process receives the socket over its standard input, together with the user's own input.

use crate::args::{AuditArgs, JoinArgs};
use crate::client::{Client, send_descriptors};
use crate::client_results::{self, Search};
use crate::daemon::Daemon;
use crate::follow::Run;
use crate::interrupt;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::terminal::{print_error, print_note, print_warning};
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

/// Runs a command and reports what the kernel measured of it; returns the command's own exit status.
pub(crate) fn run(args: &AuditArgs) -> Result<u8> {
    let name = args.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // It is unknown which arguments of a foreign command are secrets.
    let words = [name.clone(), format!("({} arguments, not stored)", args.command.len().saturating_sub(1))];
    let plan = watched::plan(&args.watch, Target::Command(name), Side::Client, &args.artifact_dir, &words)?;
    let directory = &args.artifact_dir;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("failed to create `{}`", directory.display()))?;
    if let Some(path) = args.client_result.as_ref().and_then(|path| path.parent())
        && !path.as_os_str().is_empty()
        && !path.is_dir()
    {
        return Err(Refusal(format!("--client-result: directory `{}` does not exist", path.display())).into());
    }
    let search = Search::start(&args.command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _orderly = interrupt::orderly(SIGNALS);
    let status = runtime.block_on(async {
        let daemon = Daemon::find_or_start(&args.watch.socket, directory);
        let daemon = interrupt::or(daemon).await.map_err(anyhow::Error::from).flatten()?;
        let mut run = watched::start(daemon, plan, &args.watch.tokenizer).await?;
        let status = command(&run, &args.command).await;
        run.pass_over_signals();
        // Measurements are kept even if the command failed.
        watched::end(run, Stop::Drain, directory).await?;
        status
    })?;
    let found = search.results();
    client_results::refuse_to_overwrite(directory, &found)?;
    let reported = Reported::compute(directory)?;
    reported.write(directory)?;
    let result = args.client_result.clone().or_else(|| client_results::only(found));
    let comparison = client_results::write_comparison(directory, &reported, result.as_deref())
        .unwrap_or_else(|error| {
            // The audit's result stays valid even if the client's own files cannot be read.
            print_warning(&format!("{error:#}"));
            None
        });
    if !args.watch.quiet {
        print_note(reported.text(args.watch.console)?.trim_end());
        comparison.iter().for_each(|text| print_note(text));
        print_note(&reported.closing(directory)?);
    }
    Ok(match of(status) {
        0 if reported.fails(args.watch.fail_on.into()) => VERDICT,
        status => status,
    })
}

/// Runs the command to its end. Signals of the terminal reach it as well as this process, which outlives it. Signals sent to
/// this process alone are forwarded, the second one as SIGKILL.
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
        // The joined process restores the user's input as its standard input.
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
            interrupted = interrupt::next(&mut seen) => {
                // A terminal sends Ctrl-C to all of its processes.
                if interrupted.signal != Signal::INT || !has_terminal() {
                    passed_on += 1;
                    pass_on(&child, if passed_on > 1 { Signal::KILL } else { interrupted.signal });
                }
            }
        }
    }
}

/// Whether this process, and so the command, has a controlling terminal.
fn has_terminal() -> bool {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).is_ok()
}

/// Forwards a signal that was sent to this process alone.
fn pass_on(child: &Child, signal: Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // If the command has already exited, nothing is left to do.
        kill_process(pid, signal).ok();
    }
}

/// The exit status, as shells report it.
fn of(status: ExitStatus) -> u8 {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(FAILED)
}

/// Joins a run, then executes the command in place of this process.
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
        // The user can read what is observed, so the command must not have more rights than the user.
        set_no_new_privs(true).context("failed to give up gaining privileges")?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let _: Status = client.post(&format!("/v1/runs/{}/join", args.run_id), &()).await?;
        anyhow::Ok(())
    })?;
    drop((runtime, client));
    // It returns only on failure.
    let error = command.exec();
    print_error(&format!("failed to run `{}`: {error}", program.to_string_lossy()));
    Ok(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN })
}

/// Receives the descriptors passed by the parent process: the daemon's socket, and the command's input.
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
    descriptors.try_into().ok().context("the daemon's socket was not passed on")
}

/// The first signal lets the command end, the second kills it, and a third interrupts the report.
const SIGNALS: u32 = 3;
/// The exit statuses that shells use: command not found, or not executable.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;
