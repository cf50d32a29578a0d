//! `aiperf-ctl audit`: any command, watched by the kernel.
//!
//! ```text
//! audit ── run of source `audit` ──▶ aiperfd
//!   └─ starts itself as `join-run` ── POST join ──▶ aiperfd moves that process into the run's cgroup
//!        └─ becomes the command: its first packet is watched, and its children's
//! ```

use crate::args::{AuditArgs, JoinArgs};
use crate::client::Client;
use crate::daemon::Daemon;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::said::{self, Search};
use crate::say::{say_aside, say_error, say_warning};
use crate::watched::{self, Running};
use crate::{BAD_INPUT, FAILED};
use anyhow::{Context, Result};
use common::plan::{Side, Target};
use control::{Status, Stop};
use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
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
    let daemon = Daemon::find_or_start(&args.watch.socket, directory)?;
    if let Some(path) = args.client_result.as_ref().and_then(|path| path.parent())
        && !path.as_os_str().is_empty()
        && !path.is_dir()
    {
        return Err(Refusal(format!("--client-result: there is no directory `{}`", path.display())).into());
    }
    let search = Search::begin(&args.command);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(async {
        let mut running = Running::begin(&daemon.client, plan, &args.watch.tokenizer).await?;
        let status = command(&daemon.client, &running, &args.command).await;
        // What was seen is kept whatever became of the command.
        running.end(&daemon, Stop::Drain, directory).await?;
        status
    })?;
    drop(daemon);
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
        say_aside(&reported.text()?);
        beside.iter().for_each(|text| say_aside(text));
        say_aside(&format!("Results are in {}", directory.display()));
    }
    Ok(of(status))
}

/// Runs the command to its end. Signals of the terminal reach it as they reach this process, which outlives them.
async fn command(client: &Client, running: &Running, words: &[OsString]) -> Result<ExitStatus> {
    let this = std::env::current_exe().context("failed to find this program's own path")?;
    let mut child = Spawn::new(this)
        .arg("join-run")
        .arg("--socket")
        .arg(client.socket())
        .args(["--run-id", running.run_id(), "--"])
        .args(words)
        .spawn()
        .context("failed to start the command")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            status = child.wait() => return status.context("failed to wait for the command"),
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
            _ = terminate.recv() => pass_on(&child, rustix::process::Signal::TERM),
            _ = hang_up.recv() => pass_on(&child, rustix::process::Signal::HUP),
        }
    }
}

/// Sends the command a signal that came for this process alone.
fn pass_on(child: &Child, signal: rustix::process::Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended meanwhile, which is what was wanted.
        rustix::process::kill_process(pid, signal).ok();
    }
}

/// The exit status as a shell tells it.
fn of(status: ExitStatus) -> u8 {
    let number = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    number.and_then(|number| u8::try_from(number).ok()).unwrap_or(FAILED)
}

/// Joins a run and becomes the command.
pub(crate) fn join(args: &JoinArgs) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = Client::new(&args.socket);
    let joined = runtime.block_on(async {
        let _: Status = client.post(&format!("/v1/runs/{}/join", args.run_id), &()).await?;
        anyhow::Ok(())
    });
    joined?;
    drop(runtime);
    let Some((program, rest)) = args.command.split_first() else { return Ok(BAD_INPUT) };
    // It returns only when it failed.
    let error = Command::new(program).args(rest).exec();
    say_error(&format!("failed to run `{}`: {error}", program.to_string_lossy()));
    Ok(if error.kind() == std::io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN })
}

/// As shells say it: there is no such command, or it can't be run.
const NOT_FOUND: u8 = 127;
const NOT_RUN: u8 = 126;
