//! The client: reads the user's files, starts runs, shows progress, writes results.
//!
//! ```text
//! args ──▶ plan ──▶ profile ──▶ session ──▶ daemon (found, or started for the run) ──▶ client (HTTP over a unix socket)
//!                    multi_run ─┘  │  │           progress, observers ◀── lines ──┘
//!                                  │  └──▶ report: Parquet ──▶ metric ──▶ export ──▶ files and console
//!                                  └──▶ observer: telemetry from elsewhere, results to elsewhere
//! ```
#![forbid(unsafe_code)]

mod alias;
mod analyze;
mod args;
mod audit;
mod client;
mod client_results;
mod compare;
mod completion;
mod config;
mod daemon;
mod dataset;
mod display;
mod doctor;
mod earlier;
mod follow;
mod gpu_report;
mod gpu_telemetry;
mod interrupt;
mod local_http;
mod memory;
mod multi_run;
mod observe;
mod observer;
mod once;
mod output_file;
mod plain_file;
mod plan;
mod plot;
mod plugin;
mod private;
mod profile;
mod publish;
mod report;
mod resolve;
mod response_texts;
mod runs;
mod series;
mod server_calls;
mod session;
mod sweep;
mod terminal;
mod timeline;
mod tokenizer_file;
mod trace;
mod trust;
mod upload;
mod watched;

pub use args::{Args, command, markdown as flags_markdown};
pub use completion::script as completion_script;
pub use plugin::REASONS as PLUGIN_REASONS;

use anyhow::Result;
use args::{Command, Unparsed};
use control::{Fault, Problem};
use record::Build;
use std::ffi::OsString;
use std::process::ExitCode;
use terminal::{print_error, print_result};

/// Runs a command line, whose first word is the program's name.
#[must_use]
pub fn main(words: &[OsString], build: &Build) -> ExitCode {
    words.first().iter().for_each(|word| terminal::called(word));
    match args::parse(words) {
        Ok(args) => run(&args, build),
        Err(Unparsed::Clap(error)) => {
            error.print().ok();
            ExitCode::from(if error.use_stderr() { BAD_INPUT } else { 0 })
        }
        Err(Unparsed::Refused(why)) => {
            print_error(&why);
            ExitCode::from(BAD_INPUT)
        }
    }
}

fn run(args: &Args, build: &Build) -> ExitCode {
    // A process that executes another command keeps the default signal actions for it; one that guards a terminal waits for
    // nothing but the end of the display.
    let is_other =
        matches!(&args.command, Command::JoinRun(_) | Command::GuardTerminal | Command::SupervisePlugin(_));
    let listening = if is_other { Ok(()) } else { interrupt::listen() };
    match listening.and_then(|()| done(args, build)) {
        Ok(0) if let Some(why) = terminal::unwritten() => {
            print_error(&format!("failed to write the results to standard output: {why}"));
            ExitCode::from(FAILED)
        }
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::from(status_of(&error))
        }
    }
}

fn done(args: &Args, build: &Build) -> Result<u8> {
    match &args.command {
        Command::Profile(args) => profile::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Observe(args) => observe::run(args),
        Command::JoinRun(args) => audit::join(args),
        Command::GuardTerminal => display::guard(),
        Command::SupervisePlugin(args) => plugin::supervise(args),
        Command::Plugins(args) => plugin::command::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Report(args) => report::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Config(args) => config::command::run(args),
        Command::Trace(args) => timeline::run(args),
        Command::Analyze(args) => analyze::run(args),
        Command::AnalyzeTrace(args) => trace::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Doctor(args) => doctor::run(args, build),
        Command::InstallAlias(args) => alias::run(args),
        Command::InstallCompletion(args) => completion::install(args),
        Command::ShowCompletion(args) => completion::show(args),
        Command::Version { json } => {
            print_result(&if *json {
                build.json(terminal::PROGRAM)
            } else {
                build.line(terminal::program())
            });
            Ok(0)
        }
    }
}

/// Invalid input is status 2, everything else that prevents a result 1.
fn status_of(error: &anyhow::Error) -> u8 {
    if let Some(interrupted) = error.downcast_ref::<interrupt::Interrupted>() {
        return interrupted.status();
    }
    let refused = error.downcast_ref::<plan::Refusal>().is_some();
    // A run that was stopped before its first request does not mean invalid input.
    if let Some(interrupted) = interrupt::received().filter(|_| !refused) {
        return interrupted.status();
    }
    let plan_problem = error.downcast_ref::<Problem>().is_some_and(|problem| problem.fault == Fault::Plan);
    if refused || plan_problem { BAD_INPUT } else { FAILED }
}

/// The run could not be carried out, or all requests failed.
pub(crate) const FAILED: u8 = 1;
/// The command line or an input file is invalid.
pub(crate) const BAD_INPUT: u8 = 2;
/// The verdict is at the level of `--fail-on`, or worse.
pub(crate) const VERDICT: u8 = 3;
/// A condition of `--fail-if` holds.
pub(crate) const GATE: u8 = 4;
/// The data can't tell whether a condition of `--fail-if` holds.
pub(crate) const UNSURE: u8 = 5;
