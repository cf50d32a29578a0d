//! Flags of how requests are timed.

use super::SOCKET;
use clap::ValueEnum;
use spec::FailOn;
use std::path::PathBuf;

/// Flags of how requests are timed.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Kernel timing")]
pub struct TimingArgs {
    /// Timestamp source. `auto` picks the most precise one available and reports which; naming one that is unavailable is an
    /// error.
    #[arg(long, value_enum, default_value_t = TimestampsArg::Auto)]
    pub timestamps: TimestampsArg,
    /// Cores for the load generator, one worker each, such as 2,4-5. Default: the daemon chooses.
    #[arg(long)]
    pub cpus: Option<String>,
    /// Number of workers, when the daemon chooses the cores.
    #[arg(long, visible_aliases = ["workers-max", "max-workers"], default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub workers: u32,
    /// Workers busy-poll instead of sleeping in the kernel: requests are sent more precisely, but their cores are fully used.
    #[arg(long)]
    pub spin: bool,
    /// Exit with status 3 when the run's verdict is this or worse.
    #[arg(long, value_enum, default_value_t = FailOnArg::Invalid)]
    pub fail_on: FailOnArg,
    /// The daemon's control socket; `private` starts a daemon for this run only, as happens when none listens at the default.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
}

/// Values of --timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimestampsArg {
    /// The most precise source available.
    Auto,
    /// Kernel probes; requires root.
    Ebpf,
    /// The sockets' own software timestamps; requires no privilege.
    #[value(name = "so_timestamping")]
    SoTimestamping,
    /// User-space timestamps only.
    User,
}

/// Values of --fail-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOnArg {
    /// A degraded or invalid run.
    Degraded,
    /// An invalid run.
    Invalid,
    /// Never.
    Never,
}

impl From<FailOnArg> for FailOn {
    fn from(given: FailOnArg) -> Self {
        match given {
            FailOnArg::Degraded => Self::Degraded,
            FailOnArg::Invalid => Self::Invalid,
            FailOnArg::Never => Self::Never,
        }
    }
}
