//! HOT: one thread on one core. Decides what is due, submits, reaps, stamps, cuts. Budget: docs/BUDGET.md, "CPU per
//! event" and "one-token streaming requests".
//!
//! ```text
//! pacer     when: what is due, how much may be under way, when each request is given up
//!   │ request                                ▲ request over
//!   ▼                                        │
//! pool ──── place ──▶ ring.send ╶╶ kernel ╶╶ ring.reap ──▶ wire ──▶ report
//! where: which connection carries it         └──────── one turn of the event loop
//! ```
//!
//! Pacer and pool know neither each other nor the ring; the event loop brings them together. No JSON, no
//! allocation after set-up but for growth, no lock, no logging, no disk.

mod connect;
mod connection;
mod deadlines;
mod event_loop;
mod job;
mod memory;
mod pacer;
mod pool;
mod race;
mod reach;
mod request;
mod response;
mod secure;
mod stamps;
#[cfg(test)]
mod tests;
mod threshold;
mod turns;

pub use pacer::LOOK_AROUND;
pub use threshold::Threshold;

use crate::bounds::Exceeded;
use crate::composer::PreparedQueue;
use crate::report::Reporter;
use crate::ring::socket::Address;
use crate::ring::uring::{Ring, SocketStamps};
use crate::schedule::Schedule;
use common::clock::{DurationNs, MonoNs};
use event_loop::Worker;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use spec::{Cancellation, ConnectionReuse, Wait};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32};
use std::sync::mpsc::{Receiver, Sender};
use std::thread::Thread;

/// The inputs of a worker.
pub struct Assignment {
    /// Its number, from 0.
    pub worker: u32,
    /// What it does, phase by phase.
    pub phases: Vec<Phase>,
    /// Sends the result of setting up the worker.
    pub ready: Sender<io::Result<()>>,
    /// Receives the start of each phase that is not seamless.
    pub begin: Receiver<MonoNs>,
    /// Sends what it has passed of each phase.
    pub passed: Sender<Passed>,
    /// Requests that are ready.
    pub queue: PreparedQueue,
    /// The thread that makes them; woken when a session goes on.
    pub composer: Thread,
    /// Has the composer count sessions anew.
    pub numbering: Arc<AtomicU32>,
    /// Where it reports.
    pub reporter: Reporter,
    /// Where requests go, by [`Prepared::target`].
    pub targets: Vec<Destination>,
    /// Most connections at once.
    pub connections: u32,
    /// How it waits.
    pub wait: Wait,
    /// Whether sockets' own stamps are enabled.
    pub stamps: SocketStamps,
    /// How long a request may take.
    pub timeout: DurationNs,
    /// How requests share connections.
    pub reuse: ConnectionReuse,
    /// Of an API of jobs: the time from a response to the next poll.
    pub poll_interval: Option<DurationNs>,
    /// How many requests may fail, if the plan limits it.
    pub threshold: Option<Arc<Threshold>>,
    /// The seed of the choice of requests that are cancelled.
    pub seed: u64,
    /// The user's stop request: one of [`GO`], [`DRAIN`], [`STOP`].
    pub stop_request: Arc<AtomicU8>,
    /// How many workers may still send requests of a warm-up that have a marker, where that is of interest.
    pub warming: Option<Arc<AtomicU32>>,
    /// What was left out.
    pub exceeded: Arc<Exceeded>,
}

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The address to connect to.
    pub address: Address,
    /// How the connection is encrypted, and whose certificate is expected.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// One phase of a worker.
pub struct Phase {
    /// When its requests are due, from its start and the number of sessions that are still open.
    pub schedule: Box<dyn FnOnce(MonoNs, u32) -> Schedule + Send>,
    /// Whether it starts when the one before it has sent everything.
    pub is_seamless: bool,
    /// Whether it is left out of the results.
    pub is_warmup: bool,
    /// Requests that are cancelled on purpose.
    pub cancellation: Option<Cancellation>,
    /// Whether its sessions are counted from the first one: those of a schedule have each its own row, and users their age.
    pub counts_anew: bool,
    /// Whether so few requests may wait for their first token that its arrival must be seen.
    pub limits_prefill: bool,
}

/// What a worker has passed of a phase, which is named by its place in the plan.
#[derive(Clone, Copy, Debug)]
pub enum Passed {
    /// It has started a phase that is seamless: the start of others is given to it.
    Started {
        /// The phase.
        phase: u32,
        /// When.
        at: MonoNs,
    },
    /// It has sent everything.
    Sent {
        /// The phase.
        phase: u32,
        /// When it knew.
        at: MonoNs,
    },
    /// The phase is over for it.
    Ended {
        /// The phase.
        phase: u32,
        /// When.
        at: MonoNs,
        /// Whether requests were cancelled because its time and its grace were over.
        timed_out: bool,
    },
}

/// No stop request: go on.
pub const GO: u8 = 0;
/// The user's stop request: send nothing more, let requests in flight end.
pub const DRAIN: u8 = 1;
/// The user's stop request: end now.
pub const STOP: u8 = 2;

/// Runs a worker on this thread until its schedule is done and nothing is in flight.
///
/// # Errors
/// When the kernel refuses the ring, or fails it in the middle.
pub fn run(mut assignment: Assignment) -> io::Result<()> {
    let places = assignment.connections;
    let ring = match Ring::new(places, buffers_for(places), assignment.stamps) {
        Ok(ring) => ring,
        Err(error) => {
            assignment.reporter.finished(clock::mono());
            // The thread that waits for this worker has gone, or receives the reason why it can't work.
            assignment.ready.send(Err(error)).ok();
            return Ok(());
        }
    };
    assignment.ready.send(Ok(())).ok();
    let phases = std::mem::take(&mut assignment.phases);
    let (mut worker, control) = Worker::new(assignment, ring);
    let result = worker.run(phases, &control);
    worker.finished();
    result
}

/// Receive buffers for so many connections: as many reads as may wait in one turn of the loop.
fn buffers_for(places: u32) -> u16 {
    u16::try_from(places.saturating_mul(2).next_power_of_two().clamp(256, 16384)).unwrap_or(256)
}

const fn widen(place: u32) -> usize {
    place as usize
}

/// A count of places, which was made from a `u32`.
#[expect(clippy::cast_possible_truncation, reason = "it was made from a u32")]
const fn narrow(count: usize) -> u32 {
    count as u32
}
