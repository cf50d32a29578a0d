//! How it is measured.

use super::SOCKET;
use clap::ValueEnum;
use spec::FailOn;
use std::path::PathBuf;

/// How it is measured.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Kernel timing")]
pub struct TimingArgs {
    /// Where stamps come from. `auto` takes the best that is to be had and says which; a named one that is not is an error.
    #[arg(long, value_enum, default_value_t = TimestampsArg::Auto)]
    pub timestamps: TimestampsArg,
    /// Cores for the load generator, one worker each, such as 2,4-5. Default: the daemon chooses.
    #[arg(long)]
    pub cpus: Option<String>,
    /// Workers, when the daemon chooses the cores.
    #[arg(long, visible_aliases = ["workers-max", "max-workers"], default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=255))]
    pub workers: u32,
    /// Let workers ask again and again instead of waiting in the kernel: more precise sending, no core left for others.
    #[arg(long)]
    pub spin: bool,
    /// Exit with status 3 when the run's verdict is this or worse.
    #[arg(long, value_enum, default_value_t = FailOnArg::Invalid)]
    pub fail_on: FailOnArg,
    /// The daemon's control socket; `private` starts a daemon for this run alone, as happens when none listens at the default.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
}

/// Values of --timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TimestampsArg {
    /// The best that is to be had.
    Auto,
    /// Kernel probes; takes root.
    Ebpf,
    /// The sockets' own software stamps; takes no privilege.
    #[value(name = "so_timestamping")]
    SoTimestamping,
    /// Only user-space stamps.
    User,
}

/// Values of --fail-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FailOnArg {
    /// A run that is not valid.
    Degraded,
    /// A run that is invalid.
    Invalid,
    /// No run.
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
