//! Matches kernel stamps to bytes to tokens: the kernel's segments, by byte offset, joined with the client's events.
//!
//! ```text
//! kernel:  segment at seq 1000, 300 bytes, 12:00.001 ┐      bytes   0 ───── 300 ──── 450 ── 512
//!          segment at seq 1300, 150 bytes, 12:00.004 ├──▶   arrived  .001     .004     .009
//!          segment at seq 1450,  62 bytes, 12:00.009 ┘                 │         │       │
//! client:  event 0 ends at byte 280, event 1 at 450, event 2 at 512    ▼         ▼       ▼
//! joined:                                                          event 0   event 1  event 2
//! ```
//!
//! An event's kernel time is the first moment at which every byte up to its last one was there. Nothing here reads
//! a clock, opens a file or knows where the records are from: the same input has the same output.
#![forbid(unsafe_code)]

mod reply;
mod stream;

pub use reply::{Joined, Joiner, Unmatched};
pub use stream::{Arrival, Stream};
