//! Shared by the end-to-end tests: the programs as processes, their output, and the scripted server's log.
//!
//! ```text
//! test ── Server::start ──▶ mock-server ◀── HTTP ── aiperf-loadgen ◀── aiperfd (private, or Daemon::start)
//!   ├──── Profile::run ───▶ aiperf-ctl ──────────── HTTP over a unix socket ──────┘
//!   └──── Ended: exit status, console, files            Server::log: what was written when
//! ```
//!
//! The programs are those next to the test itself, built by `cargo build`.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "in a test, what goes wrong unexpectedly fails it")]

pub mod browser;
pub mod certificate;
pub mod cgroup;
pub mod client;
pub mod clock;
pub mod collector;
pub mod control_http;
pub mod daemon;
pub mod exporter;
pub mod hostile;
pub mod mlflow;
pub mod nginx;
pub mod patience;
pub mod programs;
pub mod server;
pub mod truth;
pub mod watched;
