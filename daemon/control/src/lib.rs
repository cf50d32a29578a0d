//! The control API between clients and the daemon, over the control socket: HTTP/1.1 with JSON.
//!
//! ```text
//! GET    /v1/health                         Health
//! GET    /v1/capabilities                   Capabilities
//! GET    /v1/runs                           [Status]
//! POST   /v1/runs                           Create  -> Created
//! GET    /v1/runs/{id}                      Status
//! DELETE /v1/runs/{id}
//! PUT    /v1/runs/{id}/inputs/{name}        bytes           before the run starts: dataset, tokenizer
//! POST   /v1/runs/{id}/start                        -> Status
//! POST   /v1/runs/{id}/join                         -> Status    the caller's process is watched from now on
//! GET    /v1/runs/{id}/progress             Progress, one JSON object a line until the run has ended
//! GET    /v1/runs/{id}/requests             LiveRequest, one JSON object a line, from the first such request on;
//!                                           with `?stages` each with the times of its stages; with `?steering` too, in a
//!                                           queue of its own, for the client that steers
//! POST   /v1/runs/{id}/steer                Steer   -> Status    the load of a phase changes, within its plan
//! POST   /v1/runs/{id}/stop                 Stop    -> Status
//! GET    /v1/runs/{id}/files                [File]
//! GET    /v1/runs/{id}/files/{name}         bytes
//! POST   /v1/runs/{id}/recover                      -> Status
//! ```
//!
//! A failure is a [`Problem`] with a status: 4xx is the client's or the plan's fault, 5xx the daemon's.
#![forbid(unsafe_code)]

mod by_name;

pub use by_name::ByName;

use common::clock::{MonoNs, RealNs};
use record::{Finding, Standing, Steered};
use serde::{Deserialize, Serialize};
use spec::Plan;
use std::collections::BTreeMap;

/// Answer to `GET /v1/health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The daemon's version.
    pub version: String,
    /// The commit that it was built from, or `unknown`.
    #[serde(default)]
    pub commit: String,
    /// SHA-256 of the object with its kernel programs, or `none`.
    #[serde(default)]
    pub kernel_object: String,
    /// Whether it accepts runs; not while it drains.
    pub accepting: bool,
}

/// Answer to `GET /v1/capabilities`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The best available timestamp source: `ebpf`, `so_timestamping`, `user`.
    pub timestamps: String,
    /// Why not a better one, naming the missing capability or feature.
    pub timestamps_reason: Option<String>,
    /// Cores that the daemon may use.
    pub cpus: Vec<u32>,
    /// Cores that runs hold at this moment.
    pub busy_cpus: Vec<u32>,
    /// The user that the load generator runs as.
    pub loadgen_user: String,
    /// The daemon's version.
    #[serde(default)]
    pub version: String,
    /// The commit that it was built from, or `unknown`.
    #[serde(default)]
    pub commit: String,
    /// SHA-256 of the object with its kernel programs, or `none`.
    #[serde(default)]
    pub kernel_object: String,
    /// What the daemon finds of the host, with its own rights and limits; `?concurrency=N` for so many connections.
    #[serde(default)]
    pub doctor: Vec<Finding>,
}

/// Body of `POST /v1/runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Create {
    /// The checked plan.
    pub plan: Plan,
    /// Header values that must not be stored, by header name: kept in memory until the run ends.
    pub secret_headers: BTreeMap<String, String>,
    /// Base URLs with their addresses, resolved where the user runs: `(url, address:port)`.
    pub addresses: Vec<(String, String)>,
}

/// Answer to `POST /v1/runs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The run's id, 12 hexadecimal digits.
    pub run_id: String,
}

/// Body of `POST /v1/runs/{id}/stop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Send nothing more, let requests in flight end.
    Drain,
    /// End now; requests in flight are recorded as cancelled.
    Now,
}

/// Body of `POST /v1/runs/{id}/steer`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steer {
    /// The phase's place in the plan, which has its bounds.
    pub phase: u32,
    /// The value of what the phase changes; none ends the phase.
    pub value: Option<f64>,
}

/// The status of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The run.
    pub run_id: String,
    /// What it is doing.
    pub state: State,
    /// The daemon's clock when it was created, for order.
    pub created_ns: MonoNs,
    /// Seconds since the Unix epoch when it was created.
    pub created_unix_seconds: u64,
    /// Where its requests go.
    pub target: String,
    /// The model it requests.
    pub model: String,
    /// How it ended, once it has.
    pub standing: Option<Standing>,
    /// Why it failed, when it did.
    pub problem: Option<Problem>,
    /// The user who made it; root of runs of daemons that did not report it.
    #[serde(default)]
    pub owner: u32,
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for its inputs.
    Created,
    /// Probes are attached, inputs read, requests prepared.
    Preparing,
    /// Requests are sent.
    Running,
    /// No more requests are sent; requests in flight end.
    Draining,
    /// Records are joined and written.
    Recording,
    /// Done; its files are there.
    Finished,
    /// It could not run; [`Status::problem`] is the reason.
    Failed,
    /// The daemon that ran it is gone; `recover` makes a run of what is there.
    Interrupted,
}

/// A line of `GET /v1/runs/{id}/progress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What the run is doing.
    pub state: State,
    /// Seconds since the first request was due.
    pub elapsed_seconds: f64,
    /// Requests that the plan has, if it has a number.
    pub requests_planned: Option<u64>,
    /// Seconds that the plan lasts, if it has a duration.
    pub seconds_planned: Option<f64>,
    /// Requests handed to the kernel.
    pub requests_sent: u64,
    /// Requests that succeeded.
    pub requests_completed: u64,
    /// Requests that ended in any other way.
    pub requests_failed: u64,
    /// What one of them failed with: the first of a phase, as far as they are recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure: Option<String>,
    /// Requests in flight.
    pub requests_in_flight: u64,
    /// Requests recorded so far: what the live percentiles are taken from.
    pub requests_recorded: u64,
    /// Requests submitted more than a millisecond after they were due.
    #[serde(default)]
    pub requests_late: u64,
    /// Output tokens of the successful requests recorded so far, of every phase.
    #[serde(default)]
    pub output_tokens: u64,
    /// Numbers by metric tag, of the successful requests of measured phases recorded so far.
    pub live: BTreeMap<String, LiveStats>,
    /// The phase whose requests are sent at this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseProgress>,
    /// What each phase that has started has passed, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseCourse>,
    /// The hot cores, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workers: Vec<WorkerProgress>,
    /// The host's GPUs, if they are sampled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuProgress>,
    /// What the load of a phase was last set to, if a phase changes its load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steered: Option<Steered>,
    /// A warning that the user should see at once, shown once.
    pub notice: Option<String>,
    /// Why it failed, in the last line of a run that did.
    pub problem: Option<Problem>,
}

/// A line of `GET /v1/runs/{id}/requests`: a request that has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiveRequest {
    /// Its `X-Request-ID`; of a watched request that has none, its number.
    #[serde(default)]
    pub id: String,
    /// The phase that it was sent in.
    pub phase: String,
    /// Whether that is left out of the results.
    #[serde(default)]
    pub is_warmup: bool,
    /// The hot core that sent it.
    pub worker: u32,
    /// The model that it requests, of a request of another client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its outcome, unless it succeeded.
    pub error: Option<String>,
    /// The response's status, if there was one.
    pub http_status: Option<u32>,
    /// Its metrics by tag, in the unit in which each is shown.
    pub values: ByName<f64>,
    /// When each of its stages was, if the client requested the stages.
    #[serde(default, skip_serializing_if = "ByName::is_empty")]
    pub stages: ByName<RealNs>,
    /// Requests before it that were dropped, because the client was slow.
    pub dropped: u64,
}

/// A line from the daemon to the process that publishes what is watched as a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Published {
    /// A request has ended.
    Request {
        /// The name of what is watched.
        server: String,
        /// The request.
        request: LiveRequest,
    },
    /// A request of a run has ended.
    Sent {
        /// The model that it requests.
        model: String,
        /// Requests of its run that were dropped after the one that was sent before it: the queue was full.
        dropped: u64,
        /// The request.
        request: LiveRequest,
    },
    /// How a watch fares.
    Watched(WatchedServer),
}

/// How the watch of one server is doing. Counts are of the current watch; a watch that was lost starts again from zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WatchedServer {
    /// The name of what is watched.
    pub name: String,
    /// Whether it is watched at this moment.
    pub is_watching: bool,
    /// Why not, if not.
    pub problem: Option<String>,
    /// Requests that have started and not ended.
    pub in_flight: u64,
    /// Requests that were recorded.
    pub recorded: u64,
    /// Records that the kernel's programs have made.
    pub kernel_records: u64,
    /// Bytes of them that the observer has not read yet.
    pub lag_bytes: u64,
    /// What was lost in the kernel, by reason.
    pub kernel_dropped: BTreeMap<String, u64>,
    /// The observer's counts, by name.
    pub met: BTreeMap<String, u64>,
    /// Requests that were dropped, because the publishing process was slow.
    pub dropped: u64,
}

/// Statistics of a metric while the run is active, in milliseconds; percentiles have three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveStats {
    /// The mean.
    #[serde(default)]
    pub avg_ms: f64,
    /// The least.
    #[serde(default)]
    pub min_ms: f64,
    /// The greatest.
    #[serde(default)]
    pub max_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 90th percentile.
    #[serde(default)]
    pub p90_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The standard deviation, of all requests.
    #[serde(default)]
    pub std_ms: f64,
    /// The median of the requests of the last whole second in which requests were recorded.
    #[serde(default)]
    pub recent_p50_ms: Option<f64>,
    /// Their 99th percentile.
    #[serde(default)]
    pub recent_p99_ms: Option<f64>,
}

/// A phase that is under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PhaseProgress {
    /// Its name.
    pub name: String,
    /// Whether it is left out of the results.
    pub is_warmup: bool,
    /// Its place among the run's phases, from 1 on.
    pub number: u32,
    /// The number of phases.
    pub phases: u32,
    /// Seconds since its first request was due.
    pub elapsed_seconds: f64,
    /// Seconds that it lasts, if it has a duration.
    pub seconds_planned: Option<f64>,
    /// Requests that it sends, if it has a number.
    pub requests_planned: Option<u64>,
    /// Requests that have ended since it started.
    pub requests_ended: u64,
}

/// What a phase that has started has passed. Times are of the monotonic clock. Requests that are in flight when the next phase starts
/// without a pause are counted with that one, but for those that are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseCourse {
    /// Its name.
    pub name: String,
    /// Whether it is left out of the results.
    pub is_warmup: bool,
    /// Its place among the run's phases, from 1 on.
    pub number: u32,
    /// When its first request was due.
    pub started_ns: MonoNs,
    /// When it had sent everything.
    pub sent_all_ns: Option<MonoNs>,
    /// When it had ended.
    pub ended_ns: Option<MonoNs>,
    /// Whether requests were cancelled because its time and its grace were over.
    pub timed_out: bool,
    /// Requests handed to the kernel.
    pub sent: u64,
    /// Requests that succeeded.
    pub completed: u64,
    /// Requests that ended in any other way.
    pub failed: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Sessions of whose first requests records exist.
    pub sessions: u64,
    /// Cancelled requests among the recorded ones.
    pub cancelled: u64,
    /// Whether it has ended and all its requests are recorded.
    pub is_recorded: bool,
    /// When the first byte of its recorded requests left, by the kernel's stamps.
    pub kernel_sent_first_ns: Option<MonoNs>,
    /// When the last byte of their responses arrived.
    pub kernel_received_last_ns: Option<MonoNs>,
}

/// A hot core of the load generator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerProgress {
    /// The core that it is pinned to, if it is.
    pub cpu: Option<u32>,
    /// Requests handed to the kernel.
    pub sent: u64,
    /// Requests that succeeded.
    pub completed: u64,
    /// Requests that ended in any other way.
    pub failed: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Requests submitted more than a millisecond after they were due.
    pub late: u64,
    /// The share of its core that its thread has used since the start, from 0 to 1; unknown at first, and of a thread that is not pinned.
    pub busy: Option<f64>,
}

/// The newest numbers of a GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuProgress {
    /// Its index on this host.
    pub index: u32,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// Its numbers by metric tag, in each metric's unit.
    pub values: BTreeMap<String, f64>,
}

/// A file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, without a path.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// The files of a run that a client may fetch: in its artifact directory, they are the run's own.
pub const RUN_FILES: &[&str] = &[
    "run.json",
    "inputs.json",
    "requests.parquet",
    "tokens.parquet",
    "responses.parquet",
    "payloads.parquet",
    "gpu.parquet",
    "loadgen.log",
];

/// Why something was refused or failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// Whose fault it is.
    pub fault: Fault,
    /// What happened and what to do, one sentence.
    pub message: String,
}

/// Whose fault a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The plan: its flags or its input files.
    Plan,
    /// The inference server.
    Server,
    /// The load generator or the daemon.
    Load,
    /// The kernel or a missing capability.
    Kernel,
    /// A disk or directory.
    Disk,
    /// Another process uses what the run needs.
    Busy,
}

impl Problem {
    /// A problem with its fault.
    #[must_use]
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into() }
    }
}

impl State {
    /// Whether the run will change no more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Finished | Self::Failed | Self::Interrupted)
    }
}
