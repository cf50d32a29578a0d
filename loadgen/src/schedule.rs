//! HOT: one worker's share of the plan: what is due, how many may be in flight, and when it is over. Budget:
//! docs/BUDGET.md, "due to sent".
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
    /// When the phase begins.
    pub begin: MonoNs,
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
    /// A schedule of arrivals.
    #[must_use]
    pub fn open(mut arrivals: Share, limits: Limits) -> Self {
        let next = arrivals.next().map(|due| limits.begin + due);
        Self::new(Pacing::Open { next, later: arrivals }, limits)
    }

    /// A schedule in which a request is due when another has ended.
    #[must_use]
    pub fn closed(limits: Limits) -> Self {
        let mut free_since = VecDeque::with_capacity(limits.concurrency as usize);
        free_since.resize(limits.concurrency as usize, limits.begin);
        Self::new(Pacing::Closed { free_since }, limits)
    }

    fn new(pacing: Pacing, limits: Limits) -> Self {
        let end = limits.duration.map_or(FOREVER, |duration| limits.begin + duration);
        Self {
            pacing,
            begin: limits.begin,
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

    /// Takes the next request that is due by `now`.
    #[inline]
    pub fn take_due(&mut self, now: MonoNs) -> Option<MonoNs> {
        let due = self.next_due().filter(|due| *due <= now)?;
        // A closed loop sends nothing after the end; an open loop still owes what was due before it.
        if now >= self.end && matches!(self.pacing, Pacing::Closed { .. }) {
            return None;
        }
        self.left -= 1;
        match &mut self.pacing {
            Pacing::Open { next, later } => *next = later.next().map(|due| self.begin + due),
            Pacing::Closed { free_since } => drop(free_since.pop_front()),
        }
        Some(due)
    }

    /// Puts back a request that was taken and could not be sent; it stays due when it was.
    #[cold]
    pub fn put_back(&mut self, due: MonoNs) {
        self.left += 1;
        match &mut self.pacing {
            Pacing::Open { next, later } => {
                let after = next.replace(due);
                later.put_back(after.map(|after| after - self.begin));
            }
            Pacing::Closed { free_since } => free_since.push_front(due),
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
    pub fn is_done(&self) -> bool {
        self.next_due().is_none()
    }

    /// Arrivals that were due before the end and not taken.
    #[must_use]
    pub fn unsent(&mut self) -> u64 {
        let mut unsent = 0;
        if self.end != FOREVER && matches!(self.pacing, Pacing::Open { .. }) {
            while self.take_due(self.end).is_some() {
                unsent += 1;
            }
        }
        unsent
    }
}

const FOREVER: MonoNs = MonoNs(u64::MAX);
