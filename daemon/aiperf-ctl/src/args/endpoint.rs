//! Flags of the server, its API and how requests are sent.

use super::value::{not_negative, positive};
use std::path::PathBuf;

/// Flags of the server, its API and how requests are sent.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// The model, as with --model.
    #[arg(value_name = "MODEL")]
    pub model: Option<String>,
    /// Models to request; several are used in turn. Required, here or in --config.
    #[arg(long = "model", short = 'm', visible_alias = "model-names", value_delimiter = ',')]
    pub models: Vec<String>,
    /// How a request's model is chosen among several: round_robin, random or weighted (see --model-weights). [default:
    /// round_robin]
    #[arg(long, value_parser = ["round_robin", "random", "weighted"])]
    pub model_selection_strategy: Option<String>,
    /// With `--model-selection-strategy weighted`: one weight per model, such as 3,1.
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    pub model_weights: Vec<f64>,
    /// Base URLs of the server; several are used in turn. `http://` is assumed when no scheme is given; `unix://PATH` works
    /// too.
    #[arg(
        long = "url",
        short = 'u',
        num_args = 1..,
        value_delimiter = ',',
        default_value = "http://localhost:8000"
    )]
    pub urls: Vec<String>,
    /// How a conversation's URL is chosen among several.
    #[arg(long, value_parser = ["round_robin"], default_value = "round_robin")]
    pub url_strategy: String,
    /// The API of the server, such as chat, completions, responses or embeddings; docs/FLAGS.md lists all.
    #[arg(long, default_value = "chat")]
    pub endpoint_type: String,
    /// Path that replaces the API's default one, such as /v2/chat.
    #[arg(long = "endpoint", visible_alias = "custom-endpoint")]
    pub path: Option<String>,
    /// Request streaming responses (server-sent events).
    #[arg(long)]
    pub streaming: bool,
    /// Request timeout in seconds, from submission to the end of the response.
    #[arg(long, default_value_t = 21600.0, value_parser = positive)]
    pub request_timeout_seconds: f64,
    /// Wait up to this many seconds for the model to be ready before the run starts; 0 does not wait.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    pub wait_for_model_timeout: f64,
    /// What counts as ready: /v1/models lists the model (models), one small request succeeds (inference), or both.
    #[arg(long, value_parser = ["models", "inference", "both"], default_value = "inference")]
    pub wait_for_model_mode: String,
    /// Seconds between two readiness checks.
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    pub wait_for_model_interval: f64,
    /// Have the server reset its prefix cache before the run (POST to --reset-kv-cache-path, which also implies this flag).
    #[arg(long)]
    pub reset_kv_cache: bool,
    /// What each run finds in the server's prefix cache: whatever is there (as-is), nothing (cold: it is reset or, where the
    /// server cannot, every conversation has a prefix of its own), or its own prompts (warm: they are sent once before).
    #[arg(long, value_enum, default_value_t = CacheArg::AsIs)]
    pub cache: CacheArg,
    /// Timeout of the reset, in seconds.
    #[arg(long, value_parser = positive)]
    pub reset_kv_cache_timeout_seconds: Option<f64>,
    /// Where the reset is sent: a path on each server, or a full URL. [default: /reset_prefix_cache]
    #[arg(long)]
    pub reset_kv_cache_path: Option<String>,
    /// Run the server's profiler during the measured phases (POST to its start and stop paths).
    #[arg(long)]
    pub server_profiler: bool,
    /// Timeout of starting or stopping the profiler, in seconds.
    #[arg(long, value_parser = positive)]
    pub server_profiler_timeout_seconds: Option<f64>,
    /// Where the start request is sent: a path or a URL. [default: /start_profile]
    #[arg(long)]
    pub server_profiler_start_path: Option<String>,
    /// Where the stop request is sent: a path or a URL. [default: /stop_profile]
    #[arg(long)]
    pub server_profiler_stop_path: Option<String>,
    /// API key, sent as `Authorization: Bearer KEY` (`x-api-key: KEY` with messages). Never stored. Prefer the environment
    /// variable.
    #[arg(long, env = "AIPERF_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// Transport: HTTP/1.1, whatever the URL's scheme.
    #[arg(long, visible_alias = "transport-type", value_parser = ["http"])]
    pub transport: Option<String>,
    /// Additional request headers, as Name:Value or a JSON object. Values are never stored.
    #[arg(long = "header", short = 'H', num_args = 1..)]
    pub headers: Vec<String>,
    /// Fields merged into every request's JSON body, overriding existing ones: key:value pairs, or a JSON object.
    #[arg(long, num_args = 1..)]
    pub extra_inputs: Vec<String>,
    /// Send `max_tokens` instead of `max_completion_tokens`.
    #[arg(long)]
    pub use_legacy_max_tokens: bool,
    /// Use the token counts of the server's `usage` instead of counting tokens.
    #[arg(long)]
    pub use_server_token_count: bool,
    /// Request `usage` with every chunk, so that a first chunk with several tokens is counted correctly.
    #[arg(long)]
    pub per_chunk_usage: bool,
    /// When connections are opened: reused from a pool, one per request, or one per conversation.
    #[arg(long, value_parser = ["pooled", "never", "sticky-user-sessions"], default_value = "pooled")]
    pub connection_reuse_strategy: String,
    /// For video jobs: also download the video, as part of the latency.
    #[arg(long)]
    pub download_video_content: bool,
    /// For video jobs: seconds between two polls of the job's status.
    #[arg(long, env = "AIPERF_HTTP_VIDEO_POLL_INTERVAL", default_value_t = 0.1, value_parser = positive)]
    pub video_poll_interval: f64,
    /// Encoding of request bodies, where the API supports both. [default: the API's own]
    #[arg(long, value_parser = ["application/json", "multipart/form-data"])]
    pub request_content_type: Option<String>,
    /// Name of the header that identifies the conversation. [default: X-Correlation-ID]
    #[arg(long)]
    pub session_header: Option<String>,
    /// Send an image that appeared earlier in the conversation by its uuid only (vLLM); rows need `image_uuids`.
    #[arg(long)]
    pub uuid_and_strip: bool,
    /// Trust the certificate authorities in this PEM file for https, in addition to the built-in ones.
    #[arg(long)]
    pub ca_certificate: Option<PathBuf>,
    /// Skip verification of the server's certificate. Anyone on the network path can then read and change the traffic.
    #[arg(long)]
    pub insecure: bool,
}

/// Values of --cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CacheArg {
    /// Whatever is there.
    AsIs,
    /// Nothing.
    Cold,
    /// The run's own prompts.
    Warm,
}
