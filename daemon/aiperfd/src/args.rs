//! The command line of `aiperfd`.

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measures LLM inference servers with kernel timestamps.
///
/// Started as root it attaches its probes to the cgroup of each run, keeps only the capabilities that it needs for this, and
/// runs the load generator as a user of its own without any. Started as a plain user it works without probes and reports so.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, max_term_width = 100)]
pub struct Args {
    /// A command other than serving.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The control socket that clients connect to. A socket from systemd (`LISTEN_FDS`) takes precedence.
    #[arg(long, default_value = "/run/aiperfd/control.sock")]
    pub socket: PathBuf,
    /// Where runs are kept. Made if it is not there.
    #[arg(long, default_value = "/var/lib/aiperfd")]
    pub state_dir: PathBuf,
    /// The configuration: what is watched as a service, and who may watch what. Default: /etc/aiperfd.toml, if it is there.
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// The load generator's program. Default: `aiperf-loadgen` next to this program.
    #[arg(long)]
    pub loadgen: Option<PathBuf>,
    /// The kernel programs, if not those that were built in.
    #[arg(long, env = "AIPERFD_EBPF_OBJECT")]
    pub ebpf_object: Option<PathBuf>,
    /// NVML's library, if it is not where the system's linker finds `libnvidia-ml.so.1`.
    #[arg(long, env = "AIPERFD_NVML_LIBRARY")]
    pub nvml_library: Option<PathBuf>,
    /// Bytes of each of the kernel's two ring buffers (sent, received), a power of two of at least 4096.
    #[arg(long, default_value_t = 8 << 20, value_parser = power_of_two)]
    pub kernel_ring_bytes: u32,
    /// Bytes of each worker's shared ring, a power of two of at least 8 MiB.
    #[arg(long, default_value_t = 16 << 20, value_parser = power_of_two)]
    pub client_ring_bytes: u32,
    /// Milliseconds between two looks at the rings.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub collect_interval_ms: u64,
    /// Make the cgroups of runs below the daemon's own, not at the hierarchy's root: for a service manager that has delegated
    /// it (systemd's `Delegate=yes`).
    #[arg(long)]
    pub delegated_cgroup: bool,
    /// End when standard input ends.
    #[arg(long, hide = true)]
    pub quit_on_stdin_eof: bool,
    /// Serve one client alone, which hands its connections over standard input, and end with it; `aiperf-ctl` starts it so
    /// when no shared daemon listens. No socket is made and no configuration is read.
    #[arg(long, conflicts_with_all = ["socket", "config", "quit_on_stdin_eof"])]
    pub private: bool,
}

/// A command other than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints the version, the commit and the digest of the kernel programs.
    #[command(short_flag = 'V', long_flag = "version")]
    Version {
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Keeps a spawner running, and removes what the daemon left behind when it has ended; the daemon starts it.
    #[command(hide = true)]
    Guard {
        /// The load generator's program.
        #[arg(long)]
        loadgen: PathBuf,
        /// The daemon's cgroup.
        #[arg(long)]
        cgroup: Option<PathBuf>,
        /// The daemon's process.
        #[arg(long)]
        daemon: Option<u32>,
    },
    /// Starts load generators as users of their own; the guard starts it.
    #[command(hide = true)]
    Spawner {
        /// The load generator's program.
        #[arg(long)]
        loadgen: PathBuf,
    },
}

fn power_of_two(text: &str) -> Result<u32, String> {
    let number: u32 = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    if number.is_power_of_two() && number >= 4096 {
        Ok(number)
    } else {
        Err("not a power of two of at least 4096".to_owned())
    }
}
