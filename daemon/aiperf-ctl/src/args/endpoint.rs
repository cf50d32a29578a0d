//! What the server is asked.

use super::value::{not_negative, positive};
use std::path::PathBuf;

/// What the server is asked.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Endpoint")]
pub struct EndpointArgs {
    /// A model, as --model takes it.
    #[arg(value_name = "MODEL")]
    pub model: Option<String>,
    /// Models to ask for; several take turns. Required, here or in --config.
    #[arg(long = "model", short = 'm', visible_alias = "model-names", value_delimiter = ',')]
    pub models: Vec<String>,
    /// How requests choose among several models: round_robin, random or weighted (see --model-weights).
    /// [default: round_robin]
    #[arg(long, value_parser = ["round_robin", "random", "weighted"])]
    pub model_selection_strategy: Option<String>,
    /// With `--model-selection-strategy weighted`: a weight for each model, such as 3,1.
    #[arg(long, value_delimiter = ',', value_parser = positive)]
    pub model_weights: Vec<f64>,
    /// Base URLs of the server; several take turns. `http://` is added where no scheme is given; `unix://PATH` works too.
    #[arg(
        long = "url",
        short = 'u',
        num_args = 1..,
        value_delimiter = ',',
        default_value = "http://localhost:8000"
    )]
    pub urls: Vec<String>,
    /// How conversations choose among several URLs.
    #[arg(long, value_parser = ["round_robin"], default_value = "round_robin")]
    pub url_strategy: String,
    /// The API that is spoken, such as chat, completions, responses or embeddings; docs/FLAGS.md lists all.
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
    /// Wait up to this many seconds for the model to answer before the run starts; 0 does not wait.
    #[arg(long, default_value_t = 0.0, value_parser = not_negative)]
    pub wait_for_model_timeout: f64,
    /// What shows that the model is there: that /v1/models lists it, that one small request succeeds, or both.
    #[arg(long, value_parser = ["models", "inference", "both"], default_value = "inference")]
    pub wait_for_model_mode: String,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 5.0, value_parser = positive)]
    pub wait_for_model_interval: f64,
    /// Ask the server to forget its prefix cache before the run (POST to --reset-kv-cache-path, which asks for it too).
    #[arg(long)]
    pub reset_kv_cache: bool,
    /// Seconds that this may take.
    #[arg(long, value_parser = positive)]
    pub reset_kv_cache_timeout_seconds: Option<f64>,
    /// Where to: a path of each server, or the URL of another one. [default: /reset_prefix_cache]
    #[arg(long)]
    pub reset_kv_cache_path: Option<String>,
    /// Have the server's profiler run during the measured phases (POST to its start and stop paths).
    #[arg(long)]
    pub server_profiler: bool,
    /// Seconds that starting or stopping it may take.
    #[arg(long, value_parser = positive)]
    pub server_profiler_timeout_seconds: Option<f64>,
    /// Where it is started: a path or a URL. [default: /start_profile]
    #[arg(long)]
    pub server_profiler_start_path: Option<String>,
    /// Where it is stopped: a path or a URL. [default: /stop_profile]
    #[arg(long)]
    pub server_profiler_stop_path: Option<String>,
    /// Sent as `Authorization: Bearer KEY` (`x-api-key: KEY` with messages). Never stored. Better given in the environment.
    #[arg(long, env = "AIPERF_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
    /// How bytes travel: by HTTP/1.1, whatever the scheme.
    #[arg(long, visible_alias = "transport-type", value_parser = ["http"])]
    pub transport: Option<String>,
    /// More headers, as Name:Value or a JSON object. Values are never stored.
    #[arg(long = "header", short = 'H', num_args = 1..)]
    pub headers: Vec<String>,
    /// Merged into every request's JSON, over what is there: key:value pairs, or a JSON object.
    #[arg(long, num_args = 1..)]
    pub extra_inputs: Vec<String>,
    /// Send `max_tokens` instead of `max_completion_tokens`.
    #[arg(long)]
    pub use_legacy_max_tokens: bool,
    /// Take token counts from the server's `usage` instead of counting.
    #[arg(long)]
    pub use_server_token_count: bool,
    /// Ask for a running `usage` with every chunk, so that a first chunk of several tokens is counted as such.
    #[arg(long)]
    pub per_chunk_usage: bool,
    /// When connections are opened: kept in a pool, one for each request, or one for each conversation.
    #[arg(long, value_parser = ["pooled", "never", "sticky-user-sessions"], default_value = "pooled")]
    pub connection_reuse_strategy: String,
    /// For video jobs: fetch the video too, as part of the latency.
    #[arg(long)]
    pub download_video_content: bool,
    /// For video jobs: seconds from one look whether it is done to the next.
    #[arg(long, env = "AIPERF_HTTP_VIDEO_POLL_INTERVAL", default_value_t = 0.1, value_parser = positive)]
    pub video_poll_interval: f64,
    /// How bodies are written, where an API knows both. [default: as the API wants]
    #[arg(long, value_parser = ["application/json", "multipart/form-data"])]
    pub request_content_type: Option<String>,
    /// The header that names the conversation. [default: X-Correlation-ID]
    #[arg(long)]
    pub session_header: Option<String>,
    /// Send a picture that a conversation has shown before as its uuid only (vLLM); rows need `image_uuids`.
    #[arg(long)]
    pub uuid_and_strip: bool,
    /// Take this PEM file's certificates as authorities for https, beside the built-in ones.
    #[arg(long)]
    pub ca_certificate: Option<PathBuf>,
    /// Do not check the server's certificate. Anyone between here and there can read and change what is sent.
    #[arg(long)]
    pub insecure: bool,
}
