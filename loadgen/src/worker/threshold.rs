//! HOT: how many requests of all workers may fail. Budget: docs/BUDGET.md, "sending on time".

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    pub(super) fn is_crossed_by(&self, failed: bool) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
