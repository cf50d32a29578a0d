//! What is measured beside the requests, and where results are sent.

use super::value::{not_negative, positive};

/// What is measured beside the requests, and where results are sent.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Send metrics to this OpenTelemetry collector: host, host:port, a URL, or grpc://host:port.
    #[arg(long)]
    pub otel_url: Option<String>,
    /// What is sent there: metrics, timing, or default for both; spans, one for each request, if they are named.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = ["metrics", "timing", "default", "none", "spans"])]
    pub stream: Vec<String>,
    /// More resource attributes, as key=value.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub otel_resource_attributes: Vec<String>,
    /// The attribute `gen_ai.provider.name`. [default: from the server's name]
    #[arg(long)]
    pub gen_ai_provider: Option<String>,
    /// Log the run to this MLflow server.
    #[arg(long)]
    pub mlflow_tracking_uri: Option<String>,
    /// Its experiment there.
    #[arg(long)]
    pub mlflow_experiment: Option<String>,
    /// Its name there.
    #[arg(long)]
    pub mlflow_run_name: Option<String>,
    /// Its tags, as key:value.
    #[arg(long = "mlflow-tag", num_args = 1..)]
    pub mlflow_tags: Vec<String>,
    /// The run of which it is a part.
    #[arg(long)]
    pub mlflow_parent_run_id: Option<String>,
    /// Which files are uploaded.
    #[arg(long = "mlflow-artifact-glob", num_args = 1..)]
    pub mlflow_artifact_globs: Vec<String>,
    /// Read the GPUs meanwhile: pynvml or amdsmi (those of the daemon's host), URLs of DCGM exporters, or a .csv file
    /// with more of their metrics. [default: all that is found, if the server is on this host]
    #[arg(long, num_args = 0.., conflicts_with = "no_gpu_telemetry")]
    pub gpu_telemetry: Option<Vec<String>>,
    /// Do not.
    #[arg(long)]
    pub no_gpu_telemetry: bool,
    /// Milliseconds from one reading of the daemon's own GPUs to the next. [default: 20]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60_000), conflicts_with = "no_gpu_telemetry")]
    pub gpu_sample_interval: Option<u64>,
    /// Read the server's Prometheus metrics meanwhile, from these URLs beside its own /metrics.
    #[arg(long, num_args = 0.., conflicts_with = "no_server_metrics")]
    pub server_metrics: Option<Vec<String>>,
    /// Do not.
    #[arg(long)]
    pub no_server_metrics: bool,
    /// Files that they are written to: json, csv, jsonl, parquet. [default: json,csv]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = ["json", "csv", "jsonl", "parquet"])]
    pub server_metrics_formats: Vec<String>,
    /// Measure the network's latency and tell it from the server's.
    #[arg(long)]
    pub network_latency_automatic: bool,
    /// Take this many milliseconds as the network's latency.
    #[arg(long, value_parser = not_negative, conflicts_with = "network_latency_automatic")]
    pub network_latency_mean: Option<f64>,
    /// Seconds between two measurements of it. [default: 1]
    #[arg(long, value_parser = positive)]
    pub network_latency_ping_interval: Option<f64>,
}
