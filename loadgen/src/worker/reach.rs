//! HOT: servers that are not reached: how long a closed loop leaves them alone. Budget: docs/BUDGET.md, "sending on time".
//!
//! A rate is never slowed. In a closed loop the place of a request that reached no server stays empty: for 1 ms after the first
//! failure of its URL, twice as long after each further one, at most 10 ms, and one place after the other. So one worker
//! attempts a dead URL a hundred times a second, whatever its concurrency. With the first answer all places are free again.

use common::client_event::Outcome;
use common::clock::{DurationNs, MonoNs};

/// What is known of whether one URL is reached.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    /// Failed attempts in a row.
    failures: u32,
    /// When the last place that waits for it is free.
    free: MonoNs,
}

/// What is known of all targets.
pub(super) struct Reaches {
    targets: Vec<Reach>,
    /// How long the place of a request that is ending stays empty: its server was not reached.
    backoff: DurationNs,
    /// The same for the place of a tree of sessions, which the composer ends.
    pub(super) tree_backoff: DurationNs,
}

impl Reach {
    /// An attempt failed; returns when its place is free.
    #[cold]
    fn failed(&mut self, now: MonoNs) -> MonoNs {
        self.free = self.free.max(now) + pause(self.failures);
        self.failures = self.failures.saturating_add(1);
        self.free
    }
}

impl Reaches {
    /// So many targets, of which nothing is known.
    pub(super) fn new(targets: usize) -> Self {
        Self {
            targets: vec![Reach::default(); targets],
            backoff: DurationNs::ZERO,
            tree_backoff: DurationNs::ZERO,
        }
    }

    /// An attempt at a target failed: the place of its request, which is ending, is free later. Returns whether there is such a
    /// target.
    #[cold]
    #[inline(never)]
    pub(super) fn failed(&mut self, target: u16, now: MonoNs) -> bool {
        let reach = self.targets.get_mut(usize::from(target));
        reach.map(|reach| self.backoff = reach.failed(now) - now).is_some()
    }

    /// Whether a target that answers had not been reached.
    #[inline]
    pub(super) fn was_unreached(&self, target: u16) -> bool {
        self.targets.get(usize::from(target)).is_some_and(|reach| reach.failures > 0)
    }

    /// A target answers again. Returns whether all of them do.
    #[cold]
    #[inline(never)]
    pub(super) fn recovered(&mut self, target: u16) -> bool {
        if let Some(reach) = self.targets.get_mut(usize::from(target)) {
            *reach = Reach::default();
        }
        self.targets.iter().all(|reach| reach.failures == 0)
    }

    /// How long the place of the request that is ending stays empty.
    #[inline]
    pub(super) const fn take_backoff(&mut self) -> DurationNs {
        std::mem::replace(&mut self.backoff, DurationNs::ZERO)
    }
}

/// Whether a request that ended so has not reached a server that answers.
pub(super) const fn is_unreached(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::ConnectFailed
            | Outcome::TlsFailed
            | Outcome::ClosedEarly
            | Outcome::SendFailed
            | Outcome::Reset
    )
}

/// Whether the server of a request that ended so answers.
pub(super) const fn has_responded(outcome: Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Ok | Outcome::HttpStatus | Outcome::Redirect | Outcome::Truncated | Outcome::Malformed
    )
}

/// How long a place stays empty after so many failures of its URL before this one, all of them in a row.
const fn pause(failures: u32) -> DurationNs {
    let doublings = if failures > 4 { 4 } else { failures };
    let pause = DurationNs(BACKOFF_LEAST.0 << doublings);
    if pause.0 > BACKOFF_MOST.0 { BACKOFF_MOST } else { pause }
}

/// After the first failure of a URL, and after many of them.
const BACKOFF_LEAST: DurationNs = DurationNs::from_millis(1);
const BACKOFF_MOST: DurationNs = DurationNs::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_wait_longer_after_each_failure_and_one_after_the_other() {
        let mut reach = Reach::default();
        let begin = MonoNs(1_000_000_000);
        let free = (0..7).map(|_| (reach.failed(begin) - begin).0 / 1_000_000).collect::<Vec<_>>();
        assert_eq!(
            free,
            [1, 3, 7, 15, 25, 35, 45],
            "of seven places that failed at one moment, in milliseconds"
        );
        let later = begin + DurationNs::from_millis(500);
        assert_eq!(reach.failed(later) - later, BACKOFF_MOST, "no client waits any more");
    }

    #[test]
    fn a_thousand_requests_take_ten_seconds_and_no_longer() {
        let mut reach = Reach::default();
        let end = (0..1000).fold(MonoNs(0), |now, _| reach.failed(now));
        assert_eq!((end - MonoNs(0)).0 / 1_000_000, 15 + 996 * 10, "milliseconds, one request at a time");
    }
}
