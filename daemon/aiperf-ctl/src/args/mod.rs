//! The command line of `aiperf-ctl`. Flag names of `profile` are NVIDIA AIPerf's; ours are under "Kernel timing".

mod alias;
mod compare;
mod completion;
mod config;
mod conversation;
mod docs;
mod doctor;
mod endpoint;
mod input;
mod load;
mod media;
mod metric;
mod multi_run;
mod not_offered;
mod output;
mod parse;
mod prompt;
mod publish;
mod report;
mod runs;
mod service;
mod short_help;
mod synthesis;
mod telemetry;
mod timing;
mod tokenizer;
mod trace;
mod value;
mod watch;
mod words;

pub(crate) use alias::AliasArgs;
pub(crate) use compare::{CompareArgs, CompareFormat};
pub(crate) use completion::{InstallCompletionArgs, ShellArg, ShellArgs};
pub(crate) use docs::without_hidden;
pub use docs::{command, markdown};
pub(crate) use doctor::DoctorArgs;
pub(crate) use endpoint::EndpointArgs;
use input::InputArgs;
pub(crate) use load::{CancellationArgs, LoadArgs, WarmupArgs};
pub(crate) use metric::MetricArgs;
pub(crate) use multi_run::{ConvergenceMode, ConvergenceStat, MultiRunArgs};
pub(crate) use output::{ConsoleArg, ExportLevelArg, OutputArgs, Ui};
#[cfg(test)]
pub(crate) use parse::profile_command;
pub(crate) use parse::{Unparsed, parse};
pub(crate) use publish::PublishArgs;
pub(crate) use report::{FormatArg, ReportArgs};
pub(crate) use runs::{RunsArgs, RunsCommand};
pub(crate) use timing::{FailOnArg, TimestampsArg, TimingArgs};
pub(crate) use watch::{AuditArgs, JoinArgs, ObserveArgs, SideArg, WatchArgs};

use clap::{Parser, Subcommand};
use conversation::ConversationArgs;
use load::{ScheduleArgs, UserArgs};
pub(crate) use media::VideoArgs;
use media::{AudioArgs, ImageArgs, RankingsArgs};
use prompt::PromptArgs;
use service::ServiceArgs;
use std::collections::BTreeMap;
use synthesis::SynthesisArgs;
pub(crate) use telemetry::TelemetryArgs;
use tokenizer::TokenizerArgs;
pub(crate) use trace::TraceArgs;

/// Where the system's daemon listens.
pub(crate) const SOCKET: &str = "/run/aiperfd/control.sock";

/// Measures LLM inference servers with kernel timestamps: what the kernel saw, beside what the client saw.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, max_term_width = 100, after_help = EXIT_STATUSES)]
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
    /// Runs any command and reports what the kernel saw of its requests.
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(Box<AuditArgs>),
    /// Watches the requests of processes that run already, at the client's or the server's end. Takes root.
    Observe(Box<ObserveArgs>),
    /// Joins a run that watches this process, and becomes the command.
    #[command(hide = true)]
    JoinRun(JoinArgs),
    /// Publishes what a daemon watches; the daemon starts it.
    #[command(hide = true)]
    Publish(PublishArgs),
    /// Computes the report of a stored run again, also of one that NVIDIA AIPerf made.
    Report(Box<ReportArgs>),
    /// Compares runs, also of other tools, metric by metric.
    Compare(CompareArgs),
    /// Tells what a trace asks before it is replayed: lengths, what requests share, what a cache could save.
    AnalyzeTrace(TraceArgs),
    /// Lists, shows, fetches, recovers and removes the runs that a daemon keeps.
    Runs(RunsArgs),
    /// Reports what this host can and can't do for a measurement, with the cause and the cure of each problem.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Puts a command `aiperf` beside this program, so that scripts written for NVIDIA AIPerf run unchanged.
    InstallAlias(AliasArgs),
    /// Installs the completion of a shell for the user.
    #[command(long_flag = "install-completion")]
    InstallCompletion(InstallCompletionArgs),
    /// Prints the completion of a shell.
    #[command(long_flag = "show-completion")]
    ShowCompletion(ShellArgs),
    /// Prints the version, the commit and the digest of the kernel programs.
    #[command(short_flag = 'V', long_flag = "version")]
    Version {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Flags of `profile`.
#[derive(Clone, Debug, clap::Args)]
pub struct ProfileArgs {
    /// What the server is asked.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
    /// How tokens are counted.
    #[command(flatten)]
    pub tokenizer: TokenizerArgs,
    /// What the requests say: from a file, or made up.
    #[command(flatten)]
    pub input: InputArgs,
    /// How many turns, with what pauses.
    #[command(flatten)]
    pub conversation: ConversationArgs,
    /// Made-up prompts.
    #[command(flatten)]
    pub prompt: PromptArgs,
    /// Made-up pictures.
    #[command(flatten)]
    pub image: ImageArgs,
    /// Made-up sounds.
    #[command(flatten)]
    pub audio: AudioArgs,
    /// Made-up videos.
    #[command(flatten)]
    pub video: VideoArgs,
    /// Made-up rankings.
    #[command(flatten)]
    pub rankings: RankingsArgs,
    /// A trace changed before it is replayed.
    #[command(flatten)]
    pub synthesis: SynthesisArgs,
    /// When requests are sent.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Requests at the times that a trace gives.
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// Requests before the measurement.
    #[command(flatten)]
    pub warmup: WarmupArgs,
    /// Users with a conversation each.
    #[command(flatten)]
    pub users: UserArgs,
    /// Requests given up on purpose.
    #[command(flatten)]
    pub cancellation: CancellationArgs,
    /// How it is measured.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// Which metrics there are beyond those that every run has.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// The same load several times.
    #[command(flatten)]
    pub multi_run: MultiRunArgs,
    /// What is written.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What is measured beside the requests.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// How the programs behave.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The flags that were given: names as they stand first in the help, `concurrency`, and as the user wrote them.
    #[arg(skip)]
    pub given: BTreeMap<String, String>,
}

const EXIT_STATUSES: &str = "\
Exit status:
  0    done
  1    the run could not be made, every request failed, or more than --failed-request-threshold
  2    the command line or an input file is wrong
  3    the verdict is as bad as --fail-on says, or worse
  4    a condition of --fail-if holds (compare)
  130  stopped by Ctrl-C (SIGINT), 143 by SIGTERM, 129 by SIGHUP; what was measured until then is reported";

const PROFILE_EXAMPLES: &str = "\
Examples:
  # 16 streams at a time, 200 requests
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 16 --request-count 200

  # 50 requests a second for a minute, as independent users would send them
  aiperf-ctl profile --model m --url localhost:8000 --streaming --request-rate 50 --benchmark-duration 60

  # conversations of five turns, ten at a time
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 10 --conversation-num 50 \\
      --conversation-turn-mean 5 --conversation-turn-delay-mean 1000

Exit status: 0 done, 1 failed, 2 bad input, 3 verdict (--fail-on), 130 Ctrl-C, 143 SIGTERM";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  # problems first, then one line for each group of checks
  aiperf-ctl doctor

  # whether this host has room for 4096 connections
  aiperf-ctl doctor --concurrency 4096

  # in CI: fail unless runs get kernel stamps
  aiperf-ctl doctor --require ebpf --require io_uring

Exit status: 0 whatever is found, 1 a check of --require is not ok, 2 bad input";

const AUDIT_EXAMPLES: &str = "\
Examples:
  # what the kernel saw of one request
  aiperf-ctl audit -- curl -sN localhost:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'

  # a benchmark client, beside what it says itself
  aiperf-ctl audit --artifact-dir artifacts/audit -- aiperf profile -m m -u localhost:8000 --streaming

Output and exit status are the command's own; the report goes to standard error. Unless you are root the command can't gain
privilege (no_new_privs): sudo and other setuid programs do not work in it.";
