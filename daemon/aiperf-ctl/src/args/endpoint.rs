//! What the server is asked.

use super::value::positive;

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
