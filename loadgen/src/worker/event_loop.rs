//! HOT: the event loop: submits what is due, reaps what has completed, and passes each on. Budget: docs/BUDGET.md, "one-token
//! streaming requests".

use super::deadlines::Deadlines;
use super::job::Jobs;
use super::memory::Memory;
use super::pacer::{Pacer, Stop};
use super::pool::Pool;
use super::reach::Reaches;
use super::stamps::Stamper;
use super::turns::Turns;
use super::{Assignment, Passed, Phase, widen};
use crate::report::Reporter;
use crate::ring::uring::{Completion, Event, Ring};
use common::client_event::Outcome;
use common::clock::MonoNs;
use common::ring::Counter;
use spec::Wait;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender};

/// A worker: the pacer and the pool, and what connects them.
pub(super) struct Worker {
    pub(super) ring: Ring,
    pub(super) pool: Pool,
    pub(super) pacer: Pacer,
    pub(super) reporter: Reporter,
    pub(super) memory: Memory,
    pub(super) jobs: Jobs,
    pub(super) stamper: Stamper,
    wait: Wait,
}

/// Starts and ends of a worker's phases, which all workers of a run have in common.
pub(super) struct Control {
    begin: Receiver<MonoNs>,
    passed: Sender<Passed>,
    warming: Option<Arc<AtomicU32>>,
}

impl Control {
    /// No thread receives what a run that is being stopped has passed.
    fn pass(&self, passed: Passed) {
        self.passed.send(passed).ok();
    }
}

impl Worker {
    pub(super) fn new(assignment: Assignment, ring: Ring) -> (Self, Control) {
        let places = assignment.connections;
        let pacer = Pacer::new(
            assignment.queue,
            Turns::new(assignment.composer, assignment.numbering),
            Deadlines::new(assignment.timeout, widen(places)),
            Reaches::new(assignment.targets.len()),
            Stop::new(assignment.stop_request, assignment.threshold),
            assignment.seed,
        );
        let worker = Self {
            ring,
            pool: Pool::new(assignment.worker, places, assignment.targets, assignment.reuse),
            pacer,
            reporter: assignment.reporter,
            memory: Memory::new(u64::from(places), assignment.exceeded),
            jobs: Jobs::new(assignment.poll_interval),
            stamper: Stamper::new(assignment.stamps),
            wait: assignment.wait,
        };
        let control =
            Control { begin: assignment.begin, passed: assignment.passed, warming: assignment.warming };
        (worker, control)
    }

    /// The worker has no more records.
    pub(super) fn finished(&mut self) {
        self.reporter.finished(clock::mono());
    }

    /// Runs the phases in turn.
    pub(super) fn run(&mut self, phases: Vec<Phase>, control: &Control) -> io::Result<()> {
        let warmed = (0..).zip(&phases).filter(|(_, phase)| phase.is_warmup).map(|(number, _)| number + 1);
        let warmed = warmed.last().unwrap_or(0);
        let mut phases = (0..).zip(phases).peekable();
        while let Some((number, phase)) = phases.next() {
            let started = if phase.is_seamless && number > 0 {
                let at = clock::mono();
                control.pass(Passed::Started { phase: number, at });
                at
            } else {
                let Ok(started) = control.begin.recv() else { return Ok(()) };
                started
            };
            if phase.is_seamless && phase.counts_anew && number > 0 {
                self.pacer.count_anew();
            }
            if number > 0 && !self.pacer.goes_on() {
                return Ok(());
            }
            if number == warmed
                && let Some(warming) = &control.warming
            {
                warming.fetch_sub(1, Ordering::Relaxed);
            }
            self.pacer.start(number, phase, started);
            let drains = !phases.peek().is_some_and(|(_, next)| next.is_seamless);
            let result = self.run_phase(number, drains, control);
            if result.is_err() {
                // The others must not wait for a phase that this worker will never end.
                self.pacer.stop_all();
            }
            if phases.peek().is_some_and(|(_, next)| next.counts_anew && !next.is_seamless) {
                // Its first requests are ready before it is known when it starts.
                self.pacer.count_anew();
            }
            let timed_out = matches!(result, Ok(true));
            control.pass(Passed::Ended { phase: number, at: clock::mono(), timed_out });
            result?;
        }
        Ok(())
    }

    /// Sends the phase's requests; with `drains`, until all of them have ended. Returns whether its time was over before they had.
    fn run_phase(&mut self, phase: u32, drains: bool, control: &Control) -> io::Result<bool> {
        let mut has_sent_all = false;
        let mut turn_start = clock::mono();
        loop {
            self.issue(turn_start);
            self.expire(turn_start);
            self.reporter.counters().set(Counter::InFlight, u64::from(self.pacer.in_flight()));
            self.reporter.counters().publish();
            if self.pacer.has_sent_all(turn_start) {
                if !has_sent_all {
                    has_sent_all = true;
                    control.pass(Passed::Sent { phase, at: turn_start });
                }
                if !drains || self.pacer.in_flight() == 0 {
                    let timed_out = self.pacer.has_timed_out(turn_start);
                    let unsent = self.pacer.end(drains);
                    self.reporter.counters().count(Counter::Unsent, unsent);
                    return Ok(timed_out);
                }
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
        let until = self.pacer.idles_until(now, self.has_room());
        self.ring.wait(now, until)
    }

    fn has_room(&self) -> bool {
        self.pacer.has_room() && self.pool.has_room()
    }

    /// Sends every request that is due and has room.
    #[inline]
    fn issue(&mut self, now: MonoNs) {
        if self.pacer.must_cancel(now) {
            self.cancel_all(now);
        }
        self.pacer.advance(now);
        self.poll_jobs(now);
        if self.pool.has_stranded() {
            self.land(now);
        }
        while self.has_room() {
            let Some(due) = self.pacer.next(now) else { return };
            let Some(prepared) = self.pacer.take(due, now) else {
                self.reporter.counters().count(Counter::Starved, 1);
                return;
            };
            self.start_request(prepared, due.at());
        }
    }

    /// Passes on what has completed.
    #[inline]
    fn complete(&mut self, completion: Completion) {
        let place = completion.slot;
        match completion.event {
            Event::Received(buffer) => self.received(place, buffer),
            Event::Sent(0) => self.sent(place),
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

    /// Ends the requests whose timeout has passed, or that are cancelled on purpose.
    #[inline]
    fn expire(&mut self, now: MonoNs) {
        while let Some(expired) = self.pacer.pop_expired(now) {
            if self.pool.carries(expired.place, expired.request) {
                self.failed(expired.place, expired.outcome, expired.errno);
            }
        }
    }

    /// Ends everything in flight, once.
    #[cold]
    #[inline(never)]
    fn cancel_all(&mut self, now: MonoNs) {
        if !self.pacer.cancel(now) {
            return;
        }
        while let Some(active) = self.pool.pop_stranded() {
            self.fail_unsent(active, Outcome::Cancelled, now, 0);
        }
        for place in 0..self.pool.places() {
            if self.pool.active(place).is_some() {
                self.failed(place, Outcome::Cancelled, 0);
            }
        }
    }
}
