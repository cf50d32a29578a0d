//! Where requests go and what they look like.

use serde::{Deserialize, Serialize};

/// Where requests go and what they look like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// A name among the endpoints: `chat`, `completions`.
    pub kind: String,
    /// Base URLs, each with its scheme.
    pub urls: Vec<String>,
    /// A path that replaces the endpoint's own.
    pub path: Option<String>,
    /// The requested models.
    pub models: Vec<String>,
    /// How conversations choose among several models.
    #[serde(default)]
    pub model_choice: ModelChoice,
    /// Whether the answer is requested as a stream of events.
    pub streaming: bool,
    /// Seconds from submission to the end of the response before a request times out.
    pub request_timeout_seconds: f64,
    /// `max_tokens` instead of `max_completion_tokens`.
    pub use_legacy_max_tokens: bool,
    /// Token counts are taken from the server's `usage`.
    pub use_server_token_count: bool,
    /// The certificates that encrypted connections trust.
    pub trust: Trust,
    /// The header that carries a session's id.
    pub session_header: String,
    /// Names of the user's own headers; their values are secrets until proven otherwise.
    pub header_names: Vec<String>,
    /// Merged into every request body.
    pub extra_inputs: serde_json::Map<String, serde_json::Value>,
    /// How requests and replies differ from the API.
    #[serde(default)]
    pub dialect: Dialect,
    /// What the API accepts and produces, recorded by the client that knows the endpoint; absent in runs of earlier versions.
    #[serde(default)]
    pub capability: Option<Capability>,
}

/// What an endpoint accepts and produces, which decides the metrics that its runs can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// Its responses contain tokens.
    pub produces_tokens: bool,
    /// It consumes tokens.
    pub tokenizes_input: bool,
    /// It accepts audio.
    pub supports_audio: bool,
    /// It accepts images.
    pub supports_images: bool,
    /// It produces videos.
    pub produces_videos: bool,
}

impl Capability {
    /// An endpoint that accepts text, images and audio, and produces text.
    pub const TEXT: Self = Self {
        produces_tokens: true,
        tokenizes_input: true,
        supports_audio: true,
        supports_images: true,
        produces_videos: false,
    };
}

impl Endpoint {
    /// What it accepts and produces; one that is not recorded is treated as a text endpoint.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability.unwrap_or(Capability::TEXT)
    }
}

/// How conversations choose among several models.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum ModelChoice {
    /// They take turns.
    #[default]
    RoundRobin,
    /// Each draws one, all as likely.
    Random,
    /// Each draws one by its weight.
    Weighted {
        /// A weight for each model, in their order.
        weights: Vec<f64>,
    },
}

/// How requests and replies differ from an API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dialect {
    /// A running `usage` is requested with every chunk.
    pub per_chunk_usage: bool,
    /// Bodies are forms, where the API accepts both forms and JSON.
    pub sends_forms: bool,
    /// The text of the template of which bodies are made, or its name.
    pub template: Option<String>,
    /// The place of the answer in a reply, as JMESPath.
    pub response_field: Option<String>,
    /// Whether input tokens are counted with the tokenizer's chat template, uploaded as the input `chat_template`.
    pub applies_chat_template: bool,
    /// Of an API of jobs: whether what a job has made is fetched too.
    pub download_content: bool,
    /// Of an API of jobs: milliseconds from one answer to the next question.
    pub poll_interval_ms: u32,
}

/// The certificates that encrypted connections trust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The certificate authorities of the system.
    #[default]
    System,
    /// Those of a file that the client uploads as the input named `authorities`.
    File,
    /// Any certificate is accepted.
    #[serde(alias = "anybody")]
    AnyCertificate,
}
