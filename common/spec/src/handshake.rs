//! The messages between the daemon and a load generator besides records: one JSON object a line on a socket.
//!
//! ```text
//! aiperfd ── Setup + file descriptors ──▶ aiperf-loadgen      reads inputs, prepares requests
//!         ◀───────── Prepared ───────────
//!         ── Start ─────────────────────▶                     sends
//!         ── Control (any time) ────────▶                     a phase's load changes
//!         ── Drain / Stop (any time) ───▶
//!         ◀───────── Finished ───────────                     every record is written
//! ```
//!
//! Either end treats an end of file as the other's death and ends.
//!
//! With [`Setup::replay`] nothing is sent: the spool of a daemon that died is parsed again, without an order to start.

use crate::Plan;
use common::clock::MonoNs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message of the daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Make everything ready; its file descriptors come with it, in the order of [`Setup`]'s comment.
    Setup(Box<Setup>),
    /// Send the first request at this moment.
    Start {
        /// The moment to which the schedule's offsets are added.
        at_ns: MonoNs,
    },
    /// Change the load of a phase that has an [`crate::AdaptiveScale`].
    Control {
        /// Its place in the plan.
        phase: u32,
        /// The value of what it changes; none ends the phase: nothing more is sent in it.
        value: Option<f64>,
    },
    /// Send nothing more; let requests in flight end.
    Drain,
    /// End now; requests in flight are recorded as cancelled.
    Stop,
}

/// What a load generator needs. With it come file descriptors: the pipe for replies, the file for `inputs.json`,
/// for each worker its shared ring and its spool file (to read), then one for each of `inputs`. To watch what others
/// send there is one worker, whose spool file is the kernel's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// What to do.
    pub plan: Plan,
    /// Values of the user's own headers and keys. Never stored.
    pub secret_headers: BTreeMap<String, String>,
    /// Base URLs with their addresses, resolved where the user runs: `(url, address:port)`.
    pub addresses: Vec<(String, String)>,
    /// The number from which request ids on the wire are made.
    pub run_number: u64,
    /// One worker for each, pinned to it; `None` leaves the worker unpinned.
    pub cpus: Vec<Option<u32>>,
    /// Bytes of each worker's ring, a power of two.
    pub ring_bytes: u64,
    /// Whether software stamps are enabled on sockets (timestamp source `so_timestamping`).
    pub socket_stamps: bool,
    /// Whether events' bytes are passed on for the raw export.
    pub keep_raw: bool,
    /// Names of the uploaded inputs, in the order of their descriptors.
    pub inputs: Vec<String>,
    /// Whether the spool of a daemon that died is parsed again: nothing is sent and no order to start is awaited. The
    /// descriptors have the same layout; `visible` in each worker's memory is how much of its spool there is.
    #[serde(default)]
    pub replay: bool,
    /// Whether no other process has the load generator's user: then the number of its threads is limited.
    #[serde(default)]
    pub own_user: bool,
}

/// A message of a load generator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Inputs are read, requests are prepared; `inputs.json` is written while they are sent.
    Prepared {
        /// Conversations of the input.
        entries: u64,
        /// Whether the input is a trace that is replayed at its own times.
        replays: bool,
        /// What the user should know at once.
        notices: Vec<String>,
        /// What of its confinement this host does not offer, as texts; empty when all of it holds.
        #[serde(default)]
        unconfined: Vec<String>,
    },
    /// It can't run: the plan's or its inputs' fault, or its own.
    Failed {
        /// `plan`, `server` or `load`.
        fault: String,
        /// What happened and what to do.
        message: String,
    },
    /// A phase has started.
    Phase {
        /// Its place in the plan.
        phase: u32,
        /// The moment to which its schedule's offsets are added.
        at_ns: MonoNs,
    },
    /// A phase has sent everything.
    PhaseSent {
        /// Its place in the plan.
        phase: u32,
        /// When the last worker knew.
        at_ns: MonoNs,
    },
    /// A phase has ended: of one that the next follows without a pause, requests may still be in flight.
    PhaseEnded {
        /// Its place in the plan.
        phase: u32,
        /// When it had for the last worker.
        at_ns: MonoNs,
        /// Whether requests were cancelled because its time and its grace were over.
        timed_out: bool,
    },
    /// It stops before the plan is done, and why.
    Stopped {
        /// The reason.
        why: String,
    },
    /// Counts of other clients' traffic.
    Watched {
        /// What was followed and what was not, by name.
        counts: BTreeMap<String, u64>,
        /// The requested models.
        models: Vec<String>,
    },
    /// Bounds that something exceeded, and how much was left out or cut, by name; sent before [`Report::Finished`], and
    /// only if there is any.
    Exceeded {
        /// By the names in `loadgen::bounds`.
        counts: BTreeMap<String, u64>,
    },
    /// Every record is written.
    Finished,
}
