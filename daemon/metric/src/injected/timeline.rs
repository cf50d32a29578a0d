//! Time-weighted metrics: concurrency, throughput and tokens in flight, as step functions over the run's time.
//!
//! ```text
//!            prefill          decode
//! start ├──────────────┤├───────────────┤ end     one request: +1 at start, -1 at end, and so on for each curve;
//!                 first token                     the value between two points in time is weighted by that interval
//! ```
//!
//! `effective_*` uses the whole window, `active_*` only the time in which a request is in the phase. Decoding is distributed
//! over the gaps between events while those are few enough to store, else evenly, as AIPerf does without gaps.

use crate::metric::{Curve, Flags, Group, Injected, Metric, Unit};
use crate::stats::{BUCKET_BITS, FEW, Stat, Stats, bucket, ordered};
use crate::value::float_of;

macro_rules! curves {
    ($($name:ident $tag:literal $header:literal $unit:ident $how:ident $group:ident $curve:ident $text:literal;)*) => {$(
        #[doc = $header]
        pub(crate) const $name: Metric = Metric::injected($tag, $header, Injected::$how(Curve::$curve))
            .unit(Unit::$unit)
            .group(Group::$group)
            .flags(Flags::NONE)
            .text($text);
    )*};
}

curves! {
    CONCURRENCY "effective_concurrency" "Effective Concurrency" Requests TimeWeighted Effective Concurrency
        "Requests in flight: +1 at submitted, -1 at ended, including failed ones.";
    DECODE_THROUGHPUT "effective_decode_throughput" "Effective Decode Throughput" TokensPerSecond TimeWeighted Effective
        DecodeThroughput "output_sequence_length - 1 spread from first token to end, over the gaps between events.";
    PREFILL_THROUGHPUT "effective_prefill_throughput" "Effective Prefill Throughput" TokensPerSecond TimeWeighted Effective
        PrefillThroughput "input_sequence_length spread from submitted to first token.";
    DECODE_CONCURRENCY "effective_decode_concurrency" "Effective Decode Concurrency" Requests TimeWeighted Effective
        DecodeConcurrency "Requests between first token and end.";
    PREFILL_CONCURRENCY "effective_prefill_concurrency" "Effective Prefill Concurrency" Requests TimeWeighted Effective
        PrefillConcurrency "Requests between submitted and first token.";
    TOTAL_THROUGHPUT "effective_total_throughput" "Effective Total Throughput" TokensPerSecond TimeWeighted Effective
        TotalThroughput "Prefill throughput plus decode throughput spread evenly.";
    DECODE_PER_USER "effective_decode_throughput_per_user" "Effective Decode Throughput Per User"
        TokensPerSecondPerUser TimeWeighted Effective DecodeThroughputPerUser "Decode throughput / decode concurrency.";
    PREFILL_PER_USER "effective_prefill_throughput_per_user" "Effective Prefill Throughput Per User"
        TokensPerSecondPerUser TimeWeighted Effective PrefillThroughputPerUser "Prefill throughput / prefill concurrency.";
    TOKENS_IN_FLIGHT "tokens_in_flight" "Tokens In Flight" Tokens TimeWeighted Effective TokensInFlight
        "Input tokens from submitted on and output tokens as they arrive, until the request's end.";
    ACTIVE_DECODE "active_decode_throughput" "Active Decode Throughput" TokensPerSecond ActiveTimeWeighted Active
        DecodeThroughput "Decode throughput while a request decodes.";
    ACTIVE_PREFILL "active_prefill_throughput" "Active Prefill Throughput" TokensPerSecond ActiveTimeWeighted Active
        PrefillThroughput "Prefill throughput while a request prefills.";
    ACTIVE_DECODE_PER_USER "active_decode_throughput_per_user" "Active Decode Throughput Per User"
        TokensPerSecondPerUser ActiveTimeWeighted Active DecodeThroughputPerUser
        "Decode throughput per user while a request decodes.";
    ACTIVE_PREFILL_PER_USER "active_prefill_throughput_per_user" "Active Prefill Throughput Per User"
        TokensPerSecondPerUser ActiveTimeWeighted Active PrefillThroughputPerUser
        "Prefill throughput per user while a request prefills.";
    ACTIVE_TOTAL "active_total_throughput" "Active Total Throughput" TokensPerSecond ActiveTimeWeighted Active
        TotalThroughput "Total throughput while a request is in flight.";
}

/// The fields of a request that the timeline uses: dates in nanoseconds and token counts, NaN if missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight<'a> {
    pub(crate) start: f64,
    pub(crate) first_token: f64,
    pub(crate) end: f64,
    pub(crate) input: f64,
    pub(crate) output: f64,
    /// Nanoseconds between its events with content.
    pub(crate) gaps: &'a [f64],
}

/// The results for one window.
#[derive(Debug)]
pub(crate) struct TimelineStats {
    results: Vec<(Injected, Stats)>,
}

impl TimelineStats {
    pub(crate) fn get(&self, injected: Injected) -> Option<&Stats> {
        self.results.iter().find(|(of, _)| *of == injected).map(|(_, stats)| stats)
    }
}

/// Computes the statistics of every window `(start, end)` over the requests: decoding in one thread, the rest in another.
pub(crate) fn timeline_stats(flights: &[Flight<'_>], windows: &[(f64, f64)]) -> Vec<TimelineStats> {
    let curves = Curves { timeline: Timeline::new(flights), windows };
    let taken = std::thread::scope(|scope| {
        let decode = scope.spawn(|| curves.decode());
        let others = [curves.prefill(), curves.all()].concat();
        [decode.join().expect("the timeline does not panic"), others].concat()
    });
    let of_window = |window: usize| {
        let results = taken.iter().map(|(injected, stats)| (*injected, stats[window].clone()));
        TimelineStats { results: results.collect() }
    };
    (0..windows.len()).map(of_window).collect()
}

/// The statistics of a curve in each window.
type Taken = (Injected, Vec<Stats>);

/// Curves over a timeline, whose statistics are computed in windows.
struct Curves<'a> {
    timeline: Timeline<'a>,
    windows: &'a [(f64, f64)],
}

impl Curves<'_> {
    fn take(&self, injected: Injected, values: &[f64], mask: Option<&[f64]>, factor: f64) -> Taken {
        let stats = self.windows.iter().map(|window| self.timeline.stats(values, mask, *window, factor));
        (injected, stats.collect())
    }

    fn decode(&self) -> Vec<Taken> {
        let users = self.timeline.curve(Flight::decode_concurrency);
        let rate = self.timeline.decode_throughput();
        let curves = [Curve::DecodeConcurrency, Curve::DecodeThroughput, Curve::DecodeThroughputPerUser];
        self.phase(curves, &users, rate)
    }

    fn prefill(&self) -> Vec<Taken> {
        let users = self.timeline.curve(Flight::prefill_concurrency);
        let rate = self.timeline.curve(Flight::prefill_throughput);
        let curves = [Curve::PrefillConcurrency, Curve::PrefillThroughput, Curve::PrefillThroughputPerUser];
        self.phase(curves, &users, rate)
    }

    /// Concurrency, throughput, and throughput per user of a phase.
    fn phase(&self, [of_users, of_rate, of_each]: [Curve; 3], users: &[f64], rate: Vec<f64>) -> Vec<Taken> {
        let mut taken = vec![
            self.take(Injected::TimeWeighted(of_users), users, None, 1.0),
            self.take(Injected::TimeWeighted(of_rate), &rate, None, PER_SECOND),
            self.take(Injected::ActiveTimeWeighted(of_rate), &rate, Some(users), PER_SECOND),
        ];
        let rate = divide(rate, users);
        taken.push(self.take(Injected::TimeWeighted(of_each), &rate, None, PER_SECOND));
        taken.push(self.take(Injected::ActiveTimeWeighted(of_each), &rate, Some(users), PER_SECOND));
        taken
    }

    /// The curves that do not distinguish the phases.
    fn all(&self) -> Vec<Taken> {
        let users = self.timeline.curve(Flight::concurrency);
        let rate = self.timeline.curve(Flight::total_throughput);
        let mut taken = vec![
            self.take(Injected::TimeWeighted(Curve::Concurrency), &users, None, 1.0),
            self.take(Injected::TimeWeighted(Curve::TotalThroughput), &rate, None, PER_SECOND),
            self.take(Injected::ActiveTimeWeighted(Curve::TotalThroughput), &rate, Some(&users), PER_SECOND),
        ];
        drop((users, rate));
        let tokens = self.timeline.tokens_in_flight();
        taken.push(self.take(Injected::TimeWeighted(Curve::TokensInFlight), &tokens, None, 1.0));
        taken
    }
}

/// The increments of a request to a curve at its start, its first token and its end.
type Steps = [f64; 3];

impl Flight<'_> {
    const NOTHING: Steps = [0.0; 3];

    fn concurrency(&self) -> Steps {
        [1.0, 0.0, -1.0]
    }

    fn decode_concurrency(&self) -> Steps {
        if self.first_token.is_nan() { Self::NOTHING } else { [0.0, 1.0, -1.0] }
    }

    fn prefill_concurrency(&self) -> Steps {
        if self.first_token.is_nan() { Self::NOTHING } else { [1.0, -1.0, 0.0] }
    }

    fn prefill_throughput(&self) -> Steps {
        let span = self.first_token - self.start;
        if !(span > 0.0 && self.input.is_finite()) {
            return Self::NOTHING;
        }
        let rate = self.input / span;
        [rate, -rate, 0.0]
    }

    fn even_decode_throughput(&self) -> Steps {
        let span = self.end - self.first_token;
        if !(span > 0.0 && self.output >= 1.0) {
            return Self::NOTHING;
        }
        let rate = (self.output - 1.0) / span;
        [0.0, rate, -rate]
    }

    fn total_throughput(&self) -> Steps {
        let [begin, first, _] = self.prefill_throughput();
        let [_, more, end] = self.even_decode_throughput();
        [begin, first + more, end]
    }

    fn holds_input(&self) -> bool {
        self.input.is_finite() && self.first_token > self.start
    }

    /// Input and output tokens when no gaps are stored: all output at the first token.
    fn even_tokens(&self) -> Steps {
        let input = if self.holds_input() { self.input } else { 0.0 };
        let decodes = self.output.is_finite() && self.end - self.first_token > 0.0;
        let output = if decodes { self.output } else { 0.0 };
        [input, output, -(input + output)]
    }

    /// Input tokens, and the first output token; the others are added by the gaps.
    fn gapped_tokens(&self) -> Steps {
        let input = if self.holds_input() { self.input } else { 0.0 };
        if self.gaps.is_empty() || self.output.is_nan() || self.first_token.is_nan() {
            return [input, 0.0, -input];
        }
        let first = if self.output >= 1.0 { 1.0 } else { 0.0 };
        [input, first, -(input + self.output)]
    }
}

/// A point in time at which a curve changes.
#[derive(Clone, Copy, Debug)]
struct Event {
    at: f64,
    /// The index of the request, or of the gap.
    of: u32,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum What {
    Start,
    FirstToken,
    End,
    GapBegin,
    GapEnd,
    /// The time at which a gap's tokens have arrived: its end, but before the request's.
    GapTokens,
}

/// A gap and its tokens.
#[derive(Clone, Copy, Debug)]
struct Gap {
    rate: f64,
    tokens: f64,
}

/// All points in time at which a curve changes, in order; curves have a value for each distinct one.
#[derive(Debug)]
struct Timeline<'a> {
    flights: &'a [Flight<'a>],
    gaps: Vec<Gap>,
    events: Vec<Event>,
    moments: Vec<f64>,
}

impl<'a> Timeline<'a> {
    fn new(flights: &'a [Flight<'a>]) -> Self {
        let all_gaps = flights.iter().map(|flight| flight.gaps.len()).sum::<usize>();
        let mut events = Vec::with_capacity(flights.len() * 3 + all_gaps * 3);
        let mut gaps = Vec::with_capacity(all_gaps);
        for (of, flight) in (0_u32..).zip(flights) {
            events.push(Event { at: flight.start, of, what: What::Start });
            events.push(Event { at: flight.end, of, what: What::End });
            if !flight.first_token.is_nan() {
                events.push(Event { at: flight.first_token, of, what: What::FirstToken });
                lay_gaps(flight, &mut gaps, &mut events);
            }
        }
        events.sort_unstable_by_key(|event| ordered(event.at));
        let mut moments = events.iter().map(|event| event.at).collect::<Vec<_>>();
        moments.dedup_by(|right, left| right.to_bits() == left.to_bits());
        Self { flights, gaps, events, moments }
    }

    fn curve(&self, steps: impl Fn(&Flight<'a>) -> Steps) -> Vec<f64> {
        self.run(|event| match event.what {
            What::Start => steps(&self.flights[event.of as usize])[0],
            What::FirstToken => steps(&self.flights[event.of as usize])[1],
            What::End => steps(&self.flights[event.of as usize])[2],
            What::GapBegin | What::GapEnd | What::GapTokens => 0.0,
        })
    }

    fn decode_throughput(&self) -> Vec<f64> {
        if self.gaps.is_empty() {
            return self.curve(Flight::even_decode_throughput);
        }
        self.run(|event| match event.what {
            What::GapBegin => self.gaps[event.of as usize].rate,
            What::GapEnd => -self.gaps[event.of as usize].rate,
            _ => 0.0,
        })
    }

    fn tokens_in_flight(&self) -> Vec<f64> {
        if self.gaps.is_empty() {
            return self.curve(Flight::even_tokens);
        }
        self.run(|event| match event.what {
            What::Start => self.flights[event.of as usize].gapped_tokens()[0],
            What::FirstToken => self.flights[event.of as usize].gapped_tokens()[1],
            What::End => self.flights[event.of as usize].gapped_tokens()[2],
            What::GapTokens => self.gaps[event.of as usize].tokens,
            What::GapBegin | What::GapEnd => 0.0,
        })
    }

    /// The running sum of the events' increments, at each distinct point in time. Rounding residue becomes zero, and
    /// so does what is negative because a request's timestamps are out of order.
    fn run(&self, step: impl Fn(&Event) -> f64) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.moments.len());
        let mut sum = 0.0;
        let mut most = 0.0_f64;
        let mut previous = f64::NAN;
        for event in &self.events {
            if event.at.to_bits() != previous.to_bits() && !previous.is_nan() {
                values.push(sum);
            }
            previous = event.at;
            sum += step(event);
            most = most.max(sum.abs());
        }
        if !self.events.is_empty() {
            values.push(sum);
        }
        for value in &mut values {
            if *value < 1e-9 * most {
                *value = 0.0;
            }
        }
        values
    }

    /// The time-weighted statistics of a curve in a window, restricted to the time in which the mask, if any, is positive.
    fn stats(&self, values: &[f64], mask: Option<&[f64]>, (begin, end): (f64, f64), factor: f64) -> Stats {
        let is_empty = begin >= end || self.moments.is_empty();
        let first = self.moments.partition_point(|moment| *moment <= begin);
        let after = if is_empty { first } else { self.moments.partition_point(|moment| *moment < end) };
        let places = if is_empty { 0..0 } else { first..after + 1 };
        let pieces = places.filter_map(|place| {
            let held = place.checked_sub(1);
            let from = held.filter(|_| place > first).map_or(begin, |held| self.moments[held]);
            let to = if place < after { self.moments[place] } else { end };
            let counts = mask.is_none_or(|mask| held.is_some_and(|held| mask[held] > 0.0));
            (to > from && counts).then(|| (held.map_or(0.0, |held| values[held]), to - from))
        });
        weigh(pieces, mask.is_none().then_some(end - begin), factor)
    }
}

/// Places the gaps of a request one after the other from its first token on.
fn lay_gaps(flight: &Flight<'_>, gaps: &mut Vec<Gap>, events: &mut Vec<Event>) {
    let wide = float_of(flight.gaps.iter().filter(|gap| **gap > 0.0).count());
    // The first token is not the gaps'; a response without tokens has none for them.
    let tokens = if flight.output >= 1.0 { flight.output - 1.0 } else { 0.0 };
    let mut so_far = 0.0;
    for gap in flight.gaps {
        so_far += gap;
        let end = flight.first_token + so_far;
        let Ok(of) = u32::try_from(gaps.len()) else { return };
        let rate = if *gap > 0.0 && flight.output >= 1.0 { tokens / wide / gap } else { 0.0 };
        gaps.push(Gap { rate, tokens: tokens / float_of(flight.gaps.len()) });
        if rate > 0.0 {
            events.push(Event { at: end - gap, of, what: What::GapBegin });
            events.push(Event { at: end, of, what: What::GapEnd });
        }
        let at = if end >= flight.end { flight.end.next_down() } else { end };
        events.push(Event { at, of, what: What::GapTokens });
    }
}

fn divide(mut values: Vec<f64>, by: &[f64]) -> Vec<f64> {
    for (value, by) in values.iter_mut().zip(by) {
        *value = if *by > 0.0 { *value / by } else { 0.0 };
    }
    values
}

/// The time-weighted statistics of values, over `whole` or else over the total time; all zero when there is none.
///
/// A quantile is the smallest value such that it and all below it cover the quantile's share of the time. Many values are
/// weighted in buckets by their upper bits, and only buckets that contain a quantile are sorted; few values are one bucket.
fn weigh(pieces: impl Iterator<Item = (f64, f64)> + Clone, whole: Option<f64>, factor: f64) -> Stats {
    let many = pieces.clone().nth(FEW).is_some();
    let place = |value: f64| if many { bucket(value) } else { 0 };
    let mut weights = vec![0.0; if many { 1 << BUCKET_BITS } else { 1 }];
    let mut counts = vec![0_usize; weights.len()];
    let (mut area, mut held, mut least, mut most) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for (value, span) in pieces.clone() {
        area += value * span;
        held += span;
        least = least.min(value);
        most = most.max(value);
        let place = place(value);
        weights[place] += span;
        counts[place] += 1;
    }
    let whole = whole.unwrap_or(held);
    let avg = area / whole;
    let wanted = SHARES.map(|(_, share)| holder(&weights, held * share));
    let first = |place: usize| wanted.iter().position(|(wanted, _)| *wanted == place);
    let mut inside = wanted.map(|(place, _)| (place, Vec::new()));
    for (of, (place, held)) in inside.iter_mut().enumerate() {
        if first(*place) == Some(of) {
            held.reserve_exact(counts[*place]);
        }
    }
    let mut squares = 0.0;
    for (value, span) in pieces {
        squares += span * (value - avg) * (value - avg);
        if let Some(first) = first(place(value)) {
            inside[first].1.push((value, span));
        }
    }
    let mut stats = Stats::default();
    let mut set = |stat, number: f64| stats.set(stat, if held > 0.0 { number * factor } else { 0.0 });
    set(Stat::Avg, avg);
    set(Stat::Min, least);
    set(Stat::Max, most);
    set(Stat::Std, (squares / whole).sqrt());
    for ((stat, share), (place, below)) in SHARES.into_iter().zip(wanted) {
        set(stat, reach(&inside[first(place).unwrap_or(0)].1, below, held * share));
    }
    stats
}

/// The bucket in which the weights reach `wanted`, and the weight below it.
fn holder(weights: &[f64], wanted: f64) -> (usize, f64) {
    let mut below = 0.0;
    let mut last = (0, 0.0);
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        last = (place, below);
        below += weight;
        if below >= wanted {
            break;
        }
    }
    last
}

/// The value at which the time, including `below`, reaches `wanted`; the greatest value if rounding keeps it below.
fn reach(pieces: &[(f64, f64)], mut below: f64, wanted: f64) -> f64 {
    let mut near = std::borrow::Cow::Borrowed(pieces);
    let mut shift = 64 - BUCKET_BITS;
    while near.len() > FEW && shift >= BUCKET_BITS {
        shift -= BUCKET_BITS;
        let place = |value: f64| usize::try_from(ordered(value) >> shift & BUCKET_MASK).unwrap_or(0);
        let mut weights = vec![0.0; 1 << BUCKET_BITS];
        near.iter().for_each(|(value, span)| weights[place(*value)] += span);
        let (holder, before) = holder(&weights, wanted - below);
        below += before;
        near = near.iter().copied().filter(|(value, _)| place(*value) == holder).collect();
    }
    let mut near = near.into_owned();
    near.sort_unstable_by_key(|(value, _)| ordered(*value));
    for (value, span) in &near {
        below += span;
        if below >= wanted {
            return *value;
        }
    }
    near.last().map_or(0.0, |(value, _)| *value)
}

/// Nanoseconds to seconds.
const PER_SECOND: f64 = 1e9;

const BUCKET_MASK: u64 = (1 << BUCKET_BITS) - 1;

const SHARES: [(Stat, f64); 4] = [(Stat::P50, 0.50), (Stat::P90, 0.90), (Stat::P95, 0.95), (Stat::P99, 0.99)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn check(flights: &[Flight<'_>], window: (f64, f64), injected: Injected, stat: Stat, expected: f64) {
        let stats = timeline_stats(flights, &[window]);
        let got = stats[0].get(injected).and_then(|stats| stats.get(stat)).map(Value::get);
        assert!(got.is_some_and(|got| (got - expected).abs() < 1e-9), "{injected:?} {stat:?}: {got:?}");
    }

    #[test]
    fn two_requests_overlap() {
        let flight = |start: f64| Flight {
            start,
            first_token: start + 2.0,
            end: start + 6.0,
            input: 4.0,
            output: 9.0,
            gaps: &[],
        };
        let flights = [flight(0.0), flight(4.0)];
        let window = (0.0, 20.0);
        let effective = |curve| Injected::TimeWeighted(curve);
        check(&flights, window, effective(Curve::Concurrency), Stat::Avg, 12.0 / 20.0);
        check(&flights, window, effective(Curve::Concurrency), Stat::Max, 2.0);
        check(&flights, window, effective(Curve::Concurrency), Stat::P50, 0.0);
        check(&flights, window, effective(Curve::PrefillThroughput), Stat::Max, 2e9);
        check(&flights, window, effective(Curve::DecodeThroughput), Stat::Avg, 16.0 / 20.0 * 1e9);
        check(&flights, window, Injected::ActiveTimeWeighted(Curve::PrefillThroughput), Stat::Avg, 2e9);
        check(&flights, window, effective(Curve::TokensInFlight), Stat::Max, 17.0);
    }

    #[test]
    fn gaps_carry_the_tokens() {
        let flights = [Flight {
            start: 0.0,
            first_token: 2.0,
            end: 10.0,
            input: 4.0,
            output: 5.0,
            gaps: &[2.0, 0.0, 2.0],
        }];
        let window = (0.0, 10.0);
        check(&flights, window, Injected::TimeWeighted(Curve::DecodeThroughput), Stat::Avg, 4.0 / 10.0 * 1e9);
        check(&flights, window, Injected::TimeWeighted(Curve::TokensInFlight), Stat::Max, 9.0);
        check(&flights, (6.0, 10.0), Injected::TimeWeighted(Curve::DecodeThroughput), Stat::Max, 0.0);
    }

    #[test]
    fn no_count_is_negative() {
        let silent = |output: f64| Flight {
            start: 0.0,
            first_token: 2.0,
            end: 10.0,
            input: 4.0,
            output,
            gaps: &[2.0, 2.0],
        };
        let tokens = Injected::TimeWeighted(Curve::TokensInFlight);
        for output in [0.0, 1.0, f64::NAN] {
            check(&[silent(output)], (0.0, 12.0), tokens, Stat::Min, 0.0);
        }
        check(&[silent(0.0)], (0.0, 10.0), tokens, Stat::Min, 4.0);
        check(&[Flight { first_token: f64::NAN, ..silent(5.0) }], (0.0, 12.0), tokens, Stat::Min, 0.0);
        let backwards = Flight { start: 10.0, end: 4.0, ..silent(3.0) };
        check(&[backwards], (0.0, 12.0), Injected::TimeWeighted(Curve::Concurrency), Stat::Min, 0.0);
    }

    #[test]
    fn nothing_is_zero() {
        check(&[], (0.0, 1.0), Injected::TimeWeighted(Curve::Concurrency), Stat::Avg, 0.0);
    }

    #[test]
    fn bucketed_quantiles_equal_sorted_ones() {
        let pieces = |count: u32| (0..count).map(move |place| (f64::from(place * 7919 % count), 1.0));
        let check = |stats: &Stats, stat, expected: f64| {
            let got = stats.get(stat).map(Value::get);
            assert!(
                got.is_some_and(|got| (got - expected).abs() < 1e-9),
                "{stat:?}: {got:?}, not {expected}"
            );
        };
        let many = weigh(pieces(100_003), None, 1.0);
        let expected = [(Stat::P50, 50_001.0), (Stat::P90, 90_002.0), (Stat::P99, 99_002.0)];
        expected.into_iter().for_each(|(stat, expected)| check(&many, stat, expected));
        let same = weigh((0..100_000).map(|_| (4.0, 2.0)), None, 1.0);
        [Stat::P50, Stat::P99, Stat::Avg].into_iter().for_each(|stat| check(&same, stat, 4.0));
    }
}
