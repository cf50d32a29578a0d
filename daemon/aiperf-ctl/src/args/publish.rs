//! Flags of the command that publishes what a daemon watches.

use std::net::SocketAddr;

/// Flags of `publish`.
#[derive(Clone, Debug, clap::Args)]
pub struct PublishArgs {
    /// A loopback address.
    #[arg(long)]
    pub listen: SocketAddr,
    /// An OpenTelemetry collector.
    #[arg(long, env = "AIPERFD_OTEL_URL", hide_env_values = true)]
    pub otel_url: Option<String>,
}
