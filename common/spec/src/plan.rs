//! What a run will do, with every default visible: made once from the arguments, checked once, saved with the run.
//!
//! Nothing after the plan validates or defaults. Secrets (keys, header values) are not part of it.

use crate::{
    Dialect, Endpoint, ExportLevel, FailOn, Gpu, Input, Length, Load, ModelChoice, Observers, Output, Phase,
    Preparation, Shape, Timestamps, Tokenizer, Trust, Wait, Watch, Workers,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A checked run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Where requests go and what they look like.
    pub endpoint: Endpoint,
    /// How tokens are counted.
    pub tokenizer: Tokenizer,
    /// The content of the requests.
    pub input: Input,
    /// When requests are sent and when the run ends.
    pub load: Load,
    /// Where the load generator runs.
    pub workers: Workers,
    /// The requested timestamp source.
    pub timestamps: Timestamps,
    /// What is written.
    pub output: Output,
    /// The seed of everything that is drawn.
    pub random_seed: u64,
    /// The command line, secrets redacted.
    pub command_line: String,
    /// What the user set, by flag, without secrets: what it takes to repeat the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, Vec<String>>,
    /// What is watched instead, in a run that sends nothing of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<Watch>,
    /// What is read of the GPUs meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
    /// What observes the run besides the daemon. URLs have no secrets.
    #[serde(default)]
    pub observers: Observers,
    /// What the servers must do before the run. URLs have no secrets.
    #[serde(default, skip_serializing_if = "Preparation::is_empty")]
    pub preparation: Preparation,
}

impl Plan {
    /// A plan of which nothing is known: the start for a run of another tool, and for tests.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            endpoint: Endpoint {
                kind: "chat".to_owned(),
                urls: Vec::new(),
                path: None,
                models: Vec::new(),
                model_choice: ModelChoice::default(),
                streaming: false,
                request_timeout_seconds: 0.0,
                use_legacy_max_tokens: false,
                use_server_token_count: false,
                trust: Trust::System,
                session_header: "X-Correlation-ID".to_owned(),
                header_names: Vec::new(),
                extra_inputs: serde_json::Map::new(),
                dialect: Dialect::default(),
                capability: None,
            },
            tokenizer: Tokenizer::None,
            input: Input::Synthetic {
                entries: 0,
                input_tokens: Length::fixed(0.0),
                output_tokens: None,
                made: Default::default(),
            },
            load: Load::of(Phase::new("profiling", Shape::Other(String::new()))),
            workers: Workers { cpus: Vec::new(), workers: 0, wait: Wait::Block },
            timestamps: Timestamps::User,
            output: Output {
                artifact_dir: String::new(),
                export_prefix: None,
                export_level: ExportLevel::Records,
                without_html: false,
                goodput: BTreeMap::new(),
                slice_duration_seconds: None,
                show_trace_timing: false,
                export_http_trace: false,
                export_outputs: false,
                steady_state: false,
                network_latency_mean_ms: None,
                server_metrics_formats: Vec::new(),
                fail_on: FailOn::Invalid,
                other: BTreeMap::new(),
            },
            random_seed: 0,
            command_line: String::new(),
            given: BTreeMap::new(),
            watch: None,
            gpu: None,
            observers: Observers::default(),
            preparation: Preparation::default(),
        }
    }
}
