//! What is watched of traffic that others send.

use serde::{Deserialize, Serialize};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Whose traffic.
    pub target: Target,
    /// Which end of the connections.
    pub side: Side,
    /// Only connections with one of these ports, local or remote; with none all.
    pub ports: Vec<u16>,
    /// Bytes that are captured of each segment.
    pub snap_length: u32,
    /// Whether the content of requests and responses is stored.
    #[serde(default)]
    pub payload: bool,
    /// Whether it is watched when the server reads its sockets.
    #[serde(default)]
    pub socket_wait: bool,
}

/// Whose traffic is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// That of a command which joins the run before it starts, and of its children.
    Command(String),
    /// That of the cgroup which a process is in.
    Process(u32),
    /// That of a cgroup, by its path below the hierarchy's root.
    Cgroup(String),
}

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The sending side.
    Client,
    /// The one that answers.
    Server,
}

impl Watch {
    /// The source of the traffic, as in `run.json`.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        match self.target {
            Target::Command(_) => "audit",
            Target::Process(_) | Target::Cgroup(_) => "observe",
        }
    }
}
