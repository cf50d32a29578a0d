//! Flags of `audit` and `observe`.

use super::output::{Ui, page_address};
use super::{ConsoleArg, FailOnArg, SOCKET};
use clap::ValueEnum;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Flags that `audit` and `observe` share.
#[derive(Clone, Debug, clap::Args)]
pub struct WatchArgs {
    /// Observe only connections with one of these ports, local or remote; at most 16. Default: all connections.
    #[arg(long = "port", value_name = "PORT", value_delimiter = ',')]
    pub ports: Vec<u16>,
    /// Bytes captured of each network segment; the rest is skipped, and counted where it was needed.
    #[arg(long, default_value_t = 16384, value_parser = clap::value_parser!(u32).range(64..=16384))]
    pub snap_length: u32,
    /// The tokenizer: a directory with tokenizer.json, `builtin` (o200k_base), or `none` to use the server's counts.
    #[arg(long, default_value = "builtin")]
    pub tokenizer: String,
    /// Store the contents of requests and responses in payloads.parquet and responses.parquet. They may contain secrets.
    #[arg(long)]
    pub payload: bool,
    /// The daemon's control socket; `private` starts a daemon for this run only, as happens when none listens at the default.
    #[arg(long, default_value = SOCKET)]
    pub socket: PathBuf,
    /// Exit with status 3 when the verdict is this or worse; `audit` does so only if the command itself succeeded.
    #[arg(long, value_enum, default_value_t = FailOnArg::Invalid)]
    pub fail_on: FailOnArg,
    /// Console report: summary (one screen) or full (every table). The report file has every table.
    #[arg(long, value_enum, default_value_t = ConsoleArg::Summary)]
    pub console: ConsoleArg,
    /// Write the files, and print only what the command prints.
    #[arg(long)]
    pub quiet: bool,
}

/// Flags of `audit`.
#[derive(Clone, Debug, clap::Args)]
pub struct AuditArgs {
    /// Directory for the results.
    #[arg(long, visible_alias = "output-artifact-dir", default_value = "artifacts/audit")]
    pub artifact_dir: PathBuf,
    /// The command's own benchmark results, to compare with the kernel's: an artifact directory of AIPerf, the JSON of `vllm
    /// bench serve --save-result`, or GuideLLM's. Default: results that it leaves below the current directory and the places
    /// that its arguments name.
    #[arg(long, value_name = "PATH")]
    pub client_result: Option<PathBuf>,
    /// What is observed.
    #[command(flatten)]
    pub watch: WatchArgs,
    /// The command and its arguments. Unless you are root, its programs can't gain privileges (sudo, setuid).
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// Flags of `observe`.
#[derive(Clone, Debug, clap::Args)]
#[group(id = "target", required = true, multiple = false, args = ["pid", "cgroup", "unit"])]
pub struct ObserveArgs {
    /// Observe all processes in the cgroup of this process. For the root cgroup, --port is required.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Observe this cgroup, given by its path below the root of the hierarchy.
    #[arg(long)]
    pub cgroup: Option<String>,
    /// Observe the cgroup of this systemd unit.
    #[arg(long)]
    pub unit: Option<String>,
    /// Whether the observed processes are clients or servers.
    #[arg(long, value_enum, default_value_t = SideArg::Server)]
    pub side: SideArg,
    /// Also trace when the server reads its sockets, to report how long requests wait there. Requires Linux 6.3 with type
    /// information (BTF), and slows every socket read on the host.
    #[arg(long)]
    pub socket_wait: bool,
    /// Seconds to observe. Default: until Ctrl-C.
    #[arg(long)]
    pub duration: Option<f64>,
    /// Progress display: none, dashboard (the whole terminal) or simple (a bar on a terminal, plain lines elsewhere).
    #[arg(long, visible_alias = "ui-type", value_enum, default_value_t = Ui::None)]
    pub ui: Ui,
    /// Show progress on a web page too, at an address of this host [default without an address: 127.0.0.1:8050, or another port if
    /// that is used]. Elsewhere than on a loopback address the printed URL has a token.
    #[arg(long, value_name = "ADDRESS:PORT", num_args = 0..=1, value_parser = page_address)]
    pub web: Option<Option<SocketAddr>>,
    /// Directory for the results.
    #[arg(long, visible_alias = "output-artifact-dir", default_value = "artifacts/observe")]
    pub artifact_dir: PathBuf,
    /// What is observed.
    #[command(flatten)]
    pub watch: WatchArgs,
}

/// Flags of the command that joins a run and then executes another command in its place.
#[derive(Clone, Debug, clap::Args)]
pub struct JoinArgs {
    /// The daemon's control socket. Without it, the socket of a private daemon is passed over standard input.
    #[arg(long)]
    pub socket: Option<PathBuf>,
    /// The run's id.
    #[arg(long)]
    pub run_id: String,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<OsString>,
}

/// Values of --side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SideArg {
    /// They send requests.
    Client,
    /// They respond to requests.
    Server,
}
