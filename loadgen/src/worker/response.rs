//! HOT: bytes that arrive: stamped, cut, reported, and kept where a session goes on with them. Budget: docs/BUDGET.md, "CPU per
//! event".

use super::connection::{Active, Connection, State};
use super::event_loop::Worker;
use super::memory::Memory;
use super::pacer::Pacer;
use crate::bounds::Bound;
use crate::composer::Response;
use crate::report::Reporter;
use crate::ring::uring::Buffer;
use crate::wire::http::{Malformed, Progress};
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::ring::Counter;

impl Worker {
    /// Bytes arrived: stamp, cut, report.
    #[inline]
    pub(super) fn received(&mut self, place: u32, buffer: Buffer) {
        let reaped = clock::mono();
        if let Some(received) = buffer.received {
            self.stamp_received(place, &buffer, received, reaped);
        }
        let connection = self.pool.at_mut(place);
        let bytes = self.ring.bytes(&buffer);
        self.reporter.counters().count(Counter::ReceivedBytes, bytes.len() as u64);
        if let Some(active) = connection.active.as_mut() {
            active.reads += 1;
            if active.reads == 1 && connection.tls.is_none() {
                // It is answered: it will not be sent again.
                self.pacer.give_back(std::mem::take(&mut active.prepared.bytes));
            }
        }
        let rearm = buffer.last;
        if connection.tls.is_some() {
            self.received_sealed(place, &buffer, reaped);
            self.ring.recycle(buffer);
        } else {
            let mut reading = Reading {
                reporter: &mut self.reporter,
                pacer: &mut self.pacer,
                memory: &mut self.memory,
                reaped,
                end: None,
            };
            let outcome = reading.feed(connection, bytes);
            self.ring.recycle(buffer);
            self.progressed(place, outcome, reaped);
        }
        self.account(place);
        if rearm {
            self.rearm(place);
        }
    }

    /// A response may be over.
    #[inline]
    pub(super) fn progressed(&mut self, place: u32, outcome: Option<(Outcome, bool)>, reaped: MonoNs) {
        match outcome {
            Some((outcome, keeps_alive)) if self.jobs.are_sent() => {
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

    /// Keeps the memory of all connections within its bounds: the one that exceeded them gives up its response.
    #[inline]
    fn account(&mut self, place: u32) {
        self.memory.count_held(self.pool.at_mut(place));
        if self.memory.holds_too_much() || self.memory.keeps_too_much() {
            self.give_up_memory(place);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_up_memory(&mut self, place: u32) {
        let connection = self.pool.at_mut(place);
        if self.memory.keeps_too_much()
            && let Some(active) = connection.active.as_mut()
        {
            self.memory.release(active);
            active.response.iter_mut().for_each(Response::give_up);
            active.job.iter_mut().for_each(|job| job.give_up());
        }
        if self.memory.holds_too_much() && connection.active.is_some() {
            self.memory.exceeded(Bound::Responses, 1);
            self.failed(place, Outcome::Malformed, Malformed::NoRoom.number());
        }
    }
}

/// What one read changes, besides its connection.
pub(super) struct Reading<'a> {
    pub(super) reporter: &'a mut Reporter,
    pub(super) pacer: &'a mut Pacer,
    pub(super) memory: &'a mut Memory,
    /// When it was reaped.
    pub(super) reaped: MonoNs,
    /// Where what is cut ends on the wire, if that is not where its bytes end.
    pub(super) end: Option<u64>,
}

impl Reading<'_> {
    /// Cuts bytes of a response. Returns how the response ended, if it did, and whether the connection can go on.
    #[inline]
    pub(super) fn feed(&mut self, connection: &mut Connection, bytes: &[u8]) -> Option<(Outcome, bool)> {
        match (connection.state, connection.active.as_mut()) {
            (State::Busy, Some(Active { job: Some(job), malformed, .. })) => {
                let before = job.held();
                let progress = connection.responses.feed(bytes, &mut **job);
                self.memory.kept(before as u64, job.held() as u64);
                self.outcome(progress, job.status, malformed)
            }
            (State::Busy, Some(active)) => {
                let before = active.kept();
                let mut sink = self.reporter.sink(active.prepared.request, self.reaped);
                sink.end = self.end;
                sink.response = active.response.as_mut();
                sink.awaits_content = active.is_prefilling;
                let progress = connection.responses.feed(bytes, &mut sink);
                if sink.status != 0 {
                    active.status = sink.status;
                }
                active.comments = active.comments.saturating_add(sink.comments);
                if active.is_prefilling && !sink.awaits_content {
                    active.is_prefilling = false;
                    self.pacer.prefilled();
                }
                self.memory.kept(before, active.kept());
                self.outcome(progress, active.status, &mut active.malformed)
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

    /// How a response of this status ended, if it did; the reason why it is malformed in `malformed`.
    #[inline]
    fn outcome(
        &self,
        progress: Result<Progress, Malformed>,
        status: u16,
        malformed: &mut u32,
    ) -> Option<(Outcome, bool)> {
        match progress {
            Ok(Progress::More) => None,
            Ok(Progress::Complete { keep_alive }) => Some((outcome_of(status), keep_alive)),
            Err(why) => Some(self.malformed(why, malformed)),
        }
    }

    /// The outcome for bytes that are no valid response, with the reason in `number`; counts it if it is too large to be one.
    #[cold]
    fn malformed(&self, why: Malformed, number: &mut u32) -> (Outcome, bool) {
        *number = why.number();
        if matches!(why, Malformed::TooLong | Malformed::EventTooLarge | Malformed::HeadTooLarge) {
            self.memory.exceeded(Bound::Responses, 1);
        }
        (Outcome::Malformed, false)
    }
}

/// The outcome of a response with this status.
pub(super) const fn outcome_of(status: u16) -> Outcome {
    match status {
        200..300 => Outcome::Ok,
        300..400 => Outcome::Redirect,
        _ => Outcome::HttpStatus,
    }
}
