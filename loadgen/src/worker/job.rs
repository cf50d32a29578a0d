//! HOT: requests whose result is polled until it is there: each keeps its connection until it is over or the server closes
//! it. Budget: docs/BUDGET.md, "sending on time".
//!
//! The last response to such a request is reported as if it were the only one: responses before it are no events.

use super::connection::{Active, State};
use super::event_loop::Worker;
use super::response::outcome_of;
use crate::bounds::{Bound, JOB_BYTES_MAX};
use crate::composer::{Answer, Next, Prepared};
use crate::job;
use crate::wire::Sink;
use crate::wire::coding::Coding;
use crate::wire::http::AtEnd;
use common::client_event::{Moved, Outcome};
use common::clock::{DurationNs, MonoNs};
use rustc_hash::FxHashMap;

/// The jobs of a worker, if its requests are jobs.
pub(super) struct Jobs {
    /// From a response to the next poll.
    interval: Option<DurationNs>,
    /// Where those wait of which the composer reads an answer.
    waiting: FxHashMap<u64, u32>,
}

/// What is known of a job.
#[derive(Debug, Default)]
pub(super) struct Job {
    /// The last answer.
    head: Vec<u8>,
    body: Vec<u8>,
    pub(super) status: u16,
    /// When its last byte was reaped, and where it ends on the wire.
    reaped: MonoNs,
    end: u64,
    /// Whether the response is what the job has made.
    is_content: bool,
    /// Whether the connection can go on.
    keeps_alive: bool,
    /// Whether an answer has come on this connection.
    has_responded_here: bool,
    /// How the last answer is coded.
    coding: Coding,
    /// Bytes of the last answer that were too many.
    left_out: u64,
}

impl Jobs {
    /// With an interval, requests are jobs.
    pub(super) fn new(interval: Option<DurationNs>) -> Self {
        Self { interval, waiting: FxHashMap::default() }
    }

    /// Whether requests are jobs.
    #[inline]
    pub(super) const fn are_sent(&self) -> bool {
        self.interval.is_some()
    }
}

impl Job {
    /// Whether the server knows of it.
    pub(super) const fn has_started(&self) -> bool {
        self.status != 0
    }

    /// Bytes of its last answer.
    pub(super) const fn held(&self) -> usize {
        self.body.len()
    }

    /// Its connection is of no more use.
    #[cold]
    pub(super) const fn hang_up(&mut self) {
        self.keeps_alive = false;
    }

    /// Drops the rest of its last response.
    #[cold]
    pub(super) fn give_up(&mut self) {
        self.left_out += self.body.len() as u64;
        self.body = Vec::new();
    }
}

impl Sink for Job {
    fn head(&mut self, status: u16, bytes: &[u8], _end: u64) {
        self.status = status;
        // What the job has made is received and not kept; that there is nothing is.
        self.coding = Coding::Identity;
        self.is_content &= outcome_of(status) == Outcome::Ok;
        if !self.is_content {
            self.body.clear();
            self.left_out = 0;
            self.head.clear();
            self.head.extend_from_slice(bytes);
        }
    }

    fn coded(&mut self, coding: Coding, _is_event_stream: bool) {
        self.coding = coding;
    }

    fn event(&mut self, bytes: &[u8], end: u64) {
        self.body(bytes, end);
    }

    fn body(&mut self, bytes: &[u8], _end: u64) {
        if self.is_content {
            return;
        }
        let room = JOB_BYTES_MAX.saturating_sub(self.body.len());
        let taken = if self.left_out > 0 { 0 } else { bytes.len().min(room) };
        self.body.extend_from_slice(&bytes[..taken]);
        self.left_out += (bytes.len() - taken) as u64;
    }
}

impl Worker {
    /// A response for a job is whole: the composer reads it, and decides what follows.
    #[cold]
    #[inline(never)]
    pub(super) fn job_responded(&mut self, place: u32, outcome: Outcome, keeps_alive: bool, reaped: MonoNs) {
        let is_sending = self.ring.is_sending(place);
        let connection = self.pool.at_mut(place);
        let end = connection.received_offset();
        let Some(active) = connection.active.as_mut() else { return };
        let Some(job) = active.job.as_mut() else { return };
        job.reaped = reaped;
        job.end = end;
        job.keeps_alive = keeps_alive && !is_sending;
        job.has_responded_here = true;
        if outcome != Outcome::Ok || job.is_content {
            return self.job_over(place, outcome);
        }
        self.have_read(place, reaped + self.jobs.interval.unwrap_or_default());
    }

    /// Has the composer read the last answer of a job; what follows is sent when it is due.
    fn have_read(&mut self, place: u32, due: MonoNs) {
        let connection = self.pool.at_mut(place);
        let Some(active) = connection.active.as_mut() else { return };
        let Some(job) = active.job.as_ref() else { return };
        connection.state = State::Waiting;
        let response = job::Polled {
            request: active.prepared.request,
            target: active.prepared.target,
            body: job.body.clone(),
            coding: job.coding,
        };
        let answer = Answer { job: Some(response), ..Answer::of(active.prepared.session, due, None) };
        let request = active.prepared.request.0;
        self.pacer.answer(answer);
        self.jobs.waiting.insert(request, place);
    }

    /// Sends due polls of jobs, or ends them.
    #[inline]
    pub(super) fn poll_jobs(&mut self, now: MonoNs) {
        while let Some(prepared) = self.pacer.next_poll(now) {
            self.poll_job(prepared);
        }
    }

    #[cold]
    #[inline(never)]
    fn poll_job(&mut self, prepared: Prepared) {
        let Some(place) = self.jobs.waiting.remove(&prepared.request.0) else { return };
        let connection = self.pool.at_mut(place);
        let is_its = |active: &&mut Active| active.prepared.request == prepared.request;
        // It may have been cancelled meanwhile.
        let Some(active) = connection.active.as_mut().filter(is_its) else { return };
        let Some(job) = active.job.as_mut() else { return };
        let Next::Poll(wanted) = prepared.next else { return self.job_over(place, Outcome::Ok) };
        job.is_content = wanted == job::Wanted::Content;
        if job.keeps_alive {
            return self.send_poll(place, prepared.bytes);
        }
        // The server has closed the connection meanwhile: a job is measured, and not a connection.
        let Some(mut active) = connection.active.take() else { return };
        active.prepared.bytes = prepared.bytes;
        self.close(place, clock::mono());
        self.open(active);
    }

    /// Continues a job on the connection that was opened for it.
    #[cold]
    #[inline(never)]
    pub(super) fn go_on_with_job(&mut self, place: u32) {
        let connection = self.pool.at_mut(place);
        let response_begin = connection.received_offset();
        let id = connection.id;
        let Some(active) = connection.active.as_mut() else { return };
        let Some(job) = active.job.as_mut() else { return };
        job.has_responded_here = false;
        connection.uses += 1;
        active.response_begin = response_begin;
        let request = active.prepared.request;
        let bytes = std::mem::take(&mut active.prepared.bytes);
        self.pacer.deadlines().resume(active.submitted, place, request.0);
        self.reporter.moved(request, clock::mono(), &Moved { connection: id, reserved: 0, response_begin });
        self.send_poll(place, bytes);
    }

    /// Sends a poll of a job.
    fn send_poll(&mut self, place: u32, mut bytes: Vec<u8>) {
        let mut before = 0;
        if let Some((records, handshake)) = self.pool.seal(place, &bytes) {
            before = handshake;
            let plain = std::mem::replace(&mut bytes, records);
            self.pacer.give_back(plain);
        }
        self.pool.at_mut(place).expect(before, &bytes);
        self.ring.send(place, bytes);
    }

    /// The last response for a job is there: it is reported, and the request ends when it arrived.
    fn job_over(&mut self, place: u32, outcome: Outcome) {
        let connection = self.pool.at_mut(place);
        let Some(active) = connection.active.as_mut() else { return };
        let before = active.kept();
        let Some(job) = active.job.take() else { return };
        if job.left_out > 0 {
            self.memory.exceeded(Bound::JobBytes, job.left_out);
        }
        if let Some(response) = active.response.as_mut() {
            response.coding = job.coding;
            response.add(&job.body);
        }
        self.memory.kept(before, active.kept());
        let mut sink = self.reporter.sink(active.prepared.request, job.reaped);
        sink.end = Some(job.end);
        sink.head(job.status, &job.head, job.end);
        if !job.body.is_empty() {
            sink.body(&job.body, job.end);
        }
        connection.state = State::Busy;
        self.finish(place, outcome, job.reaped, 0);
        if !job.keeps_alive {
            self.close(place, job.reaped);
        }
    }

    /// The connection ended in the midst of an answer, or that was the answer's end.
    #[cold]
    #[inline(never)]
    pub(super) fn job_broke_off(&mut self, place: u32, error: u32, now: MonoNs) {
        let connection = self.pool.at_mut(place);
        let Some(Active { job: Some(job), .. }) = connection.active.as_mut() else { return };
        let end = connection.responses.finish(&mut **job);
        let answered = outcome_of(job.status);
        if end == AtEnd::NotStarted && job.has_started() && job.has_responded_here {
            // It was closed before the poll arrived: that is sent again on another one.
            job.keeps_alive = false;
            return self.have_read(place, now);
        }
        let outcome = match (error, end) {
            (0, AtEnd::Complete) => return self.job_responded(place, answered, false, now),
            (0, AtEnd::Truncated) => Outcome::Truncated,
            (0, AtEnd::NotStarted) => Outcome::ClosedEarly,
            _ => Outcome::Reset,
        };
        self.failed(place, outcome, error);
    }

    /// The server ended a connection whose job is waited for.
    #[cold]
    #[inline(never)]
    pub(super) fn job_left(&mut self, place: u32) {
        // The composer decides whether the job still needs the connection.
        if let Some(job) = self.pool.at_mut(place).active.as_mut().and_then(|active| active.job.as_mut()) {
            job.hang_up();
        }
    }
}
