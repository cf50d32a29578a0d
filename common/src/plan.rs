//! What a run will do, with every default visible: made once from the arguments, checked once, saved with the run.
//!
//! Nothing after the plan validates or defaults. Secrets (keys, header values) are not part of it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A checked run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Where requests go and what they look like.
    pub endpoint: Endpoint,
    /// How tokens are counted.
    pub tokenizer: Tokenizer,
    /// What the requests say.
    pub input: Input,
    /// When requests are sent and when the run ends.
    pub load: Load,
    /// Where the load generator runs.
    pub workers: Workers,
    /// Which rung of kernel timestamps was asked for.
    pub timestamps: Timestamps,
    /// What is written.
    pub output: Output,
    /// The seed of everything that is drawn.
    pub random_seed: u64,
    /// The command line, secrets redacted.
    pub command_line: String,
}

/// Where requests go and what they look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name among the endpoints: `chat`, `completions`.
    pub kind: String,
    /// Base URLs, each with its scheme.
    pub urls: Vec<String>,
    /// A path that replaces the endpoint's own.
    pub path: Option<String>,
    /// The models, in the order in which requests take turns on them.
    pub models: Vec<String>,
    /// Whether the answer is asked for as a stream of events.
    pub streaming: bool,
    /// Seconds from submission to the end of the response before a request is given up.
    pub request_timeout_seconds: f64,
    /// `max_tokens` instead of `max_completion_tokens`.
    pub use_legacy_max_tokens: bool,
    /// Token counts are taken from the server's `usage`.
    pub use_server_token_count: bool,
    /// Names of the user's own headers; their values are secrets until proven otherwise.
    pub header_names: Vec<String>,
    /// Merged into every request body.
    pub extra_inputs: serde_json::Map<String, serde_json::Value>,
}

/// How tokens are counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Tokenizer {
    /// Not at all: only the server's own counts.
    None,
    /// With `o200k_base`, which is inside the program.
    Builtin,
    /// With a `tokenizer.json` that the client uploads as the input named `tokenizer`.
    File {
        /// What the user called it.
        name: String,
    },
}

/// What the requests say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// Rows of a file that the client uploads as the input named `dataset`.
    File {
        /// A name among the dataset formats: `single_turn`.
        format: String,
        /// What the user called it.
        name: String,
        /// Output tokens to ask for where a row does not say.
        output_tokens: Option<Length>,
    },
    /// Text drawn by token length.
    Synthetic {
        /// Different prompts made; requests take them in turn.
        entries: u32,
        /// Input tokens.
        input_tokens: Length,
        /// Output tokens to ask for; without it the server decides.
        output_tokens: Option<Length>,
    },
}

/// A normal distribution of token counts, drawn at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Length {
    /// Mean, in tokens.
    pub mean: f64,
    /// Standard deviation, in tokens.
    pub stddev: f64,
}

/// When requests are sent and when the run ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// A name among the shapes: `concurrency`, `constant`, `poisson`.
    pub shape: String,
    /// Requests per second, for the shapes that have a rate.
    pub request_rate: Option<f64>,
    /// Most requests in flight.
    pub concurrency: Option<u32>,
    /// Requests to send; without it the duration ends the run.
    pub request_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    pub benchmark_duration_seconds: Option<f64>,
    /// Seconds to wait for requests in flight after the duration.
    pub grace_period_seconds: f64,
}

/// Where the load generator runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// One hot core for each; empty lets the daemon choose.
    pub cpus: Vec<u32>,
    /// Hot cores when the daemon chooses.
    pub workers: u32,
    /// How a hot core waits.
    pub wait: Wait,
}

/// How a hot core waits for something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// In the kernel; the core is free for others meanwhile.
    Block,
    /// By asking again and again; the core is never free.
    Spin,
}

/// The rungs of kernel timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// The best rung that is to be had.
    Auto,
    /// eBPF programs stamp every segment.
    Ebpf,
    /// The socket's software stamps, which need no privilege.
    SoTimestamping,
    /// Only user-space stamps.
    User,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Where results go, as the user gave it.
    pub artifact_dir: String,
    /// A base name for the exported files.
    pub export_prefix: Option<String>,
    /// How much is exported.
    pub export_level: ExportLevel,
    /// Which verdict makes the exit status non-zero.
    pub fail_on: FailOn,
    /// What else the command line said, by flag, for later readers of `run.json`.
    pub other: BTreeMap<String, String>,
}

/// How much is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportLevel {
    /// Only the summaries.
    Summary,
    /// A line per request too.
    Records,
    /// Every response too, byte for byte.
    Raw,
}

/// Which verdict makes the exit status non-zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailOn {
    /// A run that is not `valid`.
    Degraded,
    /// A run that is `invalid`.
    Invalid,
    /// No verdict.
    Never,
}

impl Timestamps {
    /// The rung's name on the command line and in `run.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ebpf => "ebpf",
            Self::SoTimestamping => "so_timestamping",
            Self::User => "user",
        }
    }
}
