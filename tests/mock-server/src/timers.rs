//! Remembers which connection has to write next and when: a binary heap of due times.
//!
//! A connection has at most one timer, so the heap is never larger than the number of connections that were
//! opened since its timers ran out; a timer of a connection that has gone is recognized by its stale token.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::clock::MonoNs;

/// Names one connection for as long as it lives: a place in the connection table and how often it was reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    /// The place in the connection table.
    pub(crate) slot: u32,
    /// How many connections held the place before.
    pub(crate) generation: u32,
}

/// The timers that are set.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(MonoNs, Token)>>,
}

impl Timers {
    /// Sets a timer.
    pub(crate) fn set(&mut self, due: MonoNs, token: Token) {
        self.heap.push(Reverse((due, token)));
    }

    /// When the next timer is due, if any is set.
    pub(crate) fn next_due(&self) -> Option<MonoNs> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// Removes the earliest timer if it is due at `now`.
    pub(crate) fn pop_due(&mut self, now: MonoNs) -> Option<Token> {
        if self.next_due()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, token))| token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sets a timer per due time, numbered in order, and compares the order in which they fire at `now`.
    #[track_caller]
    fn check(due: &[u64], now: u64, fired: &[u32]) {
        let mut timers = Timers::default();
        for (slot, due) in (0..).zip(due) {
            timers.set(MonoNs(*due), Token { slot, generation: 0 });
        }
        let order: Vec<u32> =
            std::iter::from_fn(|| timers.pop_due(MonoNs(now))).map(|token| token.slot).collect();
        assert_eq!(order, fired, "timers of {due:?} that fire at {now}");
    }

    #[test]
    fn timers_fire_in_due_order() {
        check(&[], 10, &[]);
        check(&[30, 10, 20], 100, &[1, 2, 0]);
    }

    #[test]
    fn a_timer_fires_at_its_due_time_and_not_before() {
        check(&[10, 11, 9], 10, &[2, 0]);
        check(&[11], 10, &[]);
    }

    #[test]
    fn equal_due_times_fire_in_slot_order() {
        check(&[5, 5, 5], 5, &[0, 1, 2]);
    }
}
