//! The description of a run: the plan, the host, what was lost on the way, and the verdict.

use crate::finding::Finding;
use crate::verdict::Verdict;
use common::clock::{Anchor, DurationNs, MonoNs};
use serde::{Deserialize, Serialize};
use spec::Plan;
use std::collections::BTreeMap;

/// The version of the columns and of `run.json`.
pub const SCHEMA_VERSION: &str = "1.0";

/// `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: String,
    /// The program's version.
    pub version: String,
    /// The commit that it was built from; `unknown` outside a checkout, absent in runs of other tools and older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// SHA-256 of the object with the kernel programs that the daemon had; `none` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_object: Option<String>,
    /// 12 hexadecimal digits; from it follow the request ids on the wire.
    pub run_id: String,
    /// The source of the traffic: `profile`, `audit`, `observe`, `import`.
    pub source: String,
    /// What the run was to do.
    pub plan: Plan,
    /// Where it ran.
    pub host: Host,
    /// What the checks of the host found when the run started; `docs/DOCTOR.md` lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doctor: Vec<Finding>,
    /// The timestamp source that stamped it: `ebpf`, `so_timestamping`, `user`.
    pub timestamps: String,
    /// Why a better timestamp source was not available, if one was requested.
    pub timestamps_reason: Option<String>,
    /// The moment that ties the monotonic clock to the calendar, taken when the run started.
    pub clock_begin: Anchor,
    /// The same, taken when the run ended: the two differ by a clock step or drift.
    pub clock_end: Anchor,
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// Whether the user stopped the run before its plan was done.
    pub was_cancelled: bool,
    /// Whether every request of the plan was sent and ended.
    pub is_complete: bool,
    /// What stopped the run before its plan was done, if anything did.
    pub incomplete_reason: Option<String>,
    /// What was lost, by place and reason.
    pub loss: Loss,
    /// The counters of the hot cores, summed, by the names of `common::ring::COUNTERS`.
    pub counters: BTreeMap<String, u64>,
    /// What the run cost and how the host fared: CPU seconds, steal, memory, by name with the unit last.
    pub figures: BTreeMap<String, f64>,
    /// How the GPUs of the host were read, by collector.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpu: Vec<GpuSource>,
    /// Exporters that received the run while it was active, and what was dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streamed: Vec<Streamed>,
    /// What the load of phases was set to while they went on, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steered: Vec<Steered>,
    /// How each phase that changed its own load ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adaptive_scale: Vec<Scaled>,
    /// Plugins that were called about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<Plugin>,
    /// The client that created the run, from the control socket's peer credentials.
    pub client: Option<String>,
    /// Whether the numbers may be used.
    pub verdict: Verdict,
}

/// How the GPUs of the host were read by one collector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GpuSource {
    /// The collector: `nvml`, `amdgpu`.
    pub source: String,
    /// GPUs that it found, and parts of divided ones.
    pub gpus: u32,
    /// Why it found none, or its last problem that a user should know.
    pub problem: Option<String>,
    /// Whether a call had not returned when the run ended.
    pub did_hang: bool,
    /// Numbers that were read.
    pub samples: u64,
    /// Numbers that were dropped because the queue to the disk was full.
    pub dropped: u64,
    /// Times that all GPUs were read.
    pub rounds: u64,
    /// Times that they could not be read because the time before took too long.
    pub rounds_missed: u64,
    /// Calls to the driver.
    pub calls: u64,
    /// How long these took together.
    pub call_seconds: f64,
}

/// A value that the load of a phase was set to while it went on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steered {
    /// The phase's name.
    pub phase: String,
    /// The value of what the phase changes; none when the phase was ended.
    pub value: Option<f64>,
    /// When the load generator was sent it, on the monotonic clock: its workers follow together, 20 ms later.
    pub at_ns: MonoNs,
}

/// How a phase that changed its own load ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaled {
    /// The phase's name.
    pub phase: String,
    /// What it changed: `concurrency`, `prefill_concurrency`, `request_rate` or `users`.
    pub control: String,
    /// `completed`, `incomplete` or `failed`.
    pub status: String,
    /// Why it ended.
    pub reason: String,
    /// The value that was held, if one was.
    pub sustained: Option<f64>,
    /// Windows in which it was held.
    pub sustain_windows: u32,
    /// Of these, those that kept every limit.
    pub sustain_passed: u32,
    /// The last value that kept every limit.
    pub last_passing: Option<f64>,
    /// The first value that did not.
    pub first_failing: Option<f64>,
    /// Windows that were assessed.
    pub windows: u32,
    /// Of these, those that say nothing of the server, because this client was late or did not see every request.
    pub void_windows: u32,
    /// Windows whose limits were judged by the kernel's time of every request.
    pub kernel_windows: u32,
}

/// An exporter that received a run while it was active.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streamed {
    /// The place, without a password.
    pub to: String,
    /// Exports that succeeded.
    pub succeeded: u64,
    /// Exports that failed.
    pub failed: u64,
    /// Requests, progress events and spans that were dropped before they were sent: the exporter was slower than the run.
    pub dropped: u64,
    /// Why the last failed export did.
    pub problem: Option<String>,
}

/// A plugin that was called about a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its package's code, or of its program: SHA-256, in hex.
    pub digest: Option<String>,
    /// Its components that were used: `kind.name`.
    pub components: Vec<String>,
    /// Rows of requests that it was not given, because it was too slow.
    pub dropped_rows: u64,
    /// What went wrong with it.
    pub faults: Vec<String>,
}

/// Where a run ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The kernel's release and version.
    pub kernel: String,
    /// The host's name.
    pub hostname: String,
    /// The processor's model name.
    pub cpu_model: String,
    /// Cores online.
    pub cores: u32,
    /// The frequency governor of the hot cores, if the host has one.
    pub governor: Option<String>,
    /// The cores that the hot cores were pinned to.
    pub hot_cpus: Vec<u32>,
}

/// One phase of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name: `profiling`.
    pub name: String,
    /// When its first request was due.
    pub begun_ns: MonoNs,
    /// When its last request ended.
    pub ended_ns: MonoNs,
    /// The planned length, if it had one.
    pub duration_ns: Option<DurationNs>,
}

/// What was lost, by place and reason. All zero in a trustworthy run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// What the kernel programs could not report, by the names of `common::kernel_event::DROPS`.
    pub kernel: BTreeMap<String, u64>,
    /// Events without a kernel stamp, by reason.
    pub unmatched_events: BTreeMap<String, u64>,
    /// Requests whose own bytes have no kernel stamp, by reason.
    pub unmatched_requests: BTreeMap<String, u64>,
    /// Bytes and messages that arrived damaged, by place.
    pub damaged: BTreeMap<String, u64>,
}
