//! Flags of `audit` and `observe`.

use super::{ConsoleArg, FailOnArg, SOCKET};
use clap::ValueEnum;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is the same for `audit` and `observe`.
#[derive(Clone, Debug, clap::Args)]
pub struct WatchArgs {
    /// Watch only connections with one of these ports, local or remote; at most 16. Default: all connections.
    #[arg(long = "port", value_name = "PORT", value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Bytes that are captured of each network segment; what lies beyond is passed over, and counted where it mattered.
    #[arg(long, default_value_t = 16384, value_parser = clap::value_parser!(u32).range(64..=16384))]
    pub snap_length: u32,
    /// What counts tokens: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to take the server's counts.
    #[arg(long, default_value = "builtin")]
    pub tokenizer: String,
    /// Store what requests and responses say, in payloads.parquet and responses.parquet. They may hold secrets.
    #[arg(long)]
    pub payload: bool,
    /// The daemon's control socket; `private` starts a daemon for this run alone, as happens when none listens at the default.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
    /// Exit with status 3 when the verdict is this or worse; `audit` does so where the command itself succeeded.
    #[arg(long, value_enum, default_value_t = FailOnArg::Invalid)]
    pub fail_on: FailOnArg,
    /// How much of the report is printed: one screen, or every table. The file has every table.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// Write the files and print nothing but what the command prints.
    #[arg(long)]
    pub quiet: bool,
}

/// Flags of `audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    /// Where results go.
    #[arg(long, visible_alias = "output-artifact-dir", default_value = "artifacts/audit")]
    pub artifact_dir: PathBuf,
    /// What the command wrote of its own measurement, to set beside the kernel's: an artifact directory of AIPerf, the JSON
    /// of `vllm bench serve --save-result`, or GuideLLM's. Default: what it leaves below the current directory and the
    /// places that its arguments name.
    #[arg(long, value_name = "PATH")]
    pub client_result: Option<PathBuf>,
    /// What is watched.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// The command and its arguments. Unless you are root, programs in it can't gain privilege (sudo, setuid).
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Flags of `observe`.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "target", required = true, multiple = false, args = ["pid", "cgroup", "unit"])]
pub struct ObserveArgs {
    /// Watch the cgroup that this process is in: all processes there count. In the root cgroup that takes --port.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Watch this cgroup, by its path below the hierarchy's root.
    #[arg(long)]
    pub cgroup: Option<String>,
    /// Watch the cgroup of this systemd unit.
    #[arg(long)]
    pub unit: Option<String>,
    /// Which end of the connections the processes are.
    #[arg(long, value_enum, default_value_t = SideArg::Server)]
    pub side: SideArg,
    /// Watch too when the server reads its sockets, so that the time which a request waits there is told apart. Needs
    /// Linux 6.3 and its type information, and costs at each read of any socket on the host.
    #[arg(long)]
    pub socket_wait: bool,
    /// Seconds to watch. Default: until Ctrl-C.
    #[arg(long)]
    pub duration: Option<f64>,
    /// Where results go.
    #[arg(long, visible_alias = "output-artifact-dir", default_value = "artifacts/observe")]
    pub artifact_dir: PathBuf,
    /// What is watched.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// Flags of the command that joins a run and becomes another.
#[derive(Clone, Debug, clap::Args)]
pub struct JoinArgs {
    /// The daemon's control socket. Without it, the socket of a private daemon comes over standard input.
    #[arg(long)]
    pub socket: Option<PathBuf>,
    /// The run.
    #[arg(long)]
    pub run_id: String,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// Values of --side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideArg {
    /// They ask.
    Client,
    /// They answer.
    Server,
}
