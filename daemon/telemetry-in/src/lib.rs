//! What servers and exporters tell of themselves while they are measured, asked over HTTP on threads of their own.
//!
//! ```text
//! ping.rs     how long a connection takes
//! poller.rs   asks in intervals ──▶ exposition.rs   text to numbers ──▶ changes.rs   what is new ──▶ Parquet parts
//!                                                             └──▶ dcgm.rs   GPUs' numbers ──▶ Parquet parts
//! ```
//!
//! A server that is slow, gone or lies costs its own rows, never the run. Who reads the clock is told from outside.
#![forbid(unsafe_code)]

mod changes;
mod dcgm;
mod exposition;
mod ping;
mod poller;

pub use dcgm::DcgmField;
pub use exposition::{Exposition, Reading, parse};
pub use ping::{Ping, Pinger, Pinging};
pub use poller::{Outcome, Poll, Poller};
