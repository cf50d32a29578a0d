//! HOT: sessions that go on: what their next turns wait for, and what happens when a request is over. Budget:
//! docs/BUDGET.md, "sending on time".

use super::connection::{Active, State};
use super::{GO, STOP, Worker, widen};
use crate::bounds::Bound;
use crate::composer::{Answer, Kind, Next, Prepared, PreparedQueue, Response};
use crate::schedule::Schedule;
use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};
use rustc_hash::FxHashMap;
use spec::ConnectionReuse;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

/// Later turns of the worker's sessions.
pub(super) struct Turns {
    /// Turns that are made, by when they are due and then by their number.
    due: BinaryHeap<Reverse<(MonoNs, u64, usize)>>,
    made: Vec<Option<Prepared>>,
    spare: Vec<usize>,
    /// Answers that the composer has not taken yet.
    backlog: VecDeque<Answer>,
    /// Turns that the composer has yet to make.
    awaited: u32,
    composer: Thread,
    /// Connections that wait for their session's next turn.
    pub(super) owned: FxHashMap<u64, u32>,
    /// Polls of jobs, by when each is due and then by the request's number.
    inquiries: BinaryHeap<Reverse<(MonoNs, u64, usize)>>,
    /// Trees of sessions that have ended, and whose place is not free yet.
    pub(super) ended: u32,
    /// Where the jobs wait of which the composer reads an answer.
    pub(super) jobs: FxHashMap<u64, u32>,
}

/// How many requests of all workers may fail.
#[derive(Debug)]
pub struct Threshold {
    /// The share of failed requests above which the run is stopped.
    pub share: f64,
    /// Requests that must have ended before it is looked at.
    pub armed_after: u64,
    ended: AtomicU64,
    failed: AtomicU64,
    is_crossed: AtomicBool,
}

impl Turns {
    pub(super) fn new(composer: Thread) -> Self {
        Self {
            due: BinaryHeap::new(),
            made: Vec::new(),
            spare: Vec::new(),
            backlog: VecDeque::new(),
            awaited: 0,
            composer,
            owned: FxHashMap::default(),
            inquiries: BinaryHeap::new(),
            ended: 0,
            jobs: FxHashMap::default(),
        }
    }

    /// Receives the turns that the composer has made.
    #[inline]
    pub(super) fn receive(&mut self, queue: &mut PreparedQueue) {
        if self.awaited == 0 && self.backlog.is_empty() {
            return;
        }
        while let Ok(prepared) = queue.turns.pop() {
            self.awaited = self.awaited.saturating_sub(u32::from(prepared.settles));
            let place = self.spare.pop().unwrap_or_else(|| {
                self.made.push(None);
                self.made.len() - 1
            });
            let due = match prepared.kind {
                Kind::Request => &mut self.due,
                Kind::Inquiry => &mut self.inquiries,
                Kind::Nothing { ends } => {
                    self.ended += u32::from(ends);
                    self.spare.push(place);
                    continue;
                }
            };
            due.push(Reverse((prepared.due, prepared.request.0, place)));
            self.made[place] = Some(prepared);
        }
        while let Some(answer) = self.backlog.pop_front() {
            if let Err(rtrb::PushError::Full(answer)) = queue.answers.push(answer) {
                self.backlog.push_front(answer);
                break;
            }
            self.composer.unpark();
        }
    }

    /// When the next turn that is made is due.
    #[inline]
    pub(super) fn next_due(&self) -> Option<MonoNs> {
        self.due.peek().map(|next| next.0.0)
    }

    /// Has the composer look at what it has to do.
    pub(super) fn wake(&self) {
        self.composer.unpark();
    }

    /// Whether the composer has turns to make.
    pub(super) const fn are_awaited(&self) -> bool {
        self.awaited > 0
    }

    pub(super) fn pop(&mut self) -> Option<Prepared> {
        let Reverse((_, _, place)) = self.due.pop()?;
        self.spare.push(place);
        self.made[place].take()
    }

    /// When the next question after a job is due.
    #[inline]
    pub(super) fn next_inquiry(&self) -> Option<MonoNs> {
        self.inquiries.peek().map(|next| next.0.0)
    }

    pub(super) fn pop_inquiry(&mut self) -> Option<Prepared> {
        let Reverse((_, _, place)) = self.inquiries.pop()?;
        self.spare.push(place);
        self.made[place].take()
    }

    /// Has the composer make the next turn of a session, or forget it.
    pub(super) fn send(&mut self, queue: &mut PreparedQueue, answer: Answer) {
        self.awaited += u32::from(answer.response.is_some() || answer.job.is_some() || answer.is_branch);
        if self.backlog.is_empty() {
            if let Err(rtrb::PushError::Full(answer)) = queue.answers.push(answer) {
                self.backlog.push_back(answer);
            }
        } else {
            self.backlog.push_back(answer);
        }
        self.composer.unpark();
    }

    /// Ends every session that waits: its phase is over. Returns the number of turns that should have been sent.
    pub(super) fn forget(&mut self, queue: &mut PreparedQueue, schedule: &Schedule) -> u64 {
        let mut unsent = 0;
        while self.awaited > 0 && !queue.turns.is_abandoned() {
            self.receive(queue);
            std::thread::yield_now();
        }
        while let Some(prepared) = self.pop() {
            unsent += u64::from(schedule.owes(prepared.due));
            if prepared.next != Next::Over {
                let over = Answer {
                    session: prepared.session,
                    due: MonoNs(0),
                    response: None,
                    job: None,
                    is_branch: false,
                };
                self.send(queue, over);
            }
        }
        unsent
    }
}

impl Threshold {
    /// Stops the run when more than `share` of the requests fail, once so many have ended.
    #[must_use]
    pub const fn new(share: f64, armed_after: u64) -> Self {
        Self {
            share,
            armed_after,
            ended: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_crossed: AtomicBool::new(false),
        }
    }

    /// Counts a request; returns whether too many have failed by now.
    #[expect(clippy::cast_precision_loss, reason = "counts of requests stay below 2^53")]
    fn is_crossed_by(&self, failed: bool) -> bool {
        let ended = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
        let failed = self.failed.fetch_add(u64::from(failed), Ordering::Relaxed) + u64::from(failed);
        let is_crossed = ended >= self.armed_after && failed as f64 > self.share * ended as f64;
        self.is_crossed.fetch_or(is_crossed, Ordering::Relaxed);
        is_crossed
    }

    /// Whether too many requests had failed at any moment.
    #[must_use]
    pub fn is_crossed(&self) -> bool {
        self.is_crossed.load(Ordering::Relaxed)
    }
}

impl Worker {
    /// Has the composer start again with the first session; what was made ahead is not sent.
    #[cold]
    #[inline(never)]
    pub(super) fn count_anew(&mut self) {
        let numbering = self.numbering.fetch_add(1, Ordering::Release) + 1;
        while self.stop_request.load(Ordering::Relaxed) == GO {
            match self.queue.ready.peek() {
                Ok(prepared) if prepared.numbering == numbering => return,
                Ok(_) => self.leave_out(),
                Err(_) if self.queue.ready.is_abandoned() => return,
                Err(_) => {
                    self.turns.wake();
                    std::thread::yield_now();
                }
            }
        }
    }

    /// Does not send the first of the requests that are ready.
    fn leave_out(&mut self) {
        let Ok(prepared) = self.queue.ready.pop() else { return };
        if prepared.next != Next::Over {
            let session = prepared.session;
            let over = Answer { session, due: MonoNs(0), response: None, job: None, is_branch: false };
            self.turns.send(&mut self.queue, over);
        }
        self.queue.give_back(prepared.bytes);
    }

    /// A request is over: its session goes on or ends.
    #[inline]
    pub(super) fn request_over(&mut self, mut active: Active, outcome: Outcome, now: MonoNs) {
        self.in_flight -= 1;
        self.prefilling -= u32::from(active.is_prefilling);
        self.kept -= active.kept();
        if active.response.as_ref().is_some_and(|response| response.is_over) && outcome == Outcome::Ok {
            self.exceeded.count(Bound::Sessions, 1);
        }
        // The place of a request that reached no server stays empty for a while, and only that one.
        let free = now + std::mem::take(&mut self.backoff);
        let submitted = if active.submitted == MonoNs(0) { active.due } else { active.submitted };
        match (outcome, active.response.take()) {
            (_, response) if active.prepared.next == Next::Tree => {
                self.tree_backoff = free - now;
                let response = for_session(outcome, response).filter(|response| !response.is_over);
                let session = active.prepared.session;
                let answer = Answer { session, due: now, response, job: None, is_branch: true };
                self.turns.send(&mut self.queue, answer);
            }
            (_, Some(response)) if active.prepared.next != Next::Over && goes_on(outcome, &response) => {
                let wanted = match active.prepared.next {
                    Next::At(offset) => self.schedule.begin() + offset,
                    Next::After(delay) => now + delay,
                    Next::Over | Next::Poll(_) | Next::Tree => now,
                };
                let due = self.schedule.turn_due(submitted, now, wanted);
                // One that reached no server is not followed at once.
                let due = if free > now { due.max(free) } else { due };
                let response = for_session(outcome, Some(response));
                let session = active.prepared.session;
                let answer = Answer { session, due, response, job: None, is_branch: false };
                self.turns.send(&mut self.queue, answer);
            }
            (_, response) => {
                if response.is_some() {
                    let session = active.prepared.session;
                    let over =
                        Answer { session, due: MonoNs(0), response: None, job: None, is_branch: false };
                    self.turns.send(&mut self.queue, over);
                }
                self.schedule.session_ended(submitted, free);
            }
        }
        if let Some(threshold) = &self.threshold
            && !self.is_warmup
            && outcome != Outcome::Cancelled
            && threshold.is_crossed_by(outcome != Outcome::Ok)
        {
            self.stop_request.fetch_max(STOP, Ordering::Relaxed);
        }
    }

    /// Keeps or closes an idle connection that not every session may use.
    #[cold]
    #[inline(never)]
    pub(super) fn keep_or_close(&mut self, place: u32, active: &Active, now: MonoNs) {
        let goes_on = !matches!(active.prepared.next, Next::Over | Next::Tree);
        if self.reuse == ConnectionReuse::StickyUserSessions && goes_on {
            self.turns.owned.insert(active.prepared.session, place);
        } else {
            self.close(place, now);
        }
    }

    /// The request of a connection is fully sent: if it is one that is cancelled on purpose, its time is set.
    #[cold]
    #[inline(never)]
    pub(super) fn plan_cancel(&mut self, place: u32) {
        let Some(cancellation) = &self.cancellation else { return };
        let connection = &self.connections[widen(place)];
        let Some(active) = connection.active.as_ref().filter(|_| connection.state == State::Busy) else {
            return;
        };
        let Prepared { request, session, turn, .. } = &active.prepared;
        let request = request.0;
        if share_of(self.seed, *session, *turn) * 100.0 < cancellation.rate_percent {
            let moment = crate::clock::mono() + DurationNs::from_seconds(cancellation.delay_seconds);
            self.cancels.push(Reverse((moment, place, request)));
        }
    }
}

/// The response that the composer is sent for a request that ended so: of one that failed, an empty one.
#[inline]
fn for_session(outcome: Outcome, response: Option<Response>) -> Option<Response> {
    if outcome == Outcome::Ok { response } else { Some(Response::lost()) }
}

/// Whether a session goes on after a request that ended so: unless its answer was too long, whether it failed or not.
#[inline]
fn goes_on(outcome: Outcome, response: &Response) -> bool {
    outcome != Outcome::Ok || !response.is_over
}

/// A number from 0 to 1 for each turn of a session, the same for a seed whatever the number of workers and however turns of
/// several sessions follow each other.
#[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
fn share_of(seed: u64, session: u64, turn: u32) -> f64 {
    let of_turn = crate::prompt::mixed(seed, u64::from(turn));
    (crate::prompt::mixed(of_turn, session) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_drawn_for_each_turn() {
        let drawn = (0..10_000).filter(|session| share_of(7, *session, 0) < 0.25).count();
        assert!((2_300..2_700).contains(&drawn), "{drawn} of 10,000 below a quarter");
        let drawn = (0..10_000).filter(|turn| share_of(7, 3, *turn) < 0.25).count();
        assert!((2_300..2_700).contains(&drawn), "{drawn} of 10,000 turns below a quarter");
        assert!((share_of(7, 3, 1) - share_of(7, 3, 1)).abs() < f64::EPSILON, "the same each time");
    }

    #[test]
    fn the_threshold_arms_itself() {
        let threshold = Threshold::new(0.5, 4);
        assert!(!(0..3).any(|_| threshold.is_crossed_by(true)), "too few to tell");
        assert!(threshold.is_crossed_by(false), "three of four");
        threshold.is_crossed_by(false);
        assert!(!threshold.is_crossed_by(false), "three of six are no more than half");
        assert!(threshold.is_crossed(), "but once they were");
    }
}
