//! HOT: when requests in flight are given up: at their timeout, or on purpose. Budget: docs/BUDGET.md, "sending on time".

use common::client_event::{ON_PURPOSE, Outcome};
use common::clock::{DurationNs, MonoNs};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Moments at which requests are given up. A request that ends before its moment is not taken out: the event loop looks whether
/// its connection still carries it.
pub(super) struct Deadlines {
    timeout: DurationNs,
    /// Timeouts in the order in which requests were submitted, which is the order of their deadlines.
    timeouts: VecDeque<(MonoNs, u32, u64)>,
    /// When requests are cancelled on purpose.
    cancels: BinaryHeap<Reverse<(MonoNs, u32, u64)>>,
}

/// A request whose moment has come.
pub(super) struct Expired {
    /// Where it was sent.
    pub(super) place: u32,
    /// Its number.
    pub(super) request: u64,
    /// How it ends, and with which detail.
    pub(super) outcome: Outcome,
    pub(super) errno: u32,
}

impl Deadlines {
    /// None, with room for so many requests.
    pub(super) fn new(timeout: DurationNs, requests: usize) -> Self {
        Self { timeout, timeouts: VecDeque::with_capacity(requests), cancels: BinaryHeap::new() }
    }

    /// A request was submitted, or waits for its connection from now on.
    #[inline]
    pub(super) fn start(&mut self, now: MonoNs, place: u32, request: u64) {
        self.timeouts.push_back((now + self.timeout, place, request));
    }

    /// A request goes on elsewhere: its deadline stays its own, which is earlier than those of requests that were sent since.
    #[cold]
    #[inline(never)]
    pub(super) fn resume(&mut self, submitted: MonoNs, place: u32, request: u64) {
        let deadline = (submitted + self.timeout, place, request);
        let at = self.timeouts.partition_point(|other| other.0 <= deadline.0);
        self.timeouts.insert(at, deadline);
    }

    /// A request is cancelled on purpose.
    pub(super) fn cancel_at(&mut self, moment: MonoNs, place: u32, request: u64) {
        self.cancels.push(Reverse((moment, place, request)));
    }

    /// The next request whose moment has come: timeouts first.
    #[inline]
    pub(super) fn pop_expired(&mut self, now: MonoNs) -> Option<Expired> {
        if let Some((deadline, place, request)) = self.timeouts.front().copied()
            && deadline <= now
        {
            self.timeouts.pop_front();
            return Some(Expired { place, request, outcome: Outcome::Timeout, errno: 0 });
        }
        if let Some(Reverse((moment, place, request))) = self.cancels.peek().copied()
            && moment <= now
        {
            self.cancels.pop();
            return Some(Expired { place, request, outcome: Outcome::Cancelled, errno: ON_PURPOSE });
        }
        None
    }

    /// The earliest moment, if there is one.
    #[inline]
    pub(super) fn next(&self) -> Option<MonoNs> {
        let timeout = self.timeouts.front().map(|(deadline, ..)| *deadline);
        let cancel = self.cancels.peek().map(|cancel| cancel.0.0);
        timeout.into_iter().chain(cancel).min()
    }

    /// Drops the first timeouts as long as they are those of requests that have ended.
    #[inline]
    pub(super) fn drop_ended(&mut self, is_carried: impl Fn(u32, u64) -> bool) {
        while let Some((_, place, request)) = self.timeouts.front()
            && !is_carried(*place, *request)
        {
            self.timeouts.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(deadlines: &mut Deadlines, now: u64) -> Vec<(u64, Outcome)> {
        std::iter::from_fn(|| deadlines.pop_expired(MonoNs(now)))
            .map(|one| (one.request, one.outcome))
            .collect()
    }

    #[test]
    fn requests_expire_in_order_and_cancelled_ones_after_them() {
        let mut deadlines = Deadlines::new(DurationNs(100), 4);
        deadlines.start(MonoNs(10), 0, 1);
        deadlines.start(MonoNs(30), 1, 2);
        deadlines.resume(MonoNs(20), 2, 3);
        deadlines.cancel_at(MonoNs(105), 1, 2);
        assert_eq!(deadlines.next(), Some(MonoNs(105)), "the earliest of both kinds");
        assert_eq!(expired(&mut deadlines, 104), [], "none yet");
        assert_eq!(
            expired(&mut deadlines, 125),
            [(1, Outcome::Timeout), (3, Outcome::Timeout), (2, Outcome::Cancelled)],
            "by deadline, then those cancelled on purpose"
        );
        deadlines.drop_ended(|_, request| request != 2);
        assert_eq!(deadlines.next(), None, "the last one has ended");
    }
}
