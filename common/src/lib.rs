//! The words that the kernel programs, the load generator and the daemon share.
//!
//! Nothing here allocates, reads a clock or does I/O: clock types, identifiers, the layouts of the
//! events that cross a process or kernel boundary, and the header parsing that runs in the kernel and under
//! fuzz.
#![no_std]
#![forbid(unsafe_code)]

pub mod client_event;
pub mod clock;
pub mod id;
pub mod kernel_event;
pub mod parse;
pub mod reply_event;
pub mod ring;
