//! Where the load generator runs, and where stamps come from.

use serde::{Deserialize, Serialize};

/// Where the load generator runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// One hot core for each; empty lets the daemon choose.
    pub cpus: Vec<u32>,
    /// Hot cores when the daemon chooses.
    pub workers: u32,
    /// How a hot core waits.
    pub wait: Wait,
}

/// How a hot core waits for something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// In the kernel; the core is free for others meanwhile.
    Block,
    /// By polling; the core is never free.
    Spin,
}

/// The timestamp sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timestamps {
    /// The best available timestamp source.
    Auto,
    /// eBPF programs stamp every segment.
    Ebpf,
    /// The socket's software stamps, which need no privilege.
    SoTimestamping,
    /// Only user-space stamps.
    User,
}

impl Timestamps {
    /// The timestamp source's name on the command line and in `run.json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Ebpf => "ebpf",
            Self::SoTimestamping => "so_timestamping",
            Self::User => "user",
        }
    }
}
