//! HOT: one worker's share of the plan: what is due, how many may be in flight, and when it is over. Budget:
//! docs/BUDGET.md, "sending on time".
//!
//! An arrival that is late is sent late: it is never dropped and the schedule is never anchored anew.

use crate::shape::Share;
use common::clock::{DurationNs, MonoNs};
use std::collections::VecDeque;

/// Due times of one worker, made in advance or by requests that end.
pub struct Schedule {
    pacing: Pacing,
    begin: MonoNs,
    /// No request that is due at or after this moment is sent.
    end: MonoNs,
    /// After `end`, requests in flight may take this long.
    grace: DurationNs,
    concurrency: u32,
    /// Requests that may still be taken.
    left: u64,
}

enum Pacing {
    /// The next arrival, and those after it.
    Open { next: Option<MonoNs>, later: Share },
    /// Moments at which places became free.
    Closed { free_since: VecDeque<MonoNs> },
}

/// A worker's share of the limits.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long requests are sent, if the plan says so.
    pub duration: Option<DurationNs>,
    /// How long requests in flight may take after that.
    pub grace: DurationNs,
    /// Most requests in flight.
    pub concurrency: u32,
    /// Most requests, if the plan says so.
    pub requests: Option<u64>,
}

impl Schedule {
    /// A schedule of arrivals from `begin` on.
    #[must_use]
    pub fn open(mut arrivals: Share, begin: MonoNs, limits: Limits) -> Self {
        let next = arrivals.next().map(|due| begin + due);
        Self::new(Pacing::Open { next, later: arrivals }, begin, limits)
    }

    /// A schedule in which a request is due when another has ended.
    #[must_use]
    pub fn closed(begin: MonoNs, limits: Limits) -> Self {
        let mut free_since = VecDeque::with_capacity(limits.concurrency as usize);
        free_since.resize(limits.concurrency as usize, begin);
        Self::new(Pacing::Closed { free_since }, begin, limits)
    }

    fn new(pacing: Pacing, begin: MonoNs, limits: Limits) -> Self {
        let end = limits.duration.map_or(FOREVER, |duration| begin + duration);
        Self {
            pacing,
            begin,
            end,
            grace: limits.grace,
            concurrency: limits.concurrency,
            left: limits.requests.unwrap_or(u64::MAX),
        }
    }

    /// Most requests in flight.
    #[must_use]
    pub const fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// When the next request is due, if one ever will be.
    #[must_use]
    #[inline]
    pub fn next_due(&self) -> Option<MonoNs> {
        if self.left == 0 {
            return None;
        }
        let due = match &self.pacing {
            Pacing::Open { next, .. } => *next,
            Pacing::Closed { free_since } => free_since.front().copied(),
        };
        due.filter(|due| *due < self.end)
    }

    /// When the request was due that is to be sent now, if one is.
    #[must_use]
    #[inline]
    pub fn due_by(&self, now: MonoNs) -> Option<MonoNs> {
        self.next_due().filter(|due| *due <= now && now < self.end)
    }

    /// Counts the request that was due next as sent.
    #[inline]
    pub fn take(&mut self) {
        self.left = self.left.saturating_sub(1);
        match &mut self.pacing {
            Pacing::Open { next, later } => *next = later.next().map(|due| self.begin + due),
            Pacing::Closed { free_since } => {
                free_since.pop_front();
            }
        }
    }

    /// A request ended: in a closed loop its place is free since `now`.
    #[inline]
    pub fn ended(&mut self, now: MonoNs) {
        if let Pacing::Closed { free_since } = &mut self.pacing {
            free_since.push_back(now);
        }
    }

    /// Sends nothing more that is due from `now` on.
    pub fn end(&mut self, now: MonoNs) {
        if now < self.end {
            self.end = now;
            self.grace = DurationNs(i64::MAX);
        }
    }

    /// Whether requests in flight have had their grace.
    #[must_use]
    pub fn grace_is_over(&self, now: MonoNs) -> bool {
        now >= self.end && now - self.end >= self.grace
    }

    /// Whether nothing more will be sent.
    #[must_use]
    pub fn is_done(&self, now: MonoNs) -> bool {
        let over = self.left == 0 || now >= self.end;
        match &self.pacing {
            Pacing::Open { .. } => over || self.next_due().is_none(),
            Pacing::Closed { .. } => over,
        }
    }

    /// Arrivals that were due before the end and not sent. Asked once, when all is over.
    #[must_use]
    pub fn unsent(&mut self) -> u64 {
        let mut unsent = 0;
        if self.end != FOREVER && matches!(self.pacing, Pacing::Open { .. }) {
            while self.next_due().is_some() {
                self.take();
                unsent += 1;
            }
        }
        unsent
    }
}

const FOREVER: MonoNs = MonoNs(u64::MAX);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shape;
    use common::plan::Load;

    fn limits(duration_ms: Option<i64>, requests: Option<u64>) -> Limits {
        Limits {
            duration: duration_ms.map(DurationNs::from_millis),
            grace: DurationNs::from_millis(100),
            concurrency: 2,
            requests,
        }
    }

    /// A thousand requests a second, evenly.
    fn open(limits: Limits) -> Schedule {
        let load = Load {
            shape: "constant".to_owned(),
            request_rate: Some(1000.0),
            concurrency: None,
            request_count: None,
            benchmark_duration_seconds: None,
            grace_period_seconds: 0.1,
        };
        let arrivals = (shape::by_name("constant").unwrap().arrivals)(&load, 0).unwrap();
        Schedule::open(Share::new(arrivals, 0, 1), at(0), limits)
    }

    const fn at(millis: u64) -> MonoNs {
        MonoNs(1_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn a_late_arrival_stays_due_when_it_was() {
        let mut schedule = open(limits(None, None));
        for millis in 0..5 {
            assert_eq!(schedule.due_by(at(100)), Some(at(millis)), "the schedule is not anchored anew");
            schedule.take();
        }
    }

    #[test]
    fn what_was_due_and_not_sent_is_counted() {
        let mut schedule = open(limits(Some(10), None));
        schedule.take();
        assert_eq!(schedule.due_by(at(10)), None, "nothing is sent from the end on");
        assert!(schedule.is_done(at(10)), "the duration is over");
        assert_eq!(schedule.unsent(), 9, "arrivals 1 to 9 of 10");
    }

    #[test]
    fn a_closed_loop_is_due_when_a_place_is_free() {
        let mut schedule = Schedule::closed(at(0), limits(None, Some(3)));
        for _ in 0..2 {
            assert_eq!(schedule.due_by(at(0)), Some(at(0)), "two places are free at the begin");
            schedule.take();
        }
        assert_eq!(schedule.due_by(at(50)), None, "no place is free");
        schedule.ended(at(7));
        assert_eq!(schedule.due_by(at(8)), Some(at(7)), "due since the place was free");
        schedule.take();
        assert!(schedule.is_done(at(8)), "three requests were asked for");
    }

    #[test]
    fn grace_counts_from_the_end() {
        let schedule = open(limits(Some(10), None));
        assert!(!schedule.grace_is_over(at(109)), "still waiting");
        assert!(schedule.grace_is_over(at(110)), "100 ms after the end");
    }

    #[test]
    fn a_drained_schedule_waits_for_what_is_in_flight() {
        let mut schedule = open(limits(None, None));
        schedule.end(at(5));
        assert!(schedule.is_done(at(5)), "the user wants no more");
        assert!(!schedule.grace_is_over(at(1_000_000)), "but what is in flight may end");
    }
}
