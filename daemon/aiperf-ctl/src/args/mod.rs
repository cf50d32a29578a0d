//! Defines the command line of `aiperf-ctl`. `profile` has NVIDIA AIPerf's flag names; flags that AIPerf lacks are under
//! "Kernel timing".

mod alias;
mod analyze;
mod compare;
mod completion;
mod config;
mod conversation;
mod docs;
mod doctor;
mod endpoint;
mod input;
mod lists;
mod load;
mod media;
mod metric;
mod multi_run;
mod output;
mod parse;
mod plot;
mod plugin;
mod prompt;
mod publish;
mod recipe;
mod report;
mod runs;
mod search;
mod service;
mod short_help;
mod sweep;
mod synthesis;
mod telemetry;
mod timeline;
mod timing;
mod tokenizer;
mod trace;
mod unsupported;
mod value;
mod watch;
mod words;

pub(crate) use alias::AliasArgs;
pub(crate) use analyze::{AnalyzeArgs, AnalyzeCommand, RunDirsArgs, SwimLaneArgs, TurnMessagesArgs};
pub(crate) use compare::{CompareArgs, CompareFormat, Unsure};
pub(crate) use completion::{InstallCompletionArgs, ShellArg, ShellArgs};
pub(crate) use config::{ConfigArgs, ConfigCommand, ExpandArgs, ExpandFormat, InitArgs};
pub(crate) use docs::without_hidden;
pub use docs::{command, markdown};
pub(crate) use doctor::DoctorArgs;
pub(crate) use endpoint::{CacheArg, EndpointArgs};
use input::InputArgs;
pub(crate) use load::{CancellationArgs, LoadArgs, WarmupArgs};
pub(crate) use metric::MetricArgs;
pub(crate) use multi_run::{ConvergenceMode, ConvergenceStat, MultiRunArgs};
pub(crate) use output::{ConsoleArg, ExportLevelArg, OutputArgs, Ui};
pub(crate) use parse::{Base, NOT_STORED, Unparsed, parse, profile_command};
pub(crate) use plot::{PictureArg, PlotArgs, ThemeArg};
pub(crate) use plugin::{
    NewPluginArgs, PluginArgs, PluginLanguage, PluginsArgs, PluginsCommand, SupervisePluginArgs,
};
pub(crate) use publish::PublishArgs;
pub(crate) use report::{FormatArg, ReportArgs};
pub(crate) use runs::{RunsArgs, RunsCommand};
pub(crate) use timeline::{TimelineArgs, TimelineFormatArg};
pub(crate) use timing::{FailOnArg, TimestampsArg, TimingArgs};
pub(crate) use watch::{AuditArgs, JoinArgs, ObserveArgs, SideArg, WatchArgs};

use clap::{Parser, Subcommand};
use conversation::ConversationArgs;
use experiment::{Sweep, Variation};
use load::{ScheduleArgs, UserArgs};
pub(crate) use media::VideoArgs;
use media::{AudioArgs, ImageArgs, RankingsArgs};
use prompt::PromptArgs;
use search::SearchArgs;
pub(crate) use search::{Clock, Scope};
use service::ServiceArgs;
use std::collections::BTreeMap;
use sweep::SweepArgs;
pub(crate) use sweep::SweepOrder;
use synthesis::SynthesisArgs;
pub(crate) use telemetry::{MlflowUploadArgs, TelemetryArgs};
use tokenizer::TokenizerArgs;
pub(crate) use trace::TraceArgs;

/// The control socket of the system's daemon.
pub(crate) const SOCKET: &str = "/run/aiperfd/control.sock";

/// Benchmarks LLM inference servers with kernel timestamps: what the kernel measured, next to what the client measured.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, max_term_width = 100, after_help = EXIT_STATUSES)]
pub struct Args {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Sends load to a server, measures it, and writes a report.
    #[command(after_help = PROFILE_EXAMPLES)]
    Profile(Box<ProfileArgs>),
    /// Runs any command and reports what the kernel measured of its requests.
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(Box<AuditArgs>),
    /// Observes the requests of running processes, on the client's or the server's side. Requires root.
    Observe(Box<ObserveArgs>),
    /// Joins a run that observes this process, then executes the command in its place.
    #[command(hide = true)]
    JoinRun(JoinArgs),
    /// Restores the terminal when the process that shows a dashboard on it is gone; started by it.
    #[command(hide = true)]
    GuardTerminal,
    /// Supervises a plugin, and ends all that it has started; started by the command that uses the plugin.
    #[command(hide = true)]
    SupervisePlugin(SupervisePluginArgs),
    /// Publishes metrics of what a daemon observes; started by the daemon.
    #[command(hide = true)]
    Publish(PublishArgs),
    /// Recomputes the report of a stored run, also of a run of NVIDIA AIPerf.
    Report(Box<ReportArgs>),
    /// Compares runs metric by metric, also those of other benchmark tools.
    Compare(CompareArgs),
    /// Plots a run over its time, or compares several: PNG and SVG, also of runs of NVIDIA AIPerf.
    Plot(Box<PlotArgs>),
    /// Lists plugins: those that are installed, and what is built in.
    Plugins(PluginsArgs),
    /// Makes, checks and expands configuration files for `profile --config`.
    Config(ConfigArgs),
    /// Writes a stored run as a timeline for Perfetto or Chrome: connections, sessions, the server's queue, GPUs.
    Trace(TimelineArgs),
    /// Shows what a stored run did: its sessions over time, and the messages of its turns.
    Analyze(AnalyzeArgs),
    /// Analyzes a trace before it is replayed: lengths, shared prefixes, what a prefix cache could save.
    AnalyzeTrace(TraceArgs),
    /// Lists, shows, fetches, recovers and removes the runs that a daemon stores.
    Runs(RunsArgs),
    /// Checks what this host supports for measurements, with the cause and the fix of each problem.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Installs an `aiperf` command next to this program, so that scripts written for NVIDIA AIPerf run unchanged.
    InstallAlias(AliasArgs),
    /// Installs shell completion for the user.
    #[command(long_flag = "install-completion")]
    InstallCompletion(InstallCompletionArgs),
    /// Prints the completion script of a shell.
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
    /// The server, its API and how requests are sent.
    #[command(flatten)]
    pub endpoint: EndpointArgs,
    /// How tokens are counted.
    #[command(flatten)]
    pub tokenizer: TokenizerArgs,
    /// What requests contain: prompts read from a file, or generated.
    #[command(flatten)]
    pub input: InputArgs,
    /// Conversations: how many turns, with what pauses.
    #[command(flatten)]
    pub conversation: ConversationArgs,
    /// Synthetic prompts.
    #[command(flatten)]
    pub prompt: PromptArgs,
    /// Synthetic images.
    #[command(flatten)]
    pub image: ImageArgs,
    /// Synthetic audio.
    #[command(flatten)]
    pub audio: AudioArgs,
    /// Synthetic videos.
    #[command(flatten)]
    pub video: VideoArgs,
    /// Synthetic rankings.
    #[command(flatten)]
    pub rankings: RankingsArgs,
    /// Changes to a trace before it is replayed.
    #[command(flatten)]
    pub synthesis: SynthesisArgs,
    /// When requests are sent.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Requests at the timestamps of a trace.
    #[command(flatten)]
    pub schedule: ScheduleArgs,
    /// Requests before the measurement.
    #[command(flatten)]
    pub warmup: WarmupArgs,
    /// Simulated users with a conversation each.
    #[command(flatten)]
    pub users: UserArgs,
    /// Requests cancelled on purpose.
    #[command(flatten)]
    pub cancellation: CancellationArgs,
    /// How requests are timed.
    #[command(flatten)]
    pub timing: TimingArgs,
    /// Metrics in addition to the default ones.
    #[command(flatten)]
    pub metrics: MetricArgs,
    /// Repeated runs of the same load.
    #[command(flatten)]
    pub multi_run: MultiRunArgs,
    /// Runs that differ in some values.
    #[command(flatten)]
    pub sweep: SweepArgs,
    /// Searches, and limits that a load must keep.
    #[command(flatten)]
    pub search: SearchArgs,
    /// What is written to files and to the console.
    #[command(flatten)]
    pub output: OutputArgs,
    /// Telemetry in addition to the requests' timing.
    #[command(flatten)]
    pub telemetry: TelemetryArgs,
    /// Programs of others that are called about a run.
    #[command(flatten)]
    pub plugin: PluginArgs,
    /// How the programs behave.
    #[command(flatten)]
    pub service: ServiceArgs,
    /// The flags that were given: each flag's first name in the help, such as `concurrency`, and the name that the user wrote.
    #[arg(skip)]
    pub given: BTreeMap<String, String>,
    /// The values of those that make the run what it is, by their first names, without secrets.
    #[arg(skip)]
    pub stored: BTreeMap<String, Vec<String>>,
    /// Whether this is one of the runs of a sweep.
    #[arg(skip)]
    pub is_of_sweep: bool,
    /// The runs of a sweep, each with its own arguments; these here are those of the first.
    #[arg(skip)]
    pub swept: Option<Swept>,
}

/// The runs of a sweep.
#[derive(Clone, Debug)]
pub struct Swept {
    /// How they differ.
    pub sweep: Sweep,
    /// Each with what it sets; of a search, those with its least and its greatest values, with which it is checked.
    pub runs: Vec<(Variation, ProfileArgs)>,
    /// The recipe that it is of.
    pub recipe: Option<String>,
    /// Advice about its flags.
    pub warnings: Vec<String>,
    /// Makes the arguments of other values.
    pub(crate) base: Base,
}

impl ProfileArgs {
    /// A message about flags with the names that the user wrote: of a flag that a configuration file set, its key.
    pub(crate) fn in_their_words(&self, message: &str) -> String {
        let keys = self.given.iter().filter(|(_, written)| !written.starts_with('-'));
        keys.fold(message.to_owned(), |message, (flag, key)| parse::renamed(&message, flag, key))
    }
}

const EXIT_STATUSES: &str = "\
Exit status:
  0    success
  1    the run could not be carried out, all requests failed, or more than --failed-request-threshold did
  2    the command line or an input file is invalid
  3    the verdict is at the level of --fail-on, or worse
  4    a condition of --fail-if holds (compare)
  5    the data can't tell whether one does (compare, --fail-if-unsure)
  130  stopped by Ctrl-C (SIGINT), 143 by SIGTERM, 129 by SIGHUP; results up to that point are still reported";

const PROFILE_EXAMPLES: &str = "\
Examples:
  # 16 concurrent streams, 200 requests
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 16 --request-count 200

  # 50 requests per second for a minute, with the random arrivals of independent users
  aiperf-ctl profile --model m --url localhost:8000 --streaming --request-rate 50 --benchmark-duration 60

  # conversations of five turns, ten of them concurrently
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 10 --conversation-num 50 \\
      --conversation-turn-mean 5 --conversation-turn-delay-mean 1000

  # every combination of these values, compared in one table
  aiperf-ctl profile --model m --url localhost:8000 --streaming --concurrency 8,16,32 --isl 512,2048

  # the greatest concurrency whose p95 of time to first token stays below 200 ms
  aiperf-ctl profile --model m --url localhost:8000 --streaming \\
      --search-recipe max-concurrency-under-sla --ttft-sla-ms 200

Exit status: 0 success, 1 failed, 2 invalid input, 3 verdict (--fail-on), 130 Ctrl-C, 143 SIGTERM";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  # problems first, then one line per group of checks
  aiperf-ctl doctor

  # check that this host can hold 4096 connections
  aiperf-ctl doctor --concurrency 4096

  # in CI: fail unless runs get kernel timestamps
  aiperf-ctl doctor --require ebpf --require io_uring

Exit status: 0 even if problems are found, 1 a check of --require is not ok, 2 invalid input";

const AUDIT_EXAMPLES: &str = "\
Examples:
  # what the kernel measured of one request
  aiperf-ctl audit -- curl -sN localhost:8000/v1/chat/completions -H 'Content-Type: application/json' \\
      -d '{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}'

  # a benchmark client, next to its own results
  aiperf-ctl audit --artifact-dir artifacts/audit -- aiperf profile -m m -u localhost:8000 --streaming

Output and exit status are the command's own; the report goes to standard error. Unless you are root the command can't gain
privilege (no_new_privs): sudo and other setuid programs do not work in the command.";
