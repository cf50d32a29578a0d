//! The load generator: decides when requests are due, sends them, reads responses, stamps them and cuts them into events.
//!
//! ```text
//! prompt ──▶ endpoint ──▶ composer ──queue──▶ worker (HOT) ──▶ ring ──▶ server
//! (what)     (bytes)      (ids)               shape (when)      │
//!                                                wire  ◀────────┘
//!                                                 │ report (HOT)
//!                                                 ▼
//!                            shared memory ──▶ collector's spool ──▶ response_parser ──▶ replies
//! ```

#![deny(unsafe_code)]

pub mod bounds;
pub mod branching;
pub mod coding;
pub mod composer;
pub mod confine;
pub mod job;
pub mod observe;
pub mod orders;
pub mod prompt;
pub mod ramp;
mod rate;
pub mod report;
pub mod response_parser;
pub mod ring;
pub mod schedule;
pub mod secrets;
pub mod session;
pub mod shape;
pub mod steering;
pub mod tls;
pub mod wire;
pub mod worker;
