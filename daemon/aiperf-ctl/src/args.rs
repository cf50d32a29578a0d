//! The command line of `aiperf-ctl`. Flag names of `profile` are NVIDIA AIPerf's; ours are under "Kernel timing".

use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// Computes the report of a stored run again.
    Report(ReportArgs),
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
    /// What is written.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What the server is asked.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// Models to ask for; several take turns.
    #[arg(
        long = "model",
        short = 'm',
        visible_alias = "model-names",
        value_delimiter = ',',
        required = true
    )]
    pub models: Vec<String>,
    /// Base URLs of the server; several take turns. `http://` is added where no scheme is given.
    #[arg(long = "url", short = 'u', value_delimiter = ',', default_value = "http://localhost:8000")]
    pub urls: Vec<String>,
    /// The API that is spoken: chat or completions.
    #[arg(long, default_value = "chat")]
    pub endpoint_type: String,
    /// A path that replaces the API's own, such as /v2/chat.
    #[arg(long = "endpoint", visible_alias = "custom-endpoint")]
    pub path: Option<String>,
    /// Ask for the answer as a stream of server-sent events.
    #[arg(long)]
    pub streaming: bool,
    /// Seconds until a request is given up, from submission to the end of its response.
    #[arg(long, default_value_t = 21600.0, value_parser = positive)]
    pub request_timeout_seconds: f64,
    /// Sent as `Authorization: Bearer KEY`. Never stored. Better given in the environment.
    #[arg(long, env = "AIPERF_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// More headers, as Name:Value. Values are never stored.
    #[arg(long = "header", short = 'H')]
    pub headers: Vec<String>,
    /// Merged into every request's JSON: key:value pairs, or a JSON object.
    #[arg(long)]
    pub extra_inputs: Vec<String>,
    /// Send `max_tokens` instead of `max_completion_tokens`.
    #[arg(long)]
    pub use_legacy_max_tokens: bool,
    /// Take token counts from the server's `usage` instead of counting.
    #[arg(long)]
    pub use_server_token_count: bool,
}

/// What the requests say.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Input")]
pub struct InputArgs {
    /// JSONL file with a prompt a line: {"text": "...", "output_length": 64}. Without it, prompts are made up.
    #[arg(long)]
    pub input_file: Option<PathBuf>,
    /// What the rows of --input-file are: single_turn.
    #[arg(long)]
    pub custom_dataset_type: Option<String>,
    /// Counts tokens: a directory with tokenizer.json, `builtin` (o200k_base, no network), or `none` (server counts only).
    /// [default: builtin]
    #[arg(long)]
    pub tokenizer: Option<String>,
    /// Different prompts to make up; requests take them in turn.
    #[arg(long, visible_alias = "num-prompts", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub num_dataset_entries: Option<u32>,
    /// Mean input tokens of made-up prompts. [default: 550]
    #[arg(long, visible_aliases = ["isl", "prompt-input-tokens-mean"], value_parser = positive)]
    pub synthetic_input_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(long, visible_aliases = ["isl-stddev", "prompt-input-tokens-stddev"], value_parser = not_negative)]
    pub synthetic_input_tokens_stddev: Option<f64>,
    /// Mean output tokens to ask for; without it the server decides.
    #[arg(long, visible_aliases = ["osl", "prompt-output-tokens-mean"], value_parser = positive)]
    pub output_tokens_mean: Option<f64>,
    /// Their standard deviation. [default: 0]
    #[arg(long, visible_aliases = ["osl-stddev", "prompt-output-tokens-stddev"], value_parser = not_negative)]
    pub output_tokens_stddev: Option<f64>,
    /// Seed of everything that is drawn: the same seed gives the same prompts and due times. Default: drawn, and stored.
    #[arg(long)]
    pub random_seed: Option<u64>,
}

/// When requests are sent.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Most requests in flight. Without --request-rate one request is due as soon as another has ended. [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub concurrency: Option<u32>,
    /// Requests per second, sent when they are due whether others have ended or not (up to --concurrency).
    #[arg(long, value_parser = positive)]
    pub request_rate: Option<f64>,
    /// How due times are spread with --request-rate: constant or poisson. [default: poisson]
    #[arg(long, visible_alias = "request-rate-mode")]
    pub arrival_pattern: Option<String>,
    /// Requests to send. [default without --benchmark-duration: twice --concurrency, at least 10]
    #[arg(long, visible_alias = "num-requests", value_parser = clap::value_parser!(u64).range(1..))]
    pub request_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    #[arg(long, value_parser = positive)]
    pub benchmark_duration: Option<f64>,
    /// Seconds to wait for requests in flight after --benchmark-duration. [default: 30]
    #[arg(long, value_parser = grace)]
    pub benchmark_grace_period: Option<f64>,
}

/// How it is measured.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Kernel timing")]
pub struct TimingArgs {
    /// Where stamps come from. `auto` takes the best that is to be had and says which; a named one that is not is an error.
    #[arg(long, value_enum, default_value_t = TimestampsArg::Auto)]
    pub timestamps: TimestampsArg,
    /// Cores for the load generator, one worker each, such as 2,4-5. Default: the daemon chooses.
    #[arg(long)]
    pub cpus: Option<String>,
    /// Workers, when the daemon chooses the cores.
    #[arg(long, visible_aliases = ["workers-max", "max-workers"], default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub workers: u32,
    /// Let workers ask again and again instead of waiting in the kernel: more precise sending, no core left for others.
    #[arg(long)]
    pub spin: bool,
    /// Exit with status 3 when the run's verdict is this or worse.
    #[arg(long, value_enum, default_value_t = FailOnArg::Invalid)]
    pub fail_on: FailOnArg,
    /// The daemon's control socket. Without a daemon there, a private one is started for the length of the run.
    #[arg(long, default_value = "/run/aiperfd/control.sock")]
    pub socket: PathBuf,
}

/// What is written.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Where results go. Default: artifacts/<model>-openai-<endpoint>-<load>.
    #[arg(long, visible_alias = "output-artifact-dir")]
    pub artifact_dir: Option<PathBuf>,
    /// A base name for the exported files.
    #[arg(long, visible_alias = "profile-export-file")]
    pub profile_export_prefix: Option<String>,
    /// How much is exported: summary, records (a line per request too) or raw (every response too).
    #[arg(long, visible_alias = "profile-export-level", value_enum, default_value_t = ExportLevelArg::Records)]
    pub export_level: ExportLevelArg,
    /// Progress: simple (a bar on a terminal, plain lines elsewhere) or none.
    #[arg(long, visible_alias = "ui-type", value_enum, default_value_t = Ui::Simple)]
    pub ui: Ui,
    /// Check everything, print the plan as JSON with every default, and end: no file, socket or network is touched.
    #[arg(long)]
    pub dry_run: bool,
}

/// Flags of `report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The run: its artifact directory, or the id of a run that the daemon keeps.
    pub run: String,
    /// Where to write the exports; without it only the console report is printed.
    #[arg(long)]
    pub artifact_dir: Option<PathBuf>,
    /// The daemon's control socket, for a run given by id.
    #[arg(long, default_value = "/run/aiperfd/control.sock")]
    pub socket: PathBuf,
}

/// Flags of `runs`.
#[derive(Clone, Debug, clap::Args)]
pub struct RunsArgs {
    /// The daemon's control socket.
    #[arg(long, default_value = "/run/aiperfd/control.sock", global = true)]
    pub socket: PathBuf,
    /// What to do with runs.
    #[command(subcommand)]
    pub command: RunsCommand,
}

/// What to do with runs.
#[derive(Clone, Debug, Subcommand)]
pub enum RunsCommand {
    /// Lists them, the oldest first.
    List,
    /// Shows where one stands, as JSON.
    Show {
        /// Its id.
        run_id: String,
    },
    /// Fetches its files and writes its report.
    Fetch {
        /// Its id.
        run_id: String,
        /// Where to.
        #[arg(long)]
        artifact_dir: PathBuf,
    },
    /// Makes a run of what a daemon that died left behind.
    Recover {
        /// Its id.
        run_id: String,
    },
    /// Removes it.
    Rm {
        /// Its id.
        run_id: String,
    },
}

/// Values of --timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimestampsArg {
    /// The best that is to be had.
    Auto,
    /// Kernel probes; takes root.
    Ebpf,
    /// The sockets' own software stamps; takes no privilege.
    #[value(name = "so_timestamping")]
    SoTimestamping,
    /// Only user-space stamps.
    User,
}

/// Values of --fail-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOnArg {
    /// A run that is not valid.
    Degraded,
    /// A run that is invalid.
    Invalid,
    /// No run.
    Never,
}

/// Values of --export-level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportLevelArg {
    /// Only the summaries.
    Summary,
    /// A line per request too.
    Records,
    /// Every response too.
    Raw,
}

/// Values of --ui.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ui {
    /// A bar on a terminal, plain lines elsewhere.
    Simple,
    /// Nothing.
    None,
}

fn number(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_malformed| format!("`{text}` is not a number"))?;
    if number.is_finite() { Ok(number) } else { Err("must be finite".to_owned()) }
}

fn positive(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value > 0.0 { Ok(value) } else { Err("must be greater than 0".to_owned()) })
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|value| if value >= 0.0 { Ok(value) } else { Err("must not be negative".to_owned()) })
}

/// As AIPerf takes it: `inf` waits for ever, which is a century here.
fn grace(text: &str) -> Result<f64, String> {
    if matches!(text, "inf" | "infinity") { Ok(CENTURY_SECONDS) } else { not_negative(text) }
}

const CENTURY_SECONDS: f64 = 3.2e9;

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
