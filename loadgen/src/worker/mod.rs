//! HOT: one thread on one core. Decides what is due, submits, reaps, stamps, cuts. Budget: docs/BUDGET.md, "CPU per
//! event" and "one-token streaming requests".
//!
//! ```text
//! due? ── issue ──▶ connection ──▶ ring.send            ┐
//!          ▲                                            │ one turn of the loop
//! slot free│        report ◀── wire ◀── ring.reap ◀─────┘
//! ```
//!
//! No JSON, no allocation after set-up but for growth, no lock, no logging, no disk.

mod connection;
mod job;
mod race;
mod reach;
mod secure;
mod session;

pub use session::Threshold;

use crate::bounds::{self, Bound, Exceeded};
use crate::clock;
use crate::composer::{Next, Prepared, PreparedQueue, Response};
use crate::report::Reporter;
use crate::ring::socket::{self, Address};
use crate::ring::uring::{Buffer, Completion, Event, Ring, SocketStamps};
use crate::schedule::Schedule;
use crate::wire::http::{AtEnd, Malformed, Progress};
use crate::wire::tls::Tls;
use common::client_event::{self, ON_PURPOSE, Opened, Outcome, Sent};
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use common::id::ConnectionId;
use common::kernel_event::segment::{RECEIVED, SENT};
use common::ring::Counter;
use connection::{Active, Connection, State};
use reach::{Reach, is_unreached};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use session::Turns;
use spec::{Cancellation, ConnectionReuse, Wait};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
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
    /// Sends the end of each phase.
    pub ended: Sender<Ended>,
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

/// A phase that is over for a worker.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its place in the plan.
    pub phase: u32,
    /// When it started there.
    pub started: MonoNs,
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
    let mut worker = Worker::new(assignment, ring);
    let result = worker.run(phases);
    worker.reporter.finished(clock::mono());
    result
}

struct Worker {
    number: u32,
    ring: Ring,
    connections: Vec<Connection>,
    /// Places of connections that wait for a request, the one used last on top: its path is the warmest.
    idle: Vec<u32>,
    /// Places without a connection.
    free: Vec<u32>,
    /// Connections that are closed and will be free places soon.
    closing: u32,
    schedule: Schedule,
    /// The phase's place in the plan, and its limits.
    phase: u32,
    is_warmup: bool,
    cancellation: Option<Cancellation>,
    limits_prefill: bool,
    begin: Receiver<MonoNs>,
    phase_ended: Sender<Ended>,
    queue: PreparedQueue,
    numbering: Arc<AtomicU32>,
    turns: Turns,
    reporter: Reporter,
    targets: Vec<Destination>,
    wait: Wait,
    stamps: SocketStamps,
    reuse: ConnectionReuse,
    /// Whether requests are jobs, and the time from a response to the next poll.
    sends_jobs: bool,
    poll_interval: DurationNs,
    /// Ties the clock of the sockets' stamps to ours; renewed now and then.
    anchor: Anchor,
    timeout: DurationNs,
    /// Deadlines of requests in the order in which they were submitted, which is the order of their deadlines.
    deadlines: VecDeque<(MonoNs, u32, u64)>,
    /// When requests are cancelled on purpose.
    cancels: BinaryHeap<Reverse<(MonoNs, u32, u64)>>,
    /// Requests for which no connection could be had yet: one is being closed.
    stranded: VecDeque<Active>,
    threshold: Option<Arc<Threshold>>,
    seed: u64,
    stop_request: Arc<AtomicU8>,
    warming: Option<Arc<AtomicU32>>,
    exceeded: Arc<Exceeded>,
    in_flight: u32,
    /// Requests in flight that wait for their first token.
    prefilling: u32,
    cancelling: bool,
    /// Memory that all connections hold of what is not whole, and bytes of responses that sessions go on with.
    partial: usize,
    kept: u64,
    /// Whether each target is reached.
    reach: Vec<Reach>,
    /// How long the place of a request that is ending stays empty: its server was not reached.
    backoff: DurationNs,
    /// The same for the place of a tree of sessions, which the composer ends.
    tree_backoff: DurationNs,
}

impl Worker {
    fn new(assignment: Assignment, ring: Ring) -> Self {
        let places = assignment.connections;
        let connections = (0..places).map(|_| Connection::absent()).collect();
        Self {
            number: assignment.worker,
            ring,
            connections,
            idle: Vec::with_capacity(widen(places)),
            free: (0..places).rev().collect(),
            closing: 0,
            schedule: Schedule::nothing(),
            phase: 0,
            is_warmup: false,
            cancellation: None,
            limits_prefill: false,
            begin: assignment.begin,
            phase_ended: assignment.ended,
            queue: assignment.queue,
            numbering: assignment.numbering,
            turns: Turns::new(assignment.composer),
            reporter: assignment.reporter,
            reach: vec![Reach::default(); assignment.targets.len()],
            targets: assignment.targets,
            wait: assignment.wait,
            stamps: assignment.stamps,
            reuse: assignment.reuse,
            sends_jobs: assignment.poll_interval.is_some(),
            poll_interval: assignment.poll_interval.unwrap_or_default(),
            anchor: clock::anchor(),
            timeout: assignment.timeout,
            deadlines: VecDeque::with_capacity(widen(places)),
            cancels: BinaryHeap::new(),
            stranded: VecDeque::new(),
            threshold: assignment.threshold,
            seed: assignment.seed,
            stop_request: assignment.stop_request,
            warming: assignment.warming,
            exceeded: assignment.exceeded,
            in_flight: 0,
            prefilling: 0,
            cancelling: false,
            partial: 0,
            kept: 0,
            backoff: DurationNs::ZERO,
            tree_backoff: DurationNs::ZERO,
        }
    }

    /// Runs the phases in turn.
    fn run(&mut self, phases: Vec<Phase>) -> io::Result<()> {
        let warmed = (0..).zip(&phases).filter(|(_, phase)| phase.is_warmup).map(|(number, _)| number + 1);
        let warmed = warmed.last().unwrap_or(0);
        let mut phases = (0..).zip(phases).peekable();
        while let Some((number, phase)) = phases.next() {
            let started = if phase.is_seamless && number > 0 {
                clock::mono()
            } else {
                let Ok(started) = self.begin.recv() else { return Ok(()) };
                started
            };
            if phase.is_seamless && phase.counts_anew && number > 0 {
                self.count_anew();
            }
            if number > 0 && self.stop_request.load(Ordering::Relaxed) != GO {
                return Ok(());
            }
            if number == warmed
                && let Some(warming) = &self.warming
            {
                warming.fetch_sub(1, Ordering::Relaxed);
            }
            self.phase = number;
            self.is_warmup = phase.is_warmup;
            self.cancellation = phase.cancellation;
            self.limits_prefill = phase.limits_prefill;
            self.cancelling = false;
            self.schedule = (phase.schedule)(started, self.schedule.open_sessions());
            let drains = !phases.peek().is_some_and(|(_, next)| next.is_seamless);
            let result = self.run_phase(drains);
            if result.is_err() {
                // The others must not wait for a phase that this worker will never end.
                self.stop_request.fetch_max(STOP, Ordering::Relaxed);
            }
            if phases.peek().is_some_and(|(_, next)| next.counts_anew && !next.is_seamless) {
                // Its first requests are ready before it is known when it starts.
                self.count_anew();
            }
            // No thread waits for the end of a run that is being stopped.
            self.phase_ended.send(Ended { phase: number, started }).ok();
            result?;
        }
        Ok(())
    }

    /// Sends the phase's requests; with `drains`, until all of them have ended.
    fn run_phase(&mut self, drains: bool) -> io::Result<()> {
        let mut turn_start = clock::mono();
        loop {
            self.issue(turn_start);
            self.expire(turn_start);
            self.reporter.counters().set(Counter::InFlight, u64::from(self.in_flight));
            self.reporter.counters().publish();
            if self.schedule.is_done(turn_start) && (self.in_flight == 0 || !drains) {
                let mut unsent = self.schedule.unsent();
                if drains {
                    unsent += self.turns.forget(&mut self.queue, &self.schedule);
                    self.schedule = Schedule::nothing();
                }
                self.reporter.counters().count(Counter::Unsent, unsent);
                return Ok(());
            }
            self.wait(turn_start)?;
            while let Some(completion) = self.ring.reap() {
                self.complete(completion);
            }
            turn_start = clock::mono();
        }
    }

    /// Waits for a completion, or until something is due or expires.
    fn wait(&mut self, now: MonoNs) -> io::Result<()> {
        if self.wait == Wait::Spin {
            return self.ring.submit();
        }
        let mut until = now + LOOK_AROUND;
        if self.has_room() {
            if let Some(due) = self.schedule.next_start() {
                // With nothing prepared the composer needs the time, perhaps on this very core.
                until =
                    until.min(if self.queue.ready.is_empty() { due.max(now + STARVED_WAIT) } else { due });
            }
            if let Some(due) = self.turns.next_due().and_then(|due| self.schedule.turn_from(due)) {
                until = until.min(due);
            }
        }
        if self.turns.are_awaited() {
            until = until.min(now + STARVED_WAIT);
        }
        if let Some(due) = self.turns.next_inquiry() {
            until = until.min(due);
        }
        let growth = self.schedule.next_growth();
        let deadline = self.deadlines.front().map(|(deadline, ..)| *deadline);
        let cancel = self.cancels.peek().map(|cancel| cancel.0.0);
        for moment in growth.into_iter().chain(deadline).chain(cancel) {
            until = until.min(moment);
        }
        self.ring.wait(now, until)
    }

    fn has_room(&self) -> bool {
        self.schedule.may_prefill(self.prefilling)
            && self.stranded.is_empty()
            && !(self.idle.is_empty() && self.free.is_empty() && self.turns.owned.is_empty())
    }

    /// Sends every request that is due and has room.
    #[inline]
    fn issue(&mut self, now: MonoNs) {
        match self.stop_request.load(Ordering::Relaxed) {
            GO => {}
            DRAIN => self.schedule.end(now),
            _ => self.cancel_all(now),
        }
        if self.schedule.grace_is_over(now) {
            self.cancel_all(now);
        }
        self.schedule.grow(now);
        self.turns.receive(&mut self.queue);
        for _ in 0..std::mem::take(&mut self.turns.ended) {
            self.schedule.session_ended(now, now + self.tree_backoff);
        }
        self.poll_jobs(now);
        if !self.stranded.is_empty() {
            self.land(now);
        }
        while self.has_room() {
            if let Some(due) = self.turns.next_due().and_then(|due| self.schedule.turn_from(due))
                && due <= now
                && let Some(prepared) = self.turns.pop()
            {
                self.schedule.take_turn();
                self.start_request(prepared, due);
                continue;
            }
            let Some(due) = self.schedule.start_by(now) else { return };
            let Ok(prepared) = self.queue.ready.pop() else {
                self.reporter.counters().count(Counter::Starved, 1);
                if self.queue.ready.is_abandoned() {
                    // The composer can't go on, and reports why itself.
                    self.schedule.end(now);
                }
                return;
            };
            self.schedule.take_start();
            self.start_request(prepared, due);
        }
    }

    #[inline]
    fn start_request(&mut self, mut prepared: Prepared, due: MonoNs) {
        if prepared.warmup_at > 0 {
            prepared.settle_on(self.is_warmup);
        }
        self.in_flight += 1;
        self.prefilling += u32::from(self.limits_prefill);
        let mut active = Active::new(prepared, due, self.phase);
        active.is_prefilling = self.limits_prefill;
        if active.prepared.next != Next::Over {
            active.response = Some(Response::default());
        }
        if self.sends_jobs {
            active.job = Some(Box::default());
        }
        self.assign(active);
    }

    /// Assigns a request to an idle connection, or to a new one.
    #[inline]
    fn assign(&mut self, active: Active) {
        if self.reuse == ConnectionReuse::StickyUserSessions
            && let Some(place) = self.turns.owned.remove(&active.prepared.session)
        {
            self.connections[widen(place)].active = Some(active);
            return self.send(place);
        }
        let target = active.prepared.target;
        let fits = self.idle.iter().rposition(|place| self.connections[widen(*place)].target == target);
        if let Some(found) = fits {
            let place = self.idle.swap_remove(found);
            self.connections[widen(place)].active = Some(active);
            self.send(place);
        } else {
            self.open(active);
        }
    }

    /// Hands the request of a connection to the kernel.
    #[inline]
    fn send(&mut self, place: u32) {
        let connection = &mut self.connections[widen(place)];
        let response_begin = connection.received_offset();
        let Some(active) = connection.active.as_mut() else { return };
        let mut bytes = std::mem::take(&mut active.prepared.bytes);
        let mut begin = connection.sent_offset;
        if let Some(tls) = connection.tls.as_mut() {
            let (sealed, handshake) = tls.sealed(&bytes);
            // The rest of the handshake is sent with the request, but does not belong to it.
            begin += handshake;
            // Sealed for this connection, it can't be sent again: what was sealed is kept.
            let plain = std::mem::replace(&mut bytes, sealed);
            if connection.uses > 0 {
                active.prepared.bytes = plain;
            } else {
                self.queue.give_back(plain);
            }
        }
        connection.request_begin = begin;
        connection.sent_offset += bytes.len() as u64;
        connection.responses.expect();
        connection.state = State::Busy;
        active.response_begin = response_begin;
        let submitted = clock::mono();
        active.submitted = submitted;
        let sent = Sent {
            due: active.due,
            begin,
            response_begin: active.response_begin,
            session: active.prepared.session,
            lineage: active.prepared.lineage,
            connection: connection.id,
            reused: u32::from(connection.uses > 0),
            entry: active.prepared.entry,
            turn: active.prepared.turn,
            phase: active.phase,
            reserved: 0,
        };
        connection.uses += 1;
        self.ring.send(place, bytes);
        if active.is_retried {
            self.reporter.sent_again(active.prepared.request, submitted, connection.sent_offset, &sent);
        } else {
            if submitted - active.due > LATE {
                self.reporter.counters().count(Counter::Late, 1);
            }
            self.reporter.sent(active.prepared.request, submitted, connection.sent_offset, &sent);
        }
        self.deadlines.push_back((submitted + self.timeout, place, active.prepared.request.0));
    }

    /// Opens a connection for a request.
    #[cold]
    #[inline(never)]
    fn open(&mut self, active: Active) {
        let now = clock::mono();
        let Some(place) = self.free.pop() else {
            if self.closing == 0 {
                self.evict(now);
            }
            self.stranded.push_back(active);
            return;
        };
        let Destination { address, tls } = &self.targets[usize::from(active.prepared.target)];
        let tls = tls.as_ref().map(|(config, name)| Tls::new(config, name).map(Box::new)).transpose();
        let (address, tls) = match tls {
            Ok(tls) => (address, tls),
            Err(_unusable) => {
                self.free.push(place);
                self.back_off(active.prepared.target, now);
                self.fail_unsent(active, Outcome::TlsFailed, now, 0);
                return;
            }
        };
        let socket = socket::open(address).and_then(|socket| Ok((socket::cookie(socket.as_fd())?, socket)));
        let installed = socket.and_then(|(cookie, socket)| self.ring.install(place, socket).map(|()| cookie));
        let cookie = match installed {
            Ok(cookie) => cookie,
            Err(error) => {
                self.free.push(place);
                self.back_off(active.prepared.target, now);
                self.fail_unsent(active, Outcome::ConnectFailed, now, errno(&error));
                return;
            }
        };
        let connection = &mut self.connections[widen(place)];
        connection.opened += 1;
        connection.id =
            ConnectionId((self.number << 24) | (place & 0xffff) | ((connection.opened & 0xff) << 16));
        connection.cookie = cookie;
        connection.target = active.prepared.target;
        connection.sent_offset = 0;
        connection.uses = 0;
        connection.tls = tls;
        connection.responses.reconnect();
        self.partial -= std::mem::take(&mut connection.partial);
        connection.connect_begun = now;
        connection.state = State::Connecting;
        self.deadlines.push_back((now + self.timeout, place, active.prepared.request.0));
        connection.active = Some(active);
        let target = usize::from(connection.target);
        self.ring.connect(place, &self.targets[target].address);
    }

    /// Opens connections for requests that wait for places, as far as there are any.
    #[cold]
    #[inline(never)]
    fn land(&mut self, now: MonoNs) {
        while !self.free.is_empty()
            && let Some(active) = self.stranded.pop_front()
        {
            self.open(active);
        }
        if !self.stranded.is_empty() && self.closing == 0 {
            self.evict(now);
        }
    }

    /// Closes an idle connection, to make room: its place is free when its receive has ended.
    fn evict(&mut self, now: MonoNs) {
        let owned = self.turns.owned.iter().next().map(|(session, place)| (*session, *place));
        if let Some(place) = self.idle.first().copied() {
            self.close(place, now);
        } else if let Some((session, place)) = owned {
            self.turns.owned.remove(&session);
            self.close(place, now);
        }
    }

    #[inline]
    fn complete(&mut self, completion: Completion) {
        let place = completion.slot;
        match completion.event {
            Event::Received(buffer) => self.received(place, buffer),
            Event::Sent(0) => {
                if self.keep_or_give_back(place) {
                    return;
                }
                if self.stamps == SocketStamps::Software {
                    self.stamp_sent(place);
                }
                if self.cancellation.is_some() {
                    self.plan_cancel(place);
                }
                if self.connections[widen(place)].state == State::Securing {
                    self.shake_hands(place);
                }
                self.settle(place);
            }
            Event::Sent(error) => {
                if !self.keep_or_give_back(place) {
                    self.send_failed(place, error);
                }
            }
            Event::Connected(error) => self.connected(place, error),
            Event::ReceiveEnded(error) => self.receive_ended(place, error),
            Event::PoolEmpty | Event::Disarmed => self.rearm(place),
        }
    }

    /// A send has completed: its buffer is used again, unless its bytes may have to be sent again. Returns whether they are,
    /// on another connection.
    #[inline]
    fn keep_or_give_back(&mut self, place: u32) -> bool {
        let mut bytes = self.ring.take_sent(place);
        let connection = &mut self.connections[widen(place)];
        if connection.tls.is_none()
            && (connection.may_race() || connection.state == State::Closing)
            && let Some(active) = connection.active.as_mut()
        {
            bytes = std::mem::replace(&mut active.prepared.bytes, bytes);
        }
        self.queue.give_back(bytes);
        self.connections[widen(place)].state == State::Closing && self.move_on(place)
    }

    /// Bytes arrived: stamp, cut, report.
    #[inline]
    fn received(&mut self, place: u32, buffer: Buffer) {
        let reaped = clock::mono();
        if let Some(received) = buffer.received {
            self.stamp_received(place, &buffer, received, reaped);
        }
        let connection = &mut self.connections[widen(place)];
        let bytes = self.ring.bytes(&buffer);
        self.reporter.counters().count(Counter::ReceivedBytes, bytes.len() as u64);
        if let Some(active) = connection.active.as_mut() {
            active.reads += 1;
            if active.reads == 1 && connection.tls.is_none() {
                // It is answered: it will not be sent again.
                self.queue.give_back(std::mem::take(&mut active.prepared.bytes));
            }
        }
        let rearm = buffer.last;
        if connection.tls.is_some() {
            let bytes = bytes.to_vec();
            self.ring.recycle(buffer);
            self.received_sealed(place, &bytes, reaped);
        } else {
            let tally =
                Tally { prefilling: &mut self.prefilling, kept: &mut self.kept, exceeded: &self.exceeded };
            let outcome = feed(connection, &mut self.reporter, tally, bytes, None, reaped);
            self.ring.recycle(buffer);
            self.progressed(place, outcome, reaped);
        }
        self.account(place);
        if rearm {
            self.rearm(place);
        }
    }

    /// Keeps the memory of all connections within its bounds: the one that exceeded them gives up its response.
    #[inline]
    fn account(&mut self, place: u32) {
        self.count_held(place);
        let connections = self.connections.len() as u64;
        if self.partial as u64 > bounds::partial_bytes(connections)
            || self.kept > bounds::answer_bytes(connections)
        {
            self.give_up_memory(place);
        }
    }

    #[inline]
    fn count_held(&mut self, place: u32) {
        let connection = &mut self.connections[widen(place)];
        let held = connection.held();
        self.partial = self.partial - connection.partial + held;
        connection.partial = held;
    }

    #[cold]
    #[inline(never)]
    fn give_up_memory(&mut self, place: u32) {
        let connections = self.connections.len() as u64;
        if self.kept > bounds::answer_bytes(connections)
            && let Some(active) = self.connections[widen(place)].active.as_mut()
        {
            self.kept -= active.kept();
            active.response.iter_mut().for_each(Response::give_up);
            active.job.iter_mut().for_each(|job| job.give_up());
        }
        if self.partial as u64 > bounds::partial_bytes(connections)
            && self.connections[widen(place)].active.is_some()
        {
            self.exceeded.count(Bound::Responses, 1);
            self.failed(place, Outcome::Malformed, Malformed::NoRoom.number());
        }
    }

    /// A response may be over.
    #[inline]
    fn progressed(&mut self, place: u32, outcome: Option<(Outcome, bool)>, reaped: MonoNs) {
        match outcome {
            Some((outcome, keeps_alive)) if self.sends_jobs => {
                self.job_responded(place, outcome, keeps_alive, reaped);
            }
            Some((outcome, true)) if !self.ring.is_sending(place) => self.finish(place, outcome, reaped, 0),
            // An answer to a request that is still being sent: the connection is of no more use.
            Some((outcome, _)) => {
                self.finish(place, outcome, reaped, 0);
                self.close(place, reaped);
            }
            None => {}
        }
    }

    /// Reports the socket's own stamp of a read: the time of the last segment in it.
    #[cold]
    #[inline(never)]
    fn stamp_received(&mut self, place: u32, buffer: &Buffer, received: RealNs, now: MonoNs) {
        if now - self.anchor.mono_ns > ANCHOR_LIFE {
            self.anchor = clock::anchor();
        }
        // A send's stamp may have come after the send was reaped, but never after the answer.
        self.stamp_sent(place);
        let connection = &self.connections[widen(place)];
        let begin = connection.received_offset();
        let end = begin + self.ring.bytes(buffer).len() as u64;
        self.reporter.stamped(connection.id, RECEIVED, begin, end, self.anchor.mono(received));
    }

    /// Reports the socket's own stamp of the request's last byte, if it is there.
    #[cold]
    #[inline(never)]
    fn stamp_sent(&mut self, place: u32) {
        let stamp = self.ring.socket(place).and_then(|socket| socket::sent_stamp(socket.as_fd()));
        let connection = &self.connections[widen(place)];
        if let Some(stamp) = stamp {
            let (begin, end) = (connection.request_begin, connection.sent_offset);
            self.reporter.stamped(connection.id, SENT, begin, end, self.anchor.mono(stamp));
        }
    }

    /// The request of a connection ended; the connection is idle now.
    #[inline]
    fn finish(&mut self, place: u32, outcome: Outcome, now: MonoNs, errno: u32) {
        let connection = &mut self.connections[widen(place)];
        let Some(mut active) = connection.active.take() else { return };
        let errno = if outcome == Outcome::Malformed { errno.max(active.malformed) } else { errno };
        let ended =
            client_event::Ended { errno, reads: active.reads, comments: active.comments, reserved: 0 };
        self.reporter.ended(active.prepared.request, now, outcome, connection.received_offset(), &ended);
        self.queue.give_back(std::mem::take(&mut active.prepared.bytes));
        if connection.state == State::Busy {
            connection.state = State::Idle;
            if self.reuse == ConnectionReuse::Pooled {
                self.idle.push(place);
            } else {
                self.keep_or_close(place, &active, now);
            }
        }
        if has_responded(outcome) {
            self.reached(active.prepared.target, now);
        }
        self.request_over(active, outcome, now);
        while let Some((_, place, request)) = self.deadlines.front() {
            let carried = self.connections[widen(*place)].active.as_ref();
            if carried.is_some_and(|active| active.prepared.request.0 == *request) {
                break;
            }
            self.deadlines.pop_front();
        }
    }

    #[cold]
    #[inline(never)]
    fn connected(&mut self, place: u32, error: u32) {
        let now = clock::mono();
        let connection = &mut self.connections[widen(place)];
        if connection.state != State::Connecting {
            return self.settle(place);
        }
        if error != 0 {
            return self.failed(place, Outcome::ConnectFailed, error);
        }
        let socket = self.ring.socket(place).map(AsFd::as_fd);
        let local_port = socket.map_or(0, socket::local_port);
        if self.stamps == SocketStamps::Software
            && let Some(Err(error)) = socket.map(socket::enable_stamps)
        {
            return self.failed(place, Outcome::ConnectFailed, errno(&error));
        }
        let opened = Opened {
            cookie: connection.cookie,
            connect_begun: connection.connect_begun,
            local_port: u32::from(local_port),
            remote_port: u32::from(self.targets[usize::from(connection.target)].address.port()),
        };
        self.reporter.opened(connection.id, now, &opened);
        self.ring.receive(place);
        if self.connections[widen(place)].tls.is_some() {
            self.connections[widen(place)].state = State::Securing;
            self.shake_hands(place);
        } else {
            self.start_on(place);
        }
    }

    /// The server ended the connection, or it broke.
    #[cold]
    #[inline(never)]
    fn receive_ended(&mut self, place: u32, error: u32) {
        let now = clock::mono();
        let connection = &mut self.connections[widen(place)];
        if connection.state == State::Waiting {
            return self.job_left(place);
        }
        if self.sent_again(place) {
            return;
        }
        let connection = &mut self.connections[widen(place)];
        if connection.state == State::Busy
            && let Some(active) = connection.active.as_ref()
        {
            if active.job.is_some() {
                return self.job_broke_off(place, error, now);
            }
            let mut sink = self.reporter.sink(active.prepared.request, now);
            let outcome = match (error, connection.responses.finish(&mut sink)) {
                (0, AtEnd::Complete) => outcome_of(active.status),
                (0, AtEnd::Truncated) => Outcome::Truncated,
                (0, AtEnd::NotStarted) => Outcome::ClosedEarly,
                _ => Outcome::Reset,
            };
            return self.failed(place, outcome, error);
        }
        if connection.state == State::Securing {
            return self.failed(place, Outcome::TlsFailed, error);
        }
        self.close(place, now);
        self.settle(place);
    }

    /// What was handed to the kernel could not be sent.
    #[cold]
    #[inline(never)]
    fn send_failed(&mut self, place: u32, error: u32) {
        if self.sent_again(place) {
            return;
        }
        let active = self.connections[widen(place)].active.as_ref();
        if active.is_some_and(Active::is_job_started) {
            return self.receive_ended(place, error);
        }
        self.failed(place, Outcome::SendFailed, error);
    }

    /// A connection is ready for the request that waits for it.
    #[cold]
    #[inline(never)]
    fn start_on(&mut self, place: u32) {
        let active = self.connections[widen(place)].active.as_ref();
        if active.is_some_and(Active::is_job_started) {
            self.go_on_with_job(place);
        } else {
            self.send(place);
        }
    }

    /// A request ended with its connection.
    #[cold]
    #[inline(never)]
    fn failed(&mut self, place: u32, outcome: Outcome, errno: u32) {
        let now = clock::mono();
        let connection = &self.connections[widen(place)];
        let has_responded =
            connection.active.as_ref().is_some_and(|active| active.status != 0 || active.is_job_started());
        if is_unreached(outcome) && !has_responded {
            self.back_off(connection.target, now);
        }
        let connection = &self.connections[widen(place)];
        if matches!(connection.state, State::Connecting | State::Securing)
            && let Some(active) = self.connections[widen(place)].active.take()
        {
            self.fail_unsent(active, outcome, now, errno);
        } else {
            self.finish(place, outcome, now, errno);
        }
        self.close(place, now);
        self.settle(place);
    }

    /// A request ended before it was sent: it is reported as sent at no time, with no bytes. A job may have been started.
    #[cold]
    #[inline(never)]
    fn fail_unsent(&mut self, active: Active, outcome: Outcome, now: MonoNs, errno: u32) {
        let prepared = &active.prepared;
        let sent = Sent {
            due: active.due,
            begin: 0,
            response_begin: 0,
            session: prepared.session,
            lineage: prepared.lineage,
            connection: ConnectionId(u32::MAX),
            reused: 0,
            entry: prepared.entry,
            turn: prepared.turn,
            phase: active.phase,
            reserved: 0,
        };
        let mut end = 0;
        if active.is_job_started() {
            end = active.response_begin;
        } else {
            self.reporter.not_sent(prepared.request, &sent);
        }
        self.reporter.ended(
            prepared.request,
            now,
            outcome,
            end,
            &client_event::Ended { errno, ..client_event::Ended::default() },
        );
        self.request_over(active, outcome, now);
    }

    /// Ends a connection; its place is free once nothing is in flight on it.
    #[cold]
    #[inline(never)]
    fn close(&mut self, place: u32, now: MonoNs) {
        let connection = &mut self.connections[widen(place)];
        if matches!(connection.state, State::Absent | State::Closing) {
            return;
        }
        if connection.state == State::Idle
            && let Some(found) = self.idle.iter().position(|idle| *idle == place)
        {
            self.idle.swap_remove(found);
        }
        if self.reuse == ConnectionReuse::StickyUserSessions {
            self.turns.owned.retain(|_, owned| *owned != place);
        }
        let was_open = connection.state != State::Connecting;
        connection.state = State::Closing;
        self.closing += 1;
        // What was not whole never will be: others may have its room at once.
        connection.responses.release();
        self.count_held(place);
        let connection = &mut self.connections[widen(place)];
        if was_open {
            self.reporter.closed(connection.id, now);
        }
        self.ring.uninstall(place);
        self.settle(place);
    }

    /// Frees the place of a closed connection when its last operation has completed.
    #[inline]
    fn settle(&mut self, place: u32) {
        let connection = &mut self.connections[widen(place)];
        if connection.state == State::Closing && self.ring.in_flight(place) == 0 {
            connection.state = State::Absent;
            self.closing -= 1;
            self.free.push(place);
        }
    }

    #[cold]
    #[inline(never)]
    fn rearm(&mut self, place: u32) {
        if matches!(
            self.connections[widen(place)].state,
            State::Idle | State::Busy | State::Waiting | State::Securing
        ) {
            self.reporter.counters().count(Counter::BuffersExhausted, 1);
            self.ring.receive(place);
        } else {
            self.settle(place);
        }
    }

    /// Ends the requests whose timeout has passed.
    #[inline]
    fn expire(&mut self, now: MonoNs) {
        while let Some((deadline, place, request)) = self.deadlines.front().copied()
            && deadline <= now
        {
            self.deadlines.pop_front();
            self.give_up(place, request, Outcome::Timeout, 0);
        }
        while let Some(Reverse((moment, place, request))) = self.cancels.peek().copied()
            && moment <= now
        {
            self.cancels.pop();
            self.give_up(place, request, Outcome::Cancelled, ON_PURPOSE);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_up(&mut self, place: u32, request: u64, outcome: Outcome, errno: u32) {
        let carried = self.connections[widen(place)].active.as_ref();
        if carried.is_some_and(|active| active.prepared.request.0 == request) {
            self.failed(place, outcome, errno);
        }
    }

    /// Ends everything in flight, once.
    #[cold]
    #[inline(never)]
    fn cancel_all(&mut self, now: MonoNs) {
        self.schedule.end(now);
        if std::mem::replace(&mut self.cancelling, true) {
            return;
        }
        while let Some(active) = self.stranded.pop_front() {
            self.fail_unsent(active, Outcome::Cancelled, now, 0);
        }
        for place in 0..narrow(self.connections.len()) {
            if self.connections[widen(place)].active.is_some() {
                self.failed(place, Outcome::Cancelled, 0);
            }
        }
    }
}

/// What the worker counts over all connections, and a read may change.
struct Tally<'a> {
    /// Requests that wait for their first token.
    prefilling: &'a mut u32,
    /// Bytes of responses that sessions go on with.
    kept: &'a mut u64,
    /// What was left out.
    exceeded: &'a Exceeded,
}

impl Tally<'_> {
    /// The outcome for bytes that are no valid response, with the reason in `number`; counts it if it is too large to be one.
    #[cold]
    fn malformed(&self, why: Malformed, number: &mut u32) -> (Outcome, bool) {
        *number = why.number();
        if matches!(why, Malformed::TooLong | Malformed::EventTooLarge | Malformed::HeadTooLarge) {
            self.exceeded.count(Bound::Responses, 1);
        }
        (Outcome::Malformed, false)
    }
}

/// Cuts bytes of a response; what is cut ends at `end` on the wire, if that is not where its bytes end. Returns how the
/// response ended, if it did, and whether the connection can go on.
#[inline]
fn feed(
    connection: &mut Connection,
    reporter: &mut Reporter,
    tally: Tally<'_>,
    bytes: &[u8],
    end: Option<u64>,
    reaped: MonoNs,
) -> Option<(Outcome, bool)> {
    match (connection.state, connection.active.as_mut()) {
        (State::Busy, Some(Active { job: Some(job), malformed, .. })) => {
            let before = job.held() as u64;
            let progress = connection.responses.feed(bytes, &mut **job);
            *tally.kept = *tally.kept + job.held() as u64 - before;
            match progress {
                Ok(Progress::More) => None,
                Ok(Progress::Complete { keep_alive }) => Some((outcome_of(job.status), keep_alive)),
                Err(why) => Some(tally.malformed(why, malformed)),
            }
        }
        (State::Busy, Some(active)) => {
            let before = active.kept();
            let mut sink = reporter.sink(active.prepared.request, reaped);
            sink.end = end;
            sink.response = active.response.as_mut();
            sink.awaits_content = active.is_prefilling;
            let progress = connection.responses.feed(bytes, &mut sink);
            if sink.status != 0 {
                active.status = sink.status;
            }
            active.comments = active.comments.saturating_add(sink.comments);
            if active.is_prefilling && !sink.awaits_content {
                active.is_prefilling = false;
                *tally.prefilling -= 1;
            }
            *tally.kept = *tally.kept + active.kept() - before;
            match progress {
                Ok(Progress::More) => None,
                Ok(Progress::Complete { keep_alive }) => Some((outcome_of(active.status), keep_alive)),
                Err(why) => Some(tally.malformed(why, &mut active.malformed)),
            }
        }
        // Bytes without a request: the connection can't be trusted with another request.
        (State::Idle, _) => Some((Outcome::Malformed, false)),
        (State::Waiting, Some(Active { job: Some(job), .. })) => {
            job.hang_up();
            None
        }
        _ => None,
    }
}

/// Whether the server of a request that ended so answers.
const fn has_responded(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok | Outcome::HttpStatus | Outcome::Redirect | Outcome::Truncated | Outcome::Malformed
    )
}

const fn outcome_of(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Ok,
        300..400 => Outcome::Redirect,
        _ => Outcome::HttpStatus,
    }
}

/// Receive buffers for so many connections: as many reads as may wait in one turn of the loop.
fn buffers_for(places: u32) -> u16 {
    u16::try_from(places.saturating_mul(2).next_power_of_two().clamp(256, 16384)).unwrap_or(256)
}

fn errno(error: &io::Error) -> u32 {
    error.raw_os_error().map_or(0, i32::unsigned_abs)
}

const fn widen(place: u32) -> usize {
    place as usize
}

/// A count of places, which was made from a `u32`.
#[expect(clippy::cast_possible_truncation, reason = "it was made from a u32")]
const fn narrow(count: usize) -> u32 {
    count as u32
}

/// The longest interval at which the loop checks the user's stop request.
const LOOK_AROUND: DurationNs = DurationNs::from_millis(20);
/// How long the loop waits for the composer.
const STARVED_WAIT: DurationNs = DurationNs(50_000);
/// How long the clocks' tie is good for: they drift apart by less than 50 ns in this time at 0.5 ppm.
const ANCHOR_LIFE: DurationNs = DurationNs::from_millis(100);
/// A request submitted this much after it was due is counted as late.
const LATE: DurationNs = DurationNs::from_millis(1);
