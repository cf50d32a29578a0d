//! The rule that the search replaces, to compare with: from the time at which 90 % of the usual number of requests were in
//! flight and as many had ended, to the last time at which 90 % were.

use common::clock::RealNs;
use metric::steady::Stay;

/// The interval by that rule.
pub(crate) fn find(stays: &[Stay]) -> Option<(RealNs, RealNs)> {
    let mut starts = stays.iter().map(|stay| stay.start).collect::<Vec<_>>();
    let mut ends = stays.iter().map(|stay| stay.end).collect::<Vec<_>>();
    starts.sort_unstable();
    ends.sort_unstable();
    let steps = steps(&starts, &ends);
    let enough = (usual(&steps)? * 9).div_ceil(10).max(1);
    let (reached, _) = steps.iter().find(|(_, level)| *level >= enough)?;
    let begin = *ends.get(enough - 1)?.max(reached);
    let last = steps.iter().rposition(|(_, level)| *level >= enough)?;
    let (end, _) = *steps.get(last + 1)?;
    (begin < end).then_some((begin, end))
}

fn steps(starts: &[RealNs], ends: &[RealNs]) -> Vec<(RealNs, usize)> {
    let mut steps = Vec::new();
    let (mut started, mut ended) = (0, 0);
    while let Some(end) = ends.get(ended) {
        let at = starts.get(started).map_or(*end, |start| *start.min(end));
        started += starts[started..].iter().take_while(|start| **start <= at).count();
        ended += ends[ended..].iter().take_while(|end| **end <= at).count();
        steps.push((at, started - ended));
    }
    steps
}

/// The time-weighted median number in flight.
fn usual(steps: &[(RealNs, usize)]) -> Option<usize> {
    let mut lengths = steps.windows(2).map(|pair| (pair[0].1, pair[1].0.0 - pair[0].0.0)).collect::<Vec<_>>();
    lengths.sort_unstable();
    let whole = lengths.iter().map(|(_, length)| length).sum::<u64>();
    let mut below = 0;
    let median = lengths.into_iter().find(|(_, length)| {
        below += length;
        below * 2 >= whole
    });
    median.map(|(level, _)| level).filter(|level| *level > 0)
}
