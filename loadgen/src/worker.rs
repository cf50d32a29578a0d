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

use crate::clock;
use crate::composer::{Prepared, PreparedQueue};
use crate::report::Reporter;
use crate::ring::socket;
use crate::ring::uring::{Buffer, Completion, Event, Ring, SocketStamps};
use crate::schedule::Schedule;
use crate::wire::http::{AtEnd, Progress, Responses};
use common::client_event::{Ended, Opened, Outcome, Sent};
use common::clock::{Anchor, DurationNs, MonoNs, RealNs};
use common::id::{ConnectionId, SocketCookie};
use common::kernel_event::segment::{RECEIVED, SENT};
use common::plan::Wait;
use common::ring::Counter;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender};

/// What a worker is given.
pub struct Assignment {
    /// Its number, from 0.
    pub worker: u32,
    /// When its requests are due, once it is known when the phase begins.
    pub schedule: Box<dyn FnOnce(MonoNs) -> Schedule + Send>,
    /// Told when everything is set up, and how that went.
    pub ready: Sender<io::Result<()>>,
    /// Tells when the phase begins.
    pub begin: Receiver<MonoNs>,
    /// Requests ready to be sent.
    pub queue: PreparedQueue,
    /// Where it reports.
    pub reporter: Reporter,
    /// Where requests go, by [`Prepared::target`].
    pub targets: Vec<SocketAddr>,
    /// Most connections at once.
    pub connections: u32,
    /// How it waits.
    pub wait: Wait,
    /// Whether sockets are asked for their own stamps.
    pub stamps: SocketStamps,
    /// How long a request may take.
    pub timeout: DurationNs,
    /// What the user wants: one of [`GO`], [`DRAIN`], [`STOP`].
    pub will: Arc<AtomicU8>,
}

/// The user's will: go on.
pub const GO: u8 = 0;
/// The user's will: send nothing more, let requests in flight end.
pub const DRAIN: u8 = 1;
/// The user's will: end now.
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
            // Whoever waits for this worker has gone, or learns why it can't work.
            assignment.ready.send(Err(error)).ok();
            return Ok(());
        }
    };
    assignment.ready.send(Ok(())).ok();
    let Ok(begin) = assignment.begin.recv() else { return Ok(()) };
    let mut worker = Worker::new(assignment, ring, begin);
    let result = worker.run();
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
    schedule: Schedule,
    queue: PreparedQueue,
    reporter: Reporter,
    targets: Vec<SocketAddr>,
    wait: Wait,
    stamps: SocketStamps,
    /// Ties the clock of the sockets' stamps to ours; renewed now and then.
    anchor: Anchor,
    timeout: DurationNs,
    /// Deadlines of requests in the order in which they were submitted, which is the order of their deadlines.
    deadlines: VecDeque<(MonoNs, u32, u64)>,
    will: Arc<AtomicU8>,
    in_flight: u32,
    cancelling: bool,
}

struct Connection {
    state: State,
    responses: Responses,
    id: ConnectionId,
    cookie: SocketCookie,
    target: u16,
    sent_offset: u64,
    /// Where the last request begins in the sent stream.
    request_begin: u64,
    uses: u32,
    opened: u32,
    connect_begun: MonoNs,
    active: Option<Active>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Connecting,
    Idle,
    Busy,
    Closing,
}

/// The request that a connection carries.
struct Active {
    prepared: Prepared,
    due: MonoNs,
    submitted: MonoNs,
    response_begin: u64,
    status: u16,
    reads: u32,
}

impl Worker {
    fn new(assignment: Assignment, ring: Ring, begin: MonoNs) -> Self {
        let places = assignment.connections;
        let connections = (0..places).map(|_| Connection::absent()).collect();
        Self {
            number: assignment.worker,
            ring,
            connections,
            idle: Vec::with_capacity(widen(places)),
            free: (0..places).rev().collect(),
            schedule: (assignment.schedule)(begin),
            queue: assignment.queue,
            reporter: assignment.reporter,
            targets: assignment.targets,
            wait: assignment.wait,
            stamps: assignment.stamps,
            anchor: clock::anchor(),
            timeout: assignment.timeout,
            deadlines: VecDeque::with_capacity(widen(places)),
            will: assignment.will,
            in_flight: 0,
            cancelling: false,
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let mut turn_begun = clock::mono();
        loop {
            self.issue(turn_begun);
            self.expire(turn_begun);
            self.reporter.counters().set(Counter::InFlight, u64::from(self.in_flight));
            self.reporter.counters().publish();
            if self.in_flight == 0 && self.schedule.is_done(turn_begun) {
                let unsent = self.schedule.unsent();
                self.reporter.counters().count(Counter::Unsent, unsent);
                return Ok(());
            }
            self.wait(turn_begun)?;
            while let Some(completion) = self.ring.reap() {
                self.complete(completion);
            }
            turn_begun = clock::mono();
        }
    }

    /// Waits for a completion, or until something is due or expires.
    fn wait(&mut self, now: MonoNs) -> io::Result<()> {
        if self.wait == Wait::Spin {
            return self.ring.submit();
        }
        let mut until = now + LOOK_AROUND;
        if let Some(due) = self.next_due() {
            // With nothing prepared the composer needs the time, perhaps on this very core.
            until = until.min(if self.queue.ready.is_empty() { due.max(now + STARVED_WAIT) } else { due });
        }
        if let Some((deadline, ..)) = self.deadlines.front() {
            until = until.min(*deadline);
        }
        self.ring.wait(now, until)
    }

    /// When the next request should go, if there is room for it.
    fn next_due(&self) -> Option<MonoNs> {
        if self.has_room() { self.schedule.next_due() } else { None }
    }

    fn has_room(&self) -> bool {
        self.in_flight < self.schedule.concurrency() && !(self.idle.is_empty() && self.free.is_empty())
    }

    /// Sends every request that is due and has room.
    #[inline]
    fn issue(&mut self, now: MonoNs) {
        match self.will.load(Ordering::Relaxed) {
            GO => {}
            DRAIN => self.schedule.end(now),
            _ => self.cancel_all(now),
        }
        if self.schedule.grace_is_over(now) {
            self.cancel_all(now);
        }
        while self.has_room() {
            let Some(due) = self.schedule.due_by(now) else { return };
            let Ok(prepared) = self.queue.ready.pop() else {
                self.reporter.counters().count(Counter::Starved, 1);
                return;
            };
            self.schedule.take();
            self.in_flight += 1;
            self.assign(prepared, due);
        }
    }

    /// Gives a request to an idle connection, or to a new one.
    #[inline]
    fn assign(&mut self, prepared: Prepared, due: MonoNs) {
        let target = prepared.target;
        let fits = self.idle.iter().rposition(|place| self.connections[widen(*place)].target == target);
        let active = Active { prepared, due, submitted: MonoNs(0), response_begin: 0, status: 0, reads: 0 };
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
        let Some(active) = connection.active.as_mut() else { return };
        let bytes = std::mem::take(&mut active.prepared.bytes);
        let begin = connection.sent_offset;
        connection.request_begin = begin;
        connection.sent_offset += bytes.len() as u64;
        connection.responses.expect();
        connection.state = State::Busy;
        active.response_begin = connection.responses.offset();
        let submitted = clock::mono();
        active.submitted = submitted;
        let sent = Sent {
            due: active.due,
            begin,
            response_begin: active.response_begin,
            session: active.prepared.session,
            connection: connection.id,
            reused: u32::from(connection.uses > 0),
            entry: active.prepared.entry,
            turn: active.prepared.turn,
        };
        connection.uses += 1;
        self.ring.send(place, bytes);
        if submitted - active.due > LATE {
            self.reporter.counters().count(Counter::Late, 1);
        }
        self.reporter.sent(active.prepared.request, submitted, connection.sent_offset, &sent);
        self.deadlines.push_back((submitted + self.timeout, place, active.prepared.request.0));
    }

    /// Opens a connection for a request.
    #[cold]
    #[inline(never)]
    fn open(&mut self, active: Active) {
        let now = clock::mono();
        let Some(place) = self.free.pop().or_else(|| self.evict(now)) else {
            self.fail_unsent(&active, Outcome::ConnectFailed, now, 0);
            return;
        };
        let address = self.targets[usize::from(active.prepared.target)];
        let socket = socket::open(&address).and_then(|socket| Ok((socket::cookie(socket.as_fd())?, socket)));
        let installed = socket.and_then(|(cookie, socket)| self.ring.install(place, socket).map(|()| cookie));
        let cookie = match installed {
            Ok(cookie) => cookie,
            Err(error) => {
                self.free.push(place);
                self.fail_unsent(&active, Outcome::ConnectFailed, now, errno(&error));
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
        connection.responses.reconnect();
        connection.connect_begun = now;
        connection.state = State::Connecting;
        self.deadlines.push_back((now + self.timeout, place, active.prepared.request.0));
        connection.active = Some(active);
        self.ring.connect(place, &address);
    }

    /// Closes an idle connection to another target, to make room.
    fn evict(&mut self, now: MonoNs) -> Option<u32> {
        let place = self.idle.pop()?;
        self.close(place, now);
        // Its receive has yet to end; the place is free then.
        None
    }

    #[inline]
    fn complete(&mut self, completion: Completion) {
        let place = completion.slot;
        match completion.event {
            Event::Received(buffer) => self.received(place, buffer),
            Event::Sent(0) => {
                let bytes = self.ring.take_sent(place);
                self.queue.give_back(bytes);
                if self.stamps == SocketStamps::Software {
                    self.stamp_sent(place);
                }
                self.settle(place);
            }
            Event::Sent(error) => {
                let bytes = self.ring.take_sent(place);
                self.queue.give_back(bytes);
                self.failed(place, Outcome::SendFailed, error);
            }
            Event::Connected(error) => self.connected(place, error),
            Event::ReceiveEnded(error) => self.receive_ended(place, error),
            Event::PoolEmpty | Event::Disarmed => self.rearm(place),
        }
    }

    /// Bytes came: stamp, cut, report.
    #[inline]
    fn received(&mut self, place: u32, buffer: Buffer) {
        let reaped = clock::mono();
        if let Some(received) = buffer.received {
            self.stamp_received(place, &buffer, received, reaped);
        }
        let connection = &mut self.connections[widen(place)];
        let bytes = self.ring.bytes(&buffer);
        self.reporter.counters().count(Counter::ReceivedBytes, bytes.len() as u64);
        let outcome = match (connection.state, connection.active.as_mut()) {
            (State::Busy, Some(active)) => {
                active.reads += 1;
                let mut sink = self.reporter.sink(active.prepared.request, reaped);
                let progress = connection.responses.feed(bytes, &mut sink);
                if sink.status != 0 {
                    active.status = sink.status;
                }
                match progress {
                    Ok(Progress::More) => None,
                    Ok(Progress::Complete { keep_alive }) => Some((outcome_of(active.status), keep_alive)),
                    Err(_malformed) => Some((Outcome::Malformed, false)),
                }
            }
            // Bytes that nobody asked for: the connection can't be trusted with another request.
            (State::Idle, _) => Some((Outcome::Malformed, false)),
            _ => None,
        };
        let rearm = buffer.last;
        self.ring.recycle(buffer);
        match outcome {
            Some((outcome, true)) if !self.ring.is_sending(place) => self.finish(place, outcome, reaped, 0),
            // An answer to a request that is still being sent: the connection is of no more use.
            Some((outcome, _)) => {
                self.finish(place, outcome, reaped, 0);
                self.close(place, reaped);
            }
            None => {}
        }
        if rearm {
            self.rearm(place);
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
        let begin = connection.responses.offset();
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

    /// The request of a connection ended; the connection goes idle.
    #[inline]
    fn finish(&mut self, place: u32, outcome: Outcome, now: MonoNs, errno: u32) {
        let connection = &mut self.connections[widen(place)];
        if connection.state == State::Busy {
            connection.state = State::Idle;
            self.idle.push(place);
        }
        let Some(active) = connection.active.take() else { return };
        let ended = Ended { errno, reads: active.reads };
        self.reporter.ended(active.prepared.request, now, outcome, connection.responses.offset(), &ended);
        self.in_flight -= 1;
        self.schedule.ended(now);
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
            && let Some(Err(error)) = socket.map(socket::ask_for_stamps)
        {
            return self.failed(place, Outcome::ConnectFailed, errno(&error));
        }
        let opened = Opened {
            cookie: connection.cookie,
            connect_begun: connection.connect_begun,
            local_port: u32::from(local_port),
            remote_port: u32::from(self.targets[usize::from(connection.target)].port()),
        };
        self.reporter.opened(connection.id, now, &opened);
        self.ring.receive(place);
        self.send(place);
    }

    /// The server ended the connection, or it broke.
    #[cold]
    #[inline(never)]
    fn receive_ended(&mut self, place: u32, error: u32) {
        let now = clock::mono();
        let connection = &mut self.connections[widen(place)];
        if connection.state == State::Busy
            && let Some(active) = connection.active.as_ref()
        {
            let mut sink = self.reporter.sink(active.prepared.request, now);
            let outcome = match (error, connection.responses.finish(&mut sink)) {
                (0, AtEnd::Complete) => outcome_of(active.status),
                (0, AtEnd::Truncated) => Outcome::Truncated,
                (0, AtEnd::NotBegun) => Outcome::ClosedEarly,
                _ => Outcome::Reset,
            };
            return self.failed(place, outcome, error);
        }
        self.close(place, now);
        self.settle(place);
    }

    /// A request ended with its connection.
    #[cold]
    #[inline(never)]
    fn failed(&mut self, place: u32, outcome: Outcome, errno: u32) {
        let now = clock::mono();
        let connection = &self.connections[widen(place)];
        if connection.state == State::Connecting
            && let Some(active) = self.connections[widen(place)].active.take()
        {
            self.fail_unsent(&active, outcome, now, errno);
        } else {
            self.finish(place, outcome, now, errno);
        }
        self.close(place, now);
        self.settle(place);
    }

    /// A request ended before it was sent: it is reported as sent at no time, with no bytes.
    #[cold]
    #[inline(never)]
    fn fail_unsent(&mut self, active: &Active, outcome: Outcome, now: MonoNs, errno: u32) {
        let prepared = &active.prepared;
        let sent = Sent {
            due: active.due,
            begin: 0,
            response_begin: 0,
            session: prepared.session,
            connection: ConnectionId(u32::MAX),
            reused: 0,
            entry: prepared.entry,
            turn: prepared.turn,
        };
        self.reporter.not_sent(prepared.request, &sent);
        self.reporter.ended(prepared.request, now, outcome, 0, &Ended { errno, reads: 0 });
        self.in_flight -= 1;
        self.schedule.ended(now);
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
        let was_open = connection.state != State::Connecting;
        connection.state = State::Closing;
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
            self.free.push(place);
        }
    }

    #[cold]
    #[inline(never)]
    fn rearm(&mut self, place: u32) {
        if matches!(self.connections[widen(place)].state, State::Idle | State::Busy) {
            self.reporter.counters().count(Counter::BuffersExhausted, 1);
            self.ring.receive(place);
        } else {
            self.settle(place);
        }
    }

    /// Gives up the requests whose time is over.
    #[inline]
    fn expire(&mut self, now: MonoNs) {
        while let Some((deadline, place, request)) = self.deadlines.front().copied() {
            if deadline > now {
                return;
            }
            self.deadlines.pop_front();
            self.give_up(place, request, Outcome::Timeout);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_up(&mut self, place: u32, request: u64, outcome: Outcome) {
        let carried = self.connections[widen(place)].active.as_ref();
        if carried.is_some_and(|active| active.prepared.request.0 == request) {
            self.failed(place, outcome, 0);
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
        for place in 0..narrow(self.connections.len()) {
            if self.connections[widen(place)].active.is_some() {
                self.failed(place, Outcome::Cancelled, 0);
            }
        }
    }
}

impl Connection {
    fn absent() -> Self {
        Self {
            state: State::Absent,
            responses: Responses::new(),
            id: ConnectionId(0),
            cookie: SocketCookie(0),
            target: 0,
            sent_offset: 0,
            request_begin: 0,
            uses: 0,
            opened: 0,
            connect_begun: MonoNs(0),
            active: None,
        }
    }
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

/// How often the loop looks at the user's will at least.
const LOOK_AROUND: DurationNs = DurationNs::from_millis(20);
/// How long the loop waits for the composer.
const STARVED_WAIT: DurationNs = DurationNs(50_000);
/// How long the clocks' tie is good for: they drift apart by less than 50 ns in this time at 0.5 ppm.
const ANCHOR_LIFE: DurationNs = DurationNs::from_millis(100);
/// A request submitted this much after it was due is counted as late.
const LATE: DurationNs = DurationNs::from_millis(1);
