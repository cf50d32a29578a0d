//! How many requests came and went in equal parts of the measured time: by that is it known whether a server keeps up.

use crate::analysis::Row;
use crate::value::float;
use common::clock::RealNs;

/// A part of the measured time. All parts are equally long.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flow {
    /// Requests that started in it.
    pub arrivals: u64,
    /// Requests that ended in it, failed ones too.
    pub completions: u64,
    /// The mean time in flight of those that ended in it, in seconds; `None` if none did.
    pub response_seconds: Option<f64>,
}

/// The parts between the ramp, the first sixth of the time in which requests start, and the drain, which begins with the last start.
/// Empty if that takes no time.
pub(crate) fn flow(rows: &[Row], places: &[u32]) -> Vec<Flow> {
    let of_places = || places.iter().map(|place| &rows[*place as usize]);
    let starts = || of_places().map(|row| row.start.0);
    let (Some(first), Some(last)) = (starts().min(), starts().max()) else { return Vec::new() };
    let begin = first + (last - first) / RAMP;
    let length = (last - begin) / PARTS as u64;
    if length == 0 {
        return Vec::new();
    }
    let part = |at: RealNs| {
        let place = usize::try_from(at.0.checked_sub(begin)? / length).ok()?;
        (place < PARTS).then_some(place)
    };
    let mut parts = vec![(Flow::default(), 0.0); PARTS];
    for row in of_places() {
        if let Some((flow, _)) = part(row.start).and_then(|place| parts.get_mut(place)) {
            flow.arrivals += 1;
        }
        if let Some((flow, seconds)) = part(row.end).and_then(|place| parts.get_mut(place)) {
            flow.completions += 1;
            *seconds += float(row.end.0.saturating_sub(row.start.0)) / 1e9;
        }
    }
    let with_mean = |(flow, seconds): (Flow, f64)| Flow {
        response_seconds: (flow.completions > 0).then(|| seconds / float(flow.completions)),
        ..flow
    };
    parts.into_iter().map(with_mean).collect()
}

/// The ramp is this part of the time.
const RAMP: u64 = 6;
/// Of as many parts is known how often a healthy server is taken for one that falls behind (docs/SEARCH.md).
const PARTS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::RowScope;

    fn row(start: u64, end: u64) -> Row {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        Row { due: RealNs(start), start: RealNs(start), end: RealNs(end), scope }
    }

    #[test]
    fn what_came_and_went_is_counted() {
        // One starts every second for 72 s, and takes 2 s, or in the second half 3.
        let second = 1_000_000_000;
        let rows = (0..73).map(|at| row(at * second, (at + 2 + at / 36) * second)).collect::<Vec<_>>();
        let places = (0..73).collect::<Vec<_>>();
        let parts = flow(&rows, &places);
        assert_eq!(parts.len(), PARTS, "{parts:?}");
        assert_eq!(
            parts[0],
            Flow { arrivals: 5, completions: 5, response_seconds: Some(2.0) },
            "from 12 s to 17 s, without the ramp"
        );
        assert_eq!(parts.iter().map(|part| part.arrivals).sum::<u64>(), 60, "the last one starts at the end");
        assert_eq!(parts.iter().map(|part| part.completions).sum::<u64>(), 59, "one second was lost");
        assert_eq!(parts[PARTS - 1].response_seconds, Some(3.0), "{parts:?}");
        assert_eq!(flow(&rows, &[3]), [], "one request has no flow");
        assert_eq!(flow(&rows, &[]), [], "none has");
    }
}
