//! HOT: a request, from its assignment to a connection to its end. Budget: docs/BUDGET.md, "sending on time".

use super::connection::{Active, State};
use super::event_loop::Worker;
use super::reach::{has_responded, is_unreached};
use crate::bounds::Bound;
use crate::composer::Prepared;
use common::client_event::{self, Outcome, Sent};
use common::clock::{DurationNs, MonoNs};
use common::id::ConnectionId;
use common::ring::Counter;

impl Worker {
    #[inline]
    pub(super) fn start_request(&mut self, prepared: Prepared, due: MonoNs) {
        let mut active = self.pacer.admit(prepared, due);
        if self.jobs.are_sent() {
            active.job = Some(Box::default());
        }
        if let Some(place) = self.pool.take(&active) {
            self.pool.at_mut(place).active = Some(active);
            self.send(place);
        } else {
            self.open(active);
        }
    }

    /// Hands the request of a connection to the kernel.
    #[inline]
    pub(super) fn send(&mut self, place: u32) {
        let Some(active) = self.pool.at_mut(place).active.as_mut() else { return };
        let mut bytes = std::mem::take(&mut active.prepared.bytes);
        let mut handshake = 0;
        if let Some((records, before)) = self.pool.seal(place, &bytes) {
            // The rest of the handshake is sent with the request, but does not belong to it.
            handshake = before;
            let plain = std::mem::replace(&mut bytes, records);
            self.keep_plain(place, plain);
        }
        let connection = self.pool.at_mut(place);
        let response_begin = connection.received_offset();
        let is_reused = connection.uses > 0;
        connection.uses += 1;
        connection.expect(handshake, &bytes);
        let (begin, end, id) = (connection.request_begin, connection.sent_offset, connection.id);
        let Some(active) = connection.active.as_mut() else { return };
        let submitted = clock::mono();
        active.response_begin = response_begin;
        active.submitted = submitted;
        let sent = Sent { begin, connection: id, reused: u32::from(is_reused), ..active.sent() };
        let request = active.prepared.request;
        self.ring.send(place, bytes);
        if active.is_retried {
            self.reporter.sent_again(request, submitted, end, &sent);
        } else {
            if submitted - active.due > LATE {
                self.reporter.counters().count(Counter::Late, 1);
            }
            self.reporter.sent(request, submitted, end, &sent);
        }
        self.pacer.deadlines().start(submitted, place, request.0);
    }

    /// A request was sealed for its connection, so that what was sealed can't be sent again on another one: it is kept as it was,
    /// unless the connection is new.
    #[inline]
    fn keep_plain(&mut self, place: u32, plain: Vec<u8>) {
        let connection = self.pool.at_mut(place);
        match connection.active.as_mut() {
            Some(active) if connection.uses > 0 => active.prepared.bytes = plain,
            _ => self.pacer.give_back(plain),
        }
    }

    /// What was handed to the kernel is sent.
    #[inline]
    pub(super) fn sent(&mut self, place: u32) {
        if self.keep_or_give_back(place) {
            return;
        }
        if self.stamper.is_on() {
            self.stamp_sent(place);
        }
        if self.pacer.cancels()
            && self.pool.at(place).state == State::Busy
            && let Some(active) = self.pool.active(place)
        {
            self.pacer.plan_cancel(place, &active.prepared);
        }
        if self.pool.at(place).state == State::Securing {
            self.shake_hands(place);
        }
        self.settle(place);
    }

    /// A send has completed: its buffer is used again, unless its bytes may have to be sent again. Returns whether they are,
    /// on another connection.
    #[inline]
    pub(super) fn keep_or_give_back(&mut self, place: u32) -> bool {
        let mut bytes = self.ring.take_sent(place);
        let connection = self.pool.at_mut(place);
        if connection.tls.is_some() {
            self.pool.give_back_records(bytes);
        } else {
            if (connection.may_race() || connection.state == State::Closing)
                && let Some(active) = connection.active.as_mut()
            {
                bytes = std::mem::replace(&mut active.prepared.bytes, bytes);
            }
            self.pacer.give_back(bytes);
        }
        self.pool.at(place).state == State::Closing && self.move_on(place)
    }

    /// The request of a connection ended; the connection is idle now.
    #[inline]
    pub(super) fn finish(&mut self, place: u32, outcome: Outcome, now: MonoNs, errno: u32) {
        let connection = self.pool.at_mut(place);
        let Some(mut active) = connection.active.take() else { return };
        let errno = if outcome == Outcome::Malformed { errno.max(active.malformed) } else { errno };
        let ended =
            client_event::Ended { errno, reads: active.reads, comments: active.comments, reserved: 0 };
        self.reporter.ended(active.prepared.request, now, outcome, connection.received_offset(), &ended);
        self.pacer.give_back(std::mem::take(&mut active.prepared.bytes));
        if self.pool.release(place, &active) {
            self.close(place, now);
        }
        if has_responded(outcome) {
            self.pacer.reached(active.prepared.target, now);
        }
        self.request_over(active, outcome, now);
        let pool = &self.pool;
        self.pacer.deadlines().drop_ended(|place, request| pool.carries(place, request));
    }

    /// A request ended with its connection.
    #[cold]
    #[inline(never)]
    pub(super) fn failed(&mut self, place: u32, outcome: Outcome, errno: u32) {
        let now = clock::mono();
        let connection = self.pool.at_mut(place);
        let has_responded =
            connection.active.as_ref().is_some_and(|active| active.status != 0 || active.is_job_started());
        let (target, state) = (connection.target, connection.state);
        if is_unreached(outcome) && !has_responded {
            self.back_off(target, now);
        }
        if matches!(state, State::Connecting | State::Securing)
            && let Some(active) = self.pool.at_mut(place).active.take()
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
    pub(super) fn fail_unsent(&mut self, active: Active, outcome: Outcome, now: MonoNs, errno: u32) {
        let request = active.prepared.request;
        let mut end = 0;
        if active.is_job_started() {
            end = active.response_begin;
        } else {
            let nowhere = ConnectionId(u32::MAX);
            let sent = Sent { response_begin: 0, connection: nowhere, ..active.sent() };
            self.reporter.not_sent(request, &sent);
        }
        let ended = client_event::Ended { errno, ..client_event::Ended::default() };
        self.reporter.ended(request, now, outcome, end, &ended);
        self.request_over(active, outcome, now);
    }

    /// A request is over.
    #[inline]
    fn request_over(&mut self, active: Active, outcome: Outcome, now: MonoNs) {
        self.memory.release(&active);
        if active.response.as_ref().is_some_and(|response| response.is_over) && outcome == Outcome::Ok {
            self.memory.exceeded(Bound::Sessions, 1);
        }
        self.pacer.request_over(active, outcome, now);
    }

    /// An attempt at a target failed: the place of its request is free later.
    #[cold]
    #[inline(never)]
    pub(super) fn back_off(&mut self, target: u16, now: MonoNs) {
        if self.pacer.unreached(target, now) {
            self.reporter.counters().count(Counter::BackedOff, 1);
        }
    }
}

impl Active {
    /// What is reported when it is sent, but for where.
    #[inline]
    const fn sent(&self) -> Sent {
        Sent {
            due: self.due,
            begin: 0,
            response_begin: self.response_begin,
            session: self.prepared.session,
            lineage: self.prepared.lineage,
            connection: ConnectionId(0),
            reused: 0,
            entry: self.prepared.entry,
            turn: self.prepared.turn,
            phase: self.phase,
            reserved: 0,
        }
    }
}

/// A request submitted this much after it was due is counted as late.
const LATE: DurationNs = DurationNs::from_millis(1);
