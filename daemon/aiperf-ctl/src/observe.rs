//! Runs `aiperf-ctl observe`: running processes, observed by the kernel.

use crate::VERDICT;
use crate::args::{ObserveArgs, SideArg};
use crate::daemon::Daemon;
use crate::display::Display;
use crate::interrupt;
use crate::plan::Refusal;
use crate::report::Reported;
use crate::terminal::{print_note, print_result};
use crate::watched;
use anyhow::{Context, Result, bail};
use control::{State, Stop};
use spec::{Side, Target};
use std::process::Command;
use std::time::Duration;

/// Observes until the time is over or the user stops it.
pub(crate) fn run(args: &ObserveArgs) -> Result<u8> {
    let duration = match args.duration {
        Some(seconds) => Some(
            Duration::try_from_secs_f64(seconds)
                .map_err(|_no_time| Refusal("--duration must be a number of seconds".to_owned()))?,
        ),
        None => None,
    };
    let side = match args.side {
        SideArg::Client => Side::Client,
        SideArg::Server => Side::Server,
    };
    let directory = &args.artifact_dir;
    let words = std::env::args().collect::<Vec<_>>();
    let target = target(args)?;
    let observed = described(&target);
    let mut plan = watched::plan(&args.watch, target, side, directory, &words)?;
    if args.socket_wait && side == Side::Client {
        return Err(Refusal("--socket-wait needs --side server".to_owned()).into());
    }
    if let Some(watch) = &mut plan.watch {
        watch.socket_wait = args.socket_wait;
    }
    std::fs::create_dir_all(directory)
        .with_context(|| format!("failed to create `{}`", directory.display()))?;
    let _orderly = interrupt::orderly(interrupt::OF_A_RUN);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let display = Display::open(Some(args.ui), args.web)?;
        let daemon = Daemon::find_or_start(&args.watch.socket, directory);
        let daemon = interrupt::or(daemon).await.map_err(anyhow::Error::from).flatten()?;
        let mut run = watched::start(daemon, plan, &args.watch.tokenizer).await?;
        if !args.watch.quiet {
            print_note("observing; stop with Ctrl-C");
        }
        let mut shown = display.watch(vec!["observe".to_owned(), observed], directory);
        let until = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = until => {}
            // A signal also ends it, and what was observed is kept.
            ended = run.until(State::is_final, |progress| shown.update(progress)) => drop(ended?),
        }
        drop(shown);
        watched::end(run, Stop::Drain, directory).await
    })?;
    let reported = Reported::compute(directory)?;
    reported.write(directory)?;
    if !args.watch.quiet {
        reported.print(args.watch.console)?;
        print_result(&format!("{}\n", reported.closing(directory)?));
    }
    Ok(if reported.fails(args.watch.fail_on.into()) { VERDICT } else { 0 })
}

fn target(args: &ObserveArgs) -> Result<Target> {
    match (args.pid, &args.cgroup, &args.unit) {
        (Some(pid), ..) => Ok(Target::Process(pid)),
        (_, Some(path), _) => Ok(Target::Cgroup(path.clone())),
        (_, _, Some(unit)) => Ok(Target::Cgroup(cgroup_of(unit)?)),
        _ => bail!("one of --pid, --cgroup and --unit is required"),
    }
}

/// What is observed, in a few words.
fn described(target: &Target) -> String {
    match target {
        Target::Process(pid) => format!("process {pid}"),
        Target::Cgroup(path) => format!("cgroup {path}"),
        Target::Command(command) => command.clone(),
    }
}

/// The cgroup of a systemd unit.
fn cgroup_of(unit: &str) -> Result<String> {
    let queried =
        Command::new("systemctl").args(["show", "--property=ControlGroup", "--value", "--", unit]).output();
    let output = queried.context("--unit: failed to run systemctl")?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if path.is_empty() {
        return Err(Refusal(format!("--unit: systemd has no running unit `{unit}`")).into());
    }
    Ok(path)
}
