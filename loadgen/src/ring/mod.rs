//! This crate's only unsafe code: io_uring and the shared memory, each behind calls that can't be misused.
//!
//! ```text
//! uring.rs    one submission/completion ring, its sockets and its receive buffers: connect, send, receive, reap
//! socket.rs   socket settings that io_uring can't: options, cookie, addresses
//! shared.rs   the ring of bytes that the collector reads
//! ```
#![expect(
    unsafe_code,
    reason = "io_uring, mmap and getsockopt have no safe interface for what the hot core needs"
)]

pub mod shared;
pub mod socket;
pub mod uring;
