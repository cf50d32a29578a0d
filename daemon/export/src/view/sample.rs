//! Which requests of a run a reader can look at one by one: all of them, or the slowest, the first that failed, and others evenly over
//! the run.

use super::pictures::Stages;
use metric::Case;
use std::collections::BTreeSet;

/// Some requests of a run.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The number of measured requests.
    pub(crate) of: u64,
    /// Their events.
    pub(crate) events: u64,
    /// When the first of them was due, in nanoseconds of the monotonic clock.
    pub(crate) begin: u64,
    /// The numbers of those that are shown.
    pub(crate) ids: BTreeSet<u64>,
}

/// Measured requests, of which some are shown.
#[derive(Default)]
pub(super) struct Sampling {
    begin: Option<u64>,
    events: u64,
    all: Vec<(Order, u64)>,
    failed: Vec<u64>,
}

/// The slowest first.
type Order = (std::cmp::Reverse<u64>, u64);

impl Sampling {
    /// Takes a measured request.
    pub(super) fn take(&mut self, case: &Case<'_>) {
        let stages = Stages::of(case.request);
        self.events += u64::from(case.request.events);
        self.put(case.request.request_id.0, stages.due, stages.order(), case.is_valid());
    }

    fn put(&mut self, id: u64, due: u64, order: Order, is_valid: bool) {
        self.begin = Some(self.begin.map_or(due, |begin| begin.min(due)));
        self.all.push((order, id));
        if !is_valid && self.failed.len() < FAILED_MAX {
            self.failed.push(id);
        }
    }

    /// Those that are shown.
    pub(super) fn finish(self) -> Sample {
        let Self { begin, events, mut all, failed } = self;
        let of = u64::try_from(all.len()).unwrap_or(u64::MAX);
        let apart = match all.len() {
            0..=REQUESTS_MAX => 1,
            many => many.div_ceil(REQUESTS_MAX - SLOWEST_MAX - FAILED_MAX),
        };
        let mut ids = all.iter().step_by(apart).map(|(_, id)| *id).collect::<BTreeSet<_>>();
        if apart > 1 {
            all.select_nth_unstable(SLOWEST_MAX);
            ids.extend(all.iter().take(SLOWEST_MAX).map(|(_, id)| *id).chain(failed));
        }
        Sample { of, events, begin: begin.unwrap_or(0), ids }
    }
}

/// A run that has more requests is sampled.
const REQUESTS_MAX: usize = 2000;
const SLOWEST_MAX: usize = 400;
const FAILED_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Reverse;

    /// The sample of so many requests: later ones take longer, and every third one fails.
    fn sample(count: u64) -> Sample {
        let mut sampling = Sampling::default();
        (0..count).for_each(|id| sampling.put(id, 1000 + id, (Reverse(id), id), id % 3 != 0));
        sampling.finish()
    }

    #[test]
    fn a_short_run_is_shown_whole() {
        let whole = sample(2000);
        assert_eq!((whole.of, whole.begin), (2000, 1000));
        assert!(whole.ids.into_iter().eq(0..2000), "every request");
        assert!(sample(0).ids.is_empty(), "nothing");
    }

    #[test]
    fn a_long_run_is_sampled() {
        let Sample { of, ids, .. } = sample(1_000_000);
        assert_eq!(of, 1_000_000);
        assert!((1800..=2000).contains(&ids.len()), "{}", ids.len());
        assert!((999_600..1_000_000).all(|id| ids.contains(&id)), "the slowest");
        assert!((0..600).step_by(3).all(|id| ids.contains(&id)), "the first that failed");
        let spread = ids.range(600..999_600).collect::<Vec<_>>();
        assert!(spread.windows(2).all(|pair| pair[1] - pair[0] <= 715), "others evenly");
    }
}
