//! HOT: the pacer: which request is due, how much may be under way, and when a request is given up. It knows no connection.
//! Budget: docs/BUDGET.md, "sending on time".
//!
//! ```text
//! composer ──ready──▶ schedule ─┐
//!          ──turns──▶ turns ────┴─ next ─▶ (event loop sends it) ─▶ request over ─┐
//!             ▲                                                                   │
//!             └──────────────────── answer: the session goes on ◀─────────────────┘
//! ```

use super::connection::Active;
use super::deadlines::{Deadlines, Expired};
use super::reach::Reaches;
use super::turns::Turns;
use super::{DRAIN, GO, Phase, STOP, Threshold};
use crate::composer::{Answer, Next, Prepared, PreparedQueue, Response};
use crate::schedule::Schedule;
use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};
use spec::Cancellation;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Decides when a worker sends what.
pub(super) struct Pacer {
    queue: PreparedQueue,
    schedule: Schedule,
    turns: Turns,
    phase: Current,
    deadlines: Deadlines,
    reaches: Reaches,
    stop: Stop,
    in_flight: u32,
    /// Requests in flight that wait for their first token.
    prefilling: u32,
    /// The seed of the choice of requests that are cancelled.
    seed: u64,
}

/// The phase under way.
#[derive(Default)]
struct Current {
    /// Its place in the plan.
    number: u32,
    is_warmup: bool,
    cancellation: Option<Cancellation>,
    limits_prefill: bool,
}

/// What ends a run before its time.
pub(super) struct Stop {
    /// The user's request, or that of a worker that has failed.
    request: Arc<AtomicU8>,
    threshold: Option<Arc<Threshold>>,
    /// Whether what was in flight has been cancelled in this phase.
    has_cancelled: bool,
}

/// What is to be sent at a moment, and when it was due.
#[derive(Clone, Copy)]
pub(super) enum Due {
    /// The first turn of a session.
    Start(MonoNs),
    /// A later turn, which the composer has made.
    Turn(MonoNs),
}

impl Pacer {
    /// Paces nothing yet.
    pub(super) fn new(
        queue: PreparedQueue,
        turns: Turns,
        deadlines: Deadlines,
        reaches: Reaches,
        stop: Stop,
        seed: u64,
    ) -> Self {
        Self {
            queue,
            schedule: Schedule::nothing(),
            turns,
            phase: Current::default(),
            deadlines,
            reaches,
            stop,
            in_flight: 0,
            prefilling: 0,
            seed,
        }
    }

    /// Starts a phase.
    pub(super) fn start(&mut self, number: u32, phase: Phase, started: MonoNs) {
        self.phase = Current {
            number,
            is_warmup: phase.is_warmup,
            cancellation: phase.cancellation,
            limits_prefill: phase.limits_prefill,
        };
        self.stop.has_cancelled = false;
        self.schedule = (phase.schedule)(started, self.schedule.open_sessions());
    }

    /// Whether the phase has sent everything.
    #[inline]
    pub(super) fn has_sent_all(&self, now: MonoNs) -> bool {
        self.schedule.is_done(now)
    }

    /// Whether what it has in flight was cancelled, because the phase's time and its grace were over.
    pub(super) fn has_timed_out(&self, now: MonoNs) -> bool {
        self.stop.has_cancelled
            && self.stop.request.load(Ordering::Relaxed) != STOP
            && self.schedule.grace_is_over(now)
    }

    /// Ends the phase, with `drains` its sessions too; returns how many of its requests should have been sent and were not.
    pub(super) fn end(&mut self, drains: bool) -> u64 {
        let mut unsent = self.schedule.unsent();
        if drains {
            unsent += self.turns.forget(&mut self.queue, &self.schedule);
            self.schedule = Schedule::nothing();
        }
        unsent
    }

    /// Whether the run goes on after this phase.
    pub(super) fn goes_on(&self) -> bool {
        self.stop.request.load(Ordering::Relaxed) == GO
    }

    /// Ends the run now, also for other workers.
    pub(super) fn stop_all(&self) {
        self.stop.request.fetch_max(STOP, Ordering::Relaxed);
    }

    /// Follows the user's stop request; returns whether what is in flight must be cancelled.
    #[inline]
    pub(super) fn must_cancel(&mut self, now: MonoNs) -> bool {
        match self.stop.request.load(Ordering::Relaxed) {
            GO => {}
            DRAIN => self.schedule.end(now),
            _ => return true,
        }
        self.schedule.grace_is_over(now)
    }

    /// What is in flight is to be cancelled; returns whether it has not been yet.
    #[cold]
    #[inline(never)]
    pub(super) fn cancel(&mut self, now: MonoNs) -> bool {
        self.schedule.end(now);
        !std::mem::replace(&mut self.stop.has_cancelled, true)
    }

    /// Grows limits, and receives what the composer has made.
    #[inline]
    pub(super) fn advance(&mut self, now: MonoNs) {
        self.schedule.grow(now);
        self.turns.receive(&mut self.queue);
        for _ in 0..self.turns.take_ended() {
            self.schedule.session_ended(now, now + self.reaches.tree_backoff);
        }
    }

    /// Whether another request may be under way.
    #[inline]
    pub(super) const fn has_room(&self) -> bool {
        self.schedule.may_prefill(self.prefilling)
    }

    /// What is to be sent now, if anything is.
    #[inline]
    pub(super) fn next(&self, now: MonoNs) -> Option<Due> {
        let turn = self.turns.next_due().and_then(|due| self.schedule.turn_from(due));
        match turn.filter(|due| *due <= now) {
            Some(due) => Some(Due::Turn(due)),
            None => self.schedule.start_by(now).map(Due::Start),
        }
    }

    /// Takes what is to be sent; `None` if the composer has not made it yet.
    #[inline]
    pub(super) fn take(&mut self, due: Due, now: MonoNs) -> Option<Prepared> {
        match due {
            Due::Turn(_) => {
                let prepared = self.turns.pop()?;
                self.schedule.take_turn();
                Some(prepared)
            }
            Due::Start(_) => {
                let Ok(prepared) = self.queue.ready.pop() else {
                    self.starved(now);
                    return None;
                };
                self.schedule.take_start();
                Some(prepared)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn starved(&mut self, now: MonoNs) {
        if self.queue.ready.is_abandoned() {
            // The composer can't go on, and reports why itself.
            self.schedule.end(now);
        }
    }

    /// Until when nothing is to be done unless something completes; `has_room` is whether a request could be sent.
    pub(super) fn idles_until(&self, now: MonoNs, has_room: bool) -> MonoNs {
        let mut until = now + LOOK_AROUND;
        if has_room {
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
        let inquiry = self.turns.next_inquiry();
        let growth = self.schedule.next_growth();
        let deadline = self.deadlines.next();
        for moment in inquiry.into_iter().chain(growth).chain(deadline) {
            until = until.min(moment);
        }
        until
    }

    /// Requests in flight.
    #[inline]
    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// A request is to be sent: it is under way from now on.
    #[inline]
    pub(super) fn admit(&mut self, mut prepared: Prepared, due: MonoNs) -> Active {
        if prepared.warmup_at > 0 {
            prepared.settle_on(self.phase.is_warmup);
        }
        self.in_flight += 1;
        self.prefilling += u32::from(self.phase.limits_prefill);
        let mut active = Active::new(prepared, due, self.phase.number);
        active.is_prefilling = self.phase.limits_prefill;
        if active.prepared.next != Next::Over {
            active.response = Some(Response::default());
        }
        active
    }

    /// The first token of a request has arrived.
    #[inline]
    pub(super) const fn prefilled(&mut self) {
        self.prefilling -= 1;
    }

    /// When requests in flight are given up.
    #[inline]
    pub(super) const fn deadlines(&mut self) -> &mut Deadlines {
        &mut self.deadlines
    }

    /// The next request that is to be given up by now.
    #[inline]
    pub(super) fn pop_expired(&mut self, now: MonoNs) -> Option<Expired> {
        self.deadlines.pop_expired(now)
    }

    /// The buffer of a request is used again.
    #[inline]
    pub(super) fn give_back(&mut self, bytes: Vec<u8>) {
        self.queue.give_back(bytes);
    }

    /// Has the composer read an answer.
    pub(super) fn answer(&mut self, answer: Answer) {
        self.turns.send(&mut self.queue, answer);
    }

    /// The next poll of a job that is due.
    #[inline]
    pub(super) fn next_poll(&mut self, now: MonoNs) -> Option<Prepared> {
        if self.turns.next_inquiry().is_some_and(|due| due <= now) { self.turns.pop_inquiry() } else { None }
    }

    /// An attempt at a target failed. Returns whether there is such a target.
    #[cold]
    pub(super) fn unreached(&mut self, target: u16, now: MonoNs) -> bool {
        self.reaches.failed(target, now)
    }

    /// A target answered: if it had not been reached, places that wait for it are free.
    #[inline]
    pub(super) fn reached(&mut self, target: u16, now: MonoNs) {
        if self.reaches.was_unreached(target) && self.reaches.recovered(target) {
            self.schedule.recovered(now);
        }
    }

    /// Whether requests of this phase are cancelled on purpose.
    #[inline]
    pub(super) const fn cancels(&self) -> bool {
        self.phase.cancellation.is_some()
    }

    /// A request is fully sent: if it is one that is cancelled on purpose, its time is set.
    #[cold]
    #[inline(never)]
    pub(super) fn plan_cancel(&mut self, place: u32, prepared: &Prepared) {
        let Some(cancellation) = &self.phase.cancellation else { return };
        let Prepared { request, session, turn, .. } = prepared;
        if share_of(self.seed, *session, *turn) * 100.0 < cancellation.rate_percent {
            let moment = clock::mono() + DurationNs::from_seconds(cancellation.delay_seconds);
            self.deadlines.cancel_at(moment, place, request.0);
        }
    }

    /// A request is over: its session goes on or ends.
    #[inline]
    pub(super) fn request_over(&mut self, mut active: Active, outcome: Outcome, now: MonoNs) {
        self.in_flight -= 1;
        self.prefilling -= u32::from(active.is_prefilling);
        // The place of a request that reached no server stays empty for a while, and only that one.
        let free = now + self.reaches.take_backoff();
        let submitted = if active.submitted == MonoNs(0) { active.due } else { active.submitted };
        let Prepared { session, next, .. } = active.prepared;
        match active.response.take() {
            response if next == Next::Tree => {
                self.reaches.tree_backoff = free - now;
                let response = for_session(outcome, response).filter(|response| !response.is_over);
                self.answer(Answer { is_branch: true, ..Answer::of(session, now, response) });
            }
            Some(response) if next != Next::Over && goes_on(outcome, &response) => {
                let wanted = match next {
                    Next::At(offset) => self.schedule.begin() + offset,
                    Next::After(delay) => now + delay,
                    Next::Over | Next::Poll(_) | Next::Tree => now,
                };
                let due = self.schedule.turn_due(submitted, now, wanted);
                // One that reached no server is not followed at once.
                let due = if free > now { due.max(free) } else { due };
                self.answer(Answer::of(session, due, for_session(outcome, Some(response))));
            }
            response => {
                if response.is_some() {
                    self.answer(Answer::over(session));
                }
                self.schedule.session_ended(submitted, free);
            }
        }
        self.look_at_failures(outcome);
    }

    /// Stops the run if too many requests have failed.
    #[inline]
    fn look_at_failures(&self, outcome: Outcome) {
        if let Some(threshold) = &self.stop.threshold
            && !self.phase.is_warmup
            && outcome != Outcome::Cancelled
            && threshold.is_crossed_by(outcome != Outcome::Ok)
        {
            self.stop_all();
        }
    }

    /// Has the composer start again with the first session; what was made ahead is not sent.
    #[cold]
    #[inline(never)]
    pub(super) fn count_anew(&mut self) {
        let numbering = self.turns.count_anew();
        while self.goes_on() {
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
            self.answer(Answer::over(prepared.session));
        }
        self.give_back(prepared.bytes);
    }
}

impl Due {
    /// When it was due.
    #[inline]
    pub(super) const fn at(self) -> MonoNs {
        match self {
            Self::Start(due) | Self::Turn(due) => due,
        }
    }
}

impl Stop {
    /// Nothing ends the run yet.
    pub(super) const fn new(request: Arc<AtomicU8>, threshold: Option<Arc<Threshold>>) -> Self {
        Self { request, threshold, has_cancelled: false }
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

/// The longest interval at which the loop checks the user's stop request, and the values of phases.
pub const LOOK_AROUND: DurationNs = DurationNs::from_millis(20);
/// How long the loop waits for the composer.
const STARVED_WAIT: DurationNs = DurationNs(50_000);

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
}
