//! Flags of the command that publishes metrics of what a daemon observes.

use std::net::SocketAddr;

/// Flags of `publish`.
#[derive(Clone, Debug, clap::Args)]
pub struct PublishArgs {
    /// Loopback address to listen on.
    #[arg(long)]
    pub listen: SocketAddr,
    /// URL of an OpenTelemetry collector.
    #[arg(long, env = "AIPERFD_OTEL_URL", hide_env_values = true)]
    pub otel_url: Option<String>,
}
