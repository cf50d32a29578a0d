//! The command line of `aiperf-ctl`. Flag names of `profile` are NVIDIA AIPerf's; ours are under "Kernel timing".

mod endpoint;
mod input;
mod load;
mod metric;
mod output;
mod report;
mod runs;
mod timing;
mod value;

pub(crate) use endpoint::EndpointArgs;
pub(crate) use input::InputArgs;
pub(crate) use load::LoadArgs;
pub(crate) use metric::MetricArgs;
pub(crate) use output::{ExportLevelArg, OutputArgs, Ui};
pub(crate) use report::{FormatArg, ReportArgs};
pub(crate) use runs::{RunsArgs, RunsCommand};
pub(crate) use timing::{FailOnArg, TimestampsArg, TimingArgs};

use clap::{Parser, Subcommand};

/// Measures LLM inference servers with kernel timestamps: what the kernel saw, beside what the client saw.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_STATUSES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sends load to a server, measures it, and writes a report.
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(Box<ProfileArgs>),
    /// Computes the report of a stored run again, also of one that NVIDIA AIPerf made.
    Report(Box<ReportArgs>),
    /// Lists, shows, fetches, recovers and removes the runs that a daemon keeps.
    Runs(RunsArgs),
}

/// Flags of `profile`.
#[derive(Clone, Debug, clap::Args)]
pub struct ProfileArgs {
    /// What the server is asked.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
    /// What the requests say.
    #[command(flatten)]
    pub input: InputArgs,
    /// When requests are sent.
    #[command(flatten)]
    pub load: LoadArgs,
    /// How it is measured.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// Which metrics there are beyond those that every run has.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// What is written.
    #[command(flatten)]
    pub output: OutputArgs,
}

const EXIT_STATUSES: &str = "\
Exit status:
  0    done
  1    the run could not be made, or every request failed
  2    the command line or an input file is wrong
  3    the verdict is as bad as --fail-on says, or worse
  130  stopped by Ctrl-C; what was measured until then is reported";

const PROFILE_EXAMPLES: &str = "\
Examples:
  # 16 streams at a time, 200 requests
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 16 --request-count 200

  # 50 requests a second for a minute, as independent users would send them
  aiperf-ctl profile --model m --url localhost:8000 --streaming --request-rate 50 --benchmark-duration 60

Exit status: 0 done, 1 failed, 2 bad input, 3 verdict (--fail-on), 130 Ctrl-C";
