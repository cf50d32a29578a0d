//! Finds the steady state of a run: without ramp-up and drain.
//!
//! ```text
//! in flight   ┌──────────────────────┐ usual
//!           ┌─┘                      └─┐
//!         ┌─┘                          └──┐
//!         |ramp-up  |<---- steady --->|drain|
//! ```
//!
//! The usual number of requests in flight is the time-weighted median. The steady state starts when 90 % of it are in flight
//! and as many requests have ended, so that the first burst is over, and ends at the last time at which 90 % of it are in
//! flight. A request belongs to it if it started in it, as with time slices.

use crate::analysis::Row;
use common::clock::RealNs;

/// The interval of the steady state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Steady {
    pub(crate) begin: RealNs,
    pub(crate) end: RealNs,
    /// The usual number of requests in flight.
    pub(crate) in_flight: u64,
}

/// The steady state of these requests; `None` when the run drained before its ramp-up was over.
pub(crate) fn find(rows: &[Row], places: &[u32]) -> Option<Steady> {
    let row = |place: &u32| &rows[*place as usize];
    let mut starts = places.iter().map(|place| row(place).start.0).collect::<Vec<_>>();
    let mut ends = places.iter().map(|place| row(place).end.max(row(place).start).0).collect::<Vec<_>>();
    starts.sort_unstable();
    ends.sort_unstable();
    let steps = steps(&starts, &ends);
    let in_flight = usual(&steps)?;
    let enough = (in_flight * 9).div_ceil(10).max(1);
    let reached = steps.iter().find(|step| step.level >= enough)?.at;
    let generation = ends.get(usize::try_from(enough).ok()?.checked_sub(1)?)?;
    let begin = reached.max(*generation);
    let last = steps.iter().rposition(|step| step.level >= enough)?;
    let end = steps.get(last + 1)?.at;
    (begin < end).then_some(Steady { begin: RealNs(begin), end: RealNs(end), in_flight })
}

/// From this time on, this many requests are in flight.
#[derive(Clone, Copy, Debug)]
struct Step {
    at: u64,
    level: u64,
}

/// The changes of the number in flight; both lists are sorted.
fn steps(starts: &[u64], ends: &[u64]) -> Vec<Step> {
    let mut steps = Vec::<Step>::with_capacity(starts.len() + ends.len());
    let (mut started, mut ended) = (0, 0);
    while let Some(end) = ends.get(ended) {
        let at = starts.get(started).map_or(*end, |start| *start.min(end));
        started += starts[started..].iter().take_while(|start| **start <= at).count();
        ended += ends[ended..].iter().take_while(|end| **end <= at).count();
        steps.push(Step { at, level: (started - ended) as u64 });
    }
    steps
}

/// The number in flight for at least half of the time.
fn usual(steps: &[Step]) -> Option<u64> {
    let mut lengths =
        steps.windows(2).map(|pair| (pair[0].level, u128::from(pair[1].at - pair[0].at))).collect::<Vec<_>>();
    lengths.sort_unstable();
    let whole = lengths.iter().map(|(_, length)| length).sum::<u128>();
    let mut below = 0;
    let median = lengths.into_iter().find(|(_, length)| {
        below += length;
        below * 2 >= whole
    });
    median.map(|(level, _)| level).filter(|level| *level > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::RowScope;

    fn check(requests: &[(u64, u64)], expected: Option<(u64, u64, u64)>) {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let row = |(start, end): &(u64, u64)| Row {
            due: RealNs(*start),
            start: RealNs(*start),
            end: RealNs(*end),
            scope,
        };
        let rows = requests.iter().map(row).collect::<Vec<_>>();
        let places = (0..u32::try_from(rows.len()).unwrap()).collect::<Vec<_>>();
        let found = find(&rows, &places).map(|steady| (steady.begin.0, steady.end.0, steady.in_flight));
        assert_eq!(found, expected, "{requests:?}");
    }

    #[test]
    fn a_closed_loop_is_steady_between_its_first_burst_and_its_drain() {
        let lane = |first: u64| (0..5).map(move |turn| (first + turn * 10, first + turn * 10 + 10));
        let requests = [0, 1].into_iter().flat_map(lane).collect::<Vec<_>>();
        check(&requests, Some((11, 50, 2)));
    }

    #[test]
    fn a_run_that_never_settles_has_no_steady_state() {
        check(&[], None);
        check(&[(5, 5)], None);
        check(&[(0, 10), (0, 10)], None);
        check(&[(7, 3), (u64::MAX, 0)], None);
    }
}
