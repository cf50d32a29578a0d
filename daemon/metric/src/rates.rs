//! How sure rates and shares of requests are: from their parts, in the order in which requests ended.
//!
//! ```text
//! ended      |--o---o-o------o---o--|     each request: tokens, and the time since the one before it ended
//! rate       sum of tokens / sum of times, a ratio whose error is that of the parts' deviations from it
//! ```
//!
//! The reported rate divides by the whole window, which also has the time before the first and after the last request. The
//! interval is that of the ratio, scaled to the reported rate.

use crate::analysis::Row;
use crate::stats::{Stat, Stats};
use crate::value::{Value, float, float_of};
use statistics::{Batches, FEWEST_FOR_MEAN, Interval, Method, Needs, Reason, cycles, wilson};

/// The parts of a request's contribution to the rates; `NaN` where it has none.
pub(crate) type Parts = [f64; TAGS.len()];

/// The rates, in the order of [`Parts`].
pub(crate) const TAGS: [&str; 5] = [
    "request_throughput",
    "output_token_throughput",
    "input_token_throughput",
    "total_token_throughput",
    "goodput",
];

/// How sure a number is, whose interval is in multiples of it.
pub(crate) type Relative = (&'static str, Result<Interval, Needs>);

/// The intervals of the rates of these requests, in multiples of each rate.
pub(crate) fn intervals(rows: &[Row], places: &[u32], parts: impl Fn(&Row, usize) -> Parts) -> Vec<Relative> {
    let row = |place: &u32| &rows[*place as usize];
    let mut ended = places.iter().copied().filter(|place| row(place).scope.valid).collect::<Vec<_>>();
    ended.sort_by_key(|place| row(place).end);
    let numbers = |row: u32| {
        parts(&rows[row as usize], row as usize).map(|part| if part.is_nan() { 0.0 } else { part })
    };
    let since = |pair: &[u32]| float(row(&pair[1]).end.0 - row(&pair[0]).end.0);
    let batches = cycles(ended.windows(2).map(since), ended.iter().skip(1).map(|row| numbers(*row)));
    TAGS.into_iter().zip(batches.each_ref().map(relative)).collect()
}

/// The interval of a ratio in multiples of it.
pub(crate) fn relative(batches: &Batches<0>) -> Result<Interval, Needs> {
    if batches.requests() == 0 {
        return Err(Needs { reason: Reason::TooFew, more_requests: Some(FEWEST_FOR_MEAN) });
    }
    let estimate = batches.assess_rate().mean(Method::Ratio, 0.0);
    let interval = estimate.interval?;
    let scaled =
        Interval { low: interval.low / estimate.value, high: interval.high / estimate.value, ..interval };
    if scaled.high.is_finite() { Ok(scaled) } else { Err(Needs::of(Reason::TooFew)) }
}

/// The interval of one over a number, from that of the number, both in multiples.
pub(crate) fn inverse(relative: Result<Interval, Needs>) -> Result<Interval, Needs> {
    let interval = relative?;
    if interval.low <= 0.0 {
        return Err(Needs::of(Reason::TooFew));
    }
    Ok(Interval { low: 1.0 / interval.high, high: 1.0 / interval.low, ..interval })
}

/// The interval of the share of failed requests, in percent.
pub(crate) fn failures(rows: &[Row], places: &[u32]) -> Option<Result<Interval, Needs>> {
    let failed = |place: &u32| if rows[*place as usize].scope.valid { 0.0 } else { 1.0 };
    let mut batches = Batches::<0>::new(places.len(), []);
    places.iter().for_each(|place| batches.value(failed(place)));
    let share = places.iter().map(failed).sum::<f64>() / float_of(places.len());
    if !share.is_finite() {
        return None;
    }
    // Failures come in bursts: a burst is worth little more than one failure.
    let effective = batches.assess(share * (1.0 - share)).effective();
    let (low, high) = wilson(share, effective, 0.05);
    Some(Ok(Interval::of_share(low * 100.0, high * 100.0, effective)))
}

/// Gives a statistic the interval that is a multiple of its value.
pub(crate) fn apply(stats: &mut Stats, relative: Result<Interval, Needs>) {
    if let Some(value) = stats.get(Stat::Avg).map(Value::get) {
        stats.set_interval(relative.map(|interval| Interval {
            low: interval.low * value,
            high: interval.high * value,
            ..interval
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::RowScope;
    use common::clock::RealNs;

    fn row(end: u64, valid: bool) -> Row {
        let scope = RowScope { valid, profiling: true, phase: 0 };
        Row { due: RealNs(0), start: RealNs(0), end: RealNs(end), scope }
    }

    #[test]
    fn regular_requests_have_a_sure_rate() {
        let rows = (1..=400).map(|at| row(at * 1000 + at % 7, true)).collect::<Vec<_>>();
        let places = (0..400).collect::<Vec<_>>();
        let tokens = |_: &Row, place: usize| [1.0, float_of(place % 5 * 20), f64::NAN, 3.0, 1.0];
        let found = intervals(&rows, &places, tokens);
        let width = |place: usize| {
            let interval = found[place].1.unwrap();
            assert!(interval.low < 1.0 && interval.high > 1.0, "{interval:?}");
            interval.high - interval.low
        };
        assert!(width(0) < 0.01 && width(1) > width(0), "regular ends, less regular tokens: {found:?}");
        assert!(found[2].1.is_err(), "no input is known");
        assert!(intervals(&rows, &places[..1], tokens)[0].1.is_err(), "one request has no rate");
    }

    #[test]
    fn bursts_of_failures_are_worth_less() {
        let of = |is_valid: fn(u32) -> bool| {
            let rows = (0..1000).map(|at| row(u64::from(at), is_valid(at))).collect::<Vec<_>>();
            failures(&rows, &(0..1000).collect::<Vec<_>>()).unwrap().unwrap()
        };
        let (spread, burst) = (of(|at| at % 10 > 0), of(|at| at / 10 % 10 > 0));
        assert!(spread.low < 10.0 && spread.high > 10.0 && spread.effective > 990.0, "{spread:?}");
        assert!(burst.high - burst.low > 1.5 * (spread.high - spread.low), "{burst:?}");
        assert!(of(|_| true).high < 0.5, "no failure of a thousand");
    }
}
