//! How many requests are in flight, and the part of a run between its first burst and its drain.

use super::{Part, Stay};
use crate::value::float_of;
use common::clock::RealNs;

/// The number of requests in flight over time.
pub(super) struct InFlight {
    steps: Vec<Step>,
    /// When the requests ended, sorted.
    ends: Vec<RealNs>,
    pub(super) last_start: RealNs,
}

/// From this time on, this many requests are in flight.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: RealNs,
    level: u64,
}

impl InFlight {
    /// Of requests sorted by start.
    pub(super) fn of(stays: &[Stay]) -> Self {
        let mut ends = stays.iter().map(|stay| stay.end.max(stay.start)).collect::<Vec<_>>();
        ends.sort_unstable();
        let last_start = stays.last().map(|stay| stay.start).unwrap_or_default();
        Self { steps: steps(stays, &ends), ends, last_start }
    }

    /// The requests that start when as many have ended as are usually in flight, and before most of those that are in flight
    /// when the last one starts.
    pub(super) fn core(&self, stays: &[Stay]) -> Part {
        let usual = self.usual(RealNs(0), self.last_start).max(1);
        let burst = usize::try_from(usual).ok().and_then(|usual| self.ends.get(usual - 1));
        let begin = burst.map_or(stays.len(), |over| stays.partition_point(|stay| stay.start < *over));
        let last = (0..stays.len()).filter(|place| stays[*place].end > self.last_start).collect::<Vec<_>>();
        let end = last.get(last.len() / FEW).copied().unwrap_or(stays.len());
        begin..end.max(begin)
    }

    /// The number in flight for at least half of an interval.
    pub(super) fn usual(&self, begin: RealNs, end: RealNs) -> u64 {
        let first = self.steps.partition_point(|step| step.at <= begin).saturating_sub(1);
        let inside = self.steps[first..].windows(2).take_while(|pair| pair[0].at < end);
        let length =
            |pair: &[Step]| u128::from(pair[1].at.min(end).0.saturating_sub(pair[0].at.max(begin).0));
        let mut lengths = inside.map(|pair| (pair[0].level, length(pair))).collect::<Vec<_>>();
        lengths.sort_unstable();
        let whole = lengths.iter().map(|(_, length)| length).sum::<u128>();
        let mut below = 0;
        let median = lengths.into_iter().find(|(_, length)| {
            below += length;
            below * 2 >= whole
        });
        median.map_or(0, |(level, _)| level)
    }

    /// How many other requests are in flight when each starts.
    pub(super) fn at_starts(&self, stays: &[Stay]) -> Vec<f64> {
        let mut ended = 0;
        let before = stays.iter().enumerate().map(|(started, stay)| {
            ended += self.ends[ended..].iter().take_while(|end| **end <= stay.start).count();
            // A request that ends as it starts has ended before it is counted as started.
            float_of(started.saturating_sub(ended))
        });
        before.collect()
    }
}

/// The changes of the number in flight.
fn steps(stays: &[Stay], ends: &[RealNs]) -> Vec<Step> {
    let mut steps = Vec::<Step>::with_capacity(stays.len() + ends.len());
    let (mut started, mut ended) = (0, 0);
    while let Some(end) = ends.get(ended) {
        let at = stays.get(started).map_or(*end, |stay| stay.start.min(*end));
        started += stays[started..].iter().take_while(|stay| stay.start <= at).count();
        ended += ends[ended..].iter().take_while(|end| **end <= at).count();
        steps.push(Step { at, level: (started - ended) as u64 });
    }
    steps
}

/// One in this many requests in flight may have started long before the others.
const FEW: usize = 10;
