//! Scrapes servers' and exporters' own metrics during a run over HTTP, on separate threads.
//!
//! ```text
//! ping.rs     how long it takes to connect
//! poller.rs   scrapes in intervals ──▶ exposition.rs   text to values ──▶ changes.rs   what changed ──▶ Parquet parts
//!             │                                               └──▶ dcgm.rs   GPU metrics ──▶ Parquet parts
//!             └ sockets.rs   what a server of this host has not accepted or read, from the kernel
//! ```
//!
//! A server that is slow, down or sends invalid data costs only its own rows, never the run. Clocks are passed in by the
//! caller.
#![forbid(unsafe_code)]

mod changes;
mod dcgm;
mod exposition;
mod ping;
mod poller;
mod sockets;

pub use dcgm::DcgmField;
pub use exposition::{Exposition, Reading, parse};
pub use ping::{Ping, Pinger, Pinging};
pub use poller::{Outcome, Poll, Poller};
