//! The stage of the kernel tests: a cgroup with the probes attached, processes in it with TCP connections, and what was seen.
//!
//! ```text
//! test ── makes ──▶ cgroup, probes ── drains ──▶ Seen { stamps, steps } ──▶ Joiner
//!   └── starts ──▶ kernel-peer (in the cgroup) ◀── TCP ──▶ kernel-peer (outside it, perhaps behind a veth pair)
//! ```
#![deny(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

pub mod joined;
pub mod links;
pub mod network;
pub mod peer;
pub mod skip;
pub mod stage;
