//! Whether a server falls behind the rate at which requests arrive.
//!
//! ```text
//! arrivals − completions of each slice ──▶ growth = their sum ÷ root of the sum of their squares
//!                                             healthy server: the next slice catches up with what is behind, and the growth is
//!                                             about 0, with a deviation of 1 ÷ √slices
//!                                             server that falls behind: the sum grows with every slice
//! ```
//!
//! A line through the number of requests in flight would not tell the two apart: at the very capacity it grows like the square
//! root of time. The growth compares it with its own steps, so that heavy tails, which make big steps, make no alarm.

use super::side::float;

/// A part of a measured window. All parts of a window are equally long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slice {
    /// Requests that arrived.
    pub arrivals: u64,
    /// Requests that were completed.
    pub completions: u64,
    /// The mean time that the requests completed in it took, in seconds; none if none was.
    pub response: Option<f64>,
}

/// How a server kept up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backlog {
    /// The sum of arrivals less completions, divided by the root of the sum of its squares over slices.
    pub growth: f64,
    /// Requests that arrived and were not completed, as a share of those that arrived.
    pub deficit: f64,
    /// By how much more pairs of slices the later one has the longer response, as a share of all pairs: −1 to 1.
    pub trend: f64,
    /// Whether the server falls behind: `growth` is at least 1 and `trend` is above 0.
    pub is_growing: bool,
}

/// How a server kept up in a window of equally long slices, without ramp and drain.
///
/// None with fewer than 8 slices, or without an arrival.
#[must_use]
pub fn backlog(slices: &[Slice]) -> Option<Backlog> {
    let arrivals = slices.iter().map(|slice| slice.arrivals).sum::<u64>();
    if slices.len() < SLICES_MIN || arrivals == 0 {
        return None;
    }
    let number = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    let steps =
        slices.iter().map(|slice| number(slice.arrivals) - number(slice.completions)).collect::<Vec<_>>();
    let behind = steps.iter().sum::<f64>();
    let squares = steps.iter().map(|step| step * step).sum::<f64>();
    let growth = if squares > 0.0 { behind / squares.sqrt() } else { 0.0 };
    let trend = trend(slices);
    let is_growing = growth >= GROWTH && trend > 0.0;
    Some(Backlog { growth, deficit: behind / number(arrivals), trend, is_growing })
}

/// Kendall's rank correlation of time and response.
fn trend(slices: &[Slice]) -> f64 {
    let responses = slices.iter().filter_map(|slice| slice.response).collect::<Vec<_>>();
    let signs = responses.iter().enumerate().flat_map(|(place, earlier)| {
        responses[place + 1..].iter().map(move |later| match later.total_cmp(earlier) {
            std::cmp::Ordering::Less => -1.0,
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => 1.0,
        })
    });
    let pairs = float(responses.len()) * (float(responses.len()) - 1.0) / 2.0;
    if pairs > 0.0 { signs.sum::<f64>() / pairs } else { 0.0 }
}

const SLICES_MIN: usize = 8;
/// A healthy server exceeds it by chance in less than 1 of 1,000 windows of 12 slices.
const GROWTH: f64 = 1.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(counts: &[(u64, u64)], responses: &[f64], expected: Option<bool>) {
        let slices = counts.iter().zip(responses).map(|((arrivals, completions), response)| Slice {
            arrivals: *arrivals,
            completions: *completions,
            response: Some(*response),
        });
        let slices = slices.collect::<Vec<_>>();
        assert_eq!(backlog(&slices).map(|backlog| backlog.is_growing), expected, "{:?}", backlog(&slices));
    }

    #[test]
    fn what_a_server_catches_up_with_is_no_backlog() {
        let rising = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let level = [1.0; 8];
        check(&[(105, 100); 8], &rising, Some(true));
        check(&[(105, 100); 8], &level, Some(false));
        check(&[(105, 100), (100, 105)].repeat(4), &rising, Some(false));
        check(&[(100, 100); 8], &rising, Some(false));
        check(&[(105, 100); 7], &rising, None);
        check(&[(0, 0); 8], &rising, None);
    }
}
