//! Flags of telemetry that is collected in addition to the requests' timing, and of where results are sent.

use super::value::{not_negative, positive};

/// Flags of telemetry that is collected in addition to the requests' timing, and of where results are sent.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// Export metrics to this OpenTelemetry collector: host, host:port, a URL, or grpc://host:port.
    #[arg(long)]
    pub otel_url: Option<String>,
    /// What is exported there: metrics, timing, or default for both; also spans (one per request) when listed.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = ["metrics", "timing", "default", "none", "spans"])]
    pub stream: Vec<String>,
    /// Additional resource attributes, as key=value.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub otel_resource_attributes: Vec<String>,
    /// Value of the attribute `gen_ai.provider.name`. [default: derived from the server's name]
    #[arg(long)]
    pub gen_ai_provider: Option<String>,
    /// Log the run to this MLflow server.
    #[arg(long)]
    pub mlflow_tracking_uri: Option<String>,
    /// MLflow experiment of the run.
    #[arg(long)]
    pub mlflow_experiment: Option<String>,
    /// MLflow name of the run.
    #[arg(long)]
    pub mlflow_run_name: Option<String>,
    /// MLflow tags of the run, as key:value.
    #[arg(long = "mlflow-tag", num_args = 1..)]
    pub mlflow_tags: Vec<String>,
    /// Id of the MLflow parent run.
    #[arg(long)]
    pub mlflow_parent_run_id: Option<String>,
    /// Glob patterns of the artifacts to upload to MLflow.
    #[arg(long = "mlflow-artifact-glob", num_args = 1..)]
    pub mlflow_artifact_globs: Vec<String>,
    /// Collect GPU telemetry during the run: pynvml or amdsmi (GPUs of the daemon's host), URLs of DCGM exporters, or a .csv
    /// file that defines more of their metrics. [default: all sources found, if the server is on this host]
    #[arg(long, num_args = 0.., conflicts_with = "no_gpu_telemetry")]
    pub gpu_telemetry: Option<Vec<String>>,
    /// Do not collect GPU telemetry.
    #[arg(long)]
    pub no_gpu_telemetry: bool,
    /// Sampling interval of the daemon host's own GPUs, in milliseconds. [default: 20]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60_000), conflicts_with = "no_gpu_telemetry")]
    pub gpu_sample_interval: Option<u64>,
    /// Collect the server's Prometheus metrics during the run, from these URLs in addition to its own /metrics.
    #[arg(long, num_args = 0.., conflicts_with = "no_server_metrics")]
    pub server_metrics: Option<Vec<String>>,
    /// Do not collect server metrics.
    #[arg(long)]
    pub no_server_metrics: bool,
    /// File formats of the server metrics: json, csv, jsonl, parquet. [default: json,csv]
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = ["json", "csv", "jsonl", "parquet"])]
    pub server_metrics_formats: Vec<String>,
    /// Measure the network latency and report it separately from the server's.
    #[arg(long)]
    pub network_latency_automatic: bool,
    /// Use this network latency, in milliseconds, instead of measuring it.
    #[arg(long, value_parser = not_negative, conflicts_with = "network_latency_automatic")]
    pub network_latency_mean: Option<f64>,
    /// Interval between two measurements of the network latency, in seconds. [default: 1]
    #[arg(long, value_parser = positive)]
    pub network_latency_ping_interval: Option<f64>,
}

/// Flags of commands that upload a run's directory once more.
#[derive(Clone, Debug, clap::Args)]
pub struct MlflowUploadArgs {
    /// Upload the directory's files, pictures included, to the MLflow run named in its `mlflow_export.json`.
    #[arg(long)]
    pub mlflow_upload: bool,
    /// MLflow server to use instead of the one in `mlflow_export.json`.
    #[arg(long, requires = "mlflow_upload")]
    pub mlflow_tracking_uri: Option<String>,
    /// MLflow run to use instead of the one in `mlflow_export.json`.
    #[arg(long, requires = "mlflow_upload")]
    pub mlflow_run_id: Option<String>,
}
