//! Finds the steady state of a run, without ramp-up, warm-up and drain, or says why there is none.
//!
//! ```text
//! in flight   ┌──────────────────────┐ usual
//!           ┌─┘                      └─┐
//!         ┌─┘                          └──┐
//!         |ramp-up  |<---- steady --->|drain|
//! ```
//!
//! 1. `in_flight.rs`: the search begins when as many requests have ended as are usually in flight, so that the first burst is
//!    over, and ends before the requests that are in flight when the last one starts, for those see the load fall.
//! 2. `level.rs`: if latency, time to first token and number in flight keep one level over this part, it is the steady state.
//! 3. `mser.rs`: else what falls at the end is cut, then what differs at the start, and the rest is tested again, more strictly. A
//!    quantity that changes throughout the run, instead of up to a time in its first half, has no steady state.
//!
//! Requests are taken by their start, so no request is left out because it took long. docs/STEADY_STATE.md holds the sources of
//! the methods and the bias of simulated queues.

mod in_flight;
mod level;
mod mser;

use common::clock::RealNs;
use in_flight::InFlight;
use level::{Change, Strictness};

/// A request of the run.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    /// When it started.
    pub start: RealNs,
    /// When it ended.
    pub end: RealNs,
    /// Its latency, in nanoseconds of the clock that the run is judged by; `None` if it failed.
    pub latency_ns: Option<f64>,
    /// Its time to first token, likewise; `None` if the response was not streamed.
    pub first_token_ns: Option<f64>,
}

/// The interval of the steady state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The start of its first request.
    pub begin: RealNs,
    /// The start of the first request after it.
    pub end: RealNs,
    /// The usual number of requests in flight in it: the time-weighted median.
    pub in_flight: u64,
    /// Requests that started in it; at least one.
    pub requests: u64,
}

/// Why a run has no steady state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unsteady {
    /// It has too few requests.
    TooFew {
        /// How many it has.
        requests: u64,
    },
    /// Between the first burst and the drain too few requests started.
    TooShort {
        /// How many of them started between.
        requests: u64,
    },
    /// A quantity changes throughout the run.
    Changes {
        /// The quantity.
        of: Quantity,
        /// How it changes.
        how: Course,
        /// Its mean in the first quarter of the requests; where it wanders, in the quarter with the least mean. Nanoseconds or a
        /// number of requests.
        from: f64,
        /// Its mean in the last quarter, or the one with the greatest mean.
        to: f64,
    },
}

/// What a steady state is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The requests' latency.
    Latency,
    /// The requests' time to first token.
    FirstToken,
    /// The number of requests in flight when a request starts.
    InFlight,
}

/// How a quantity changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It rises.
    Grows,
    /// It falls.
    Falls,
    /// Neither, and it keeps no level.
    Wanders,
}

/// The values of a quantity in the order of the requests' start.
struct Series {
    of: Quantity,
    values: Vec<f64>,
    /// The index of each value's request; empty if every request has a value.
    places: Vec<u32>,
}

impl Found {
    /// Whether a request that starts then belongs to it.
    #[must_use]
    pub fn holds(self, start: RealNs) -> bool {
        (self.begin..self.end).contains(&start)
    }
}

/// The requests of a part of the run, by index in the order of their start.
type Part = std::ops::Range<usize>;

/// The steady state of these requests, in any order.
///
/// # Errors
/// The reason, if there is none.
pub fn find(mut stays: Vec<Stay>) -> Result<Found, Unsteady> {
    let count = stays.len();
    if count < LEAST {
        return Err(Unsteady::TooFew { requests: count as u64 });
    }
    stays.sort_by_key(|stay| stay.start);
    let flight = InFlight::of(&stays);
    let core = flight.core(&stays);
    let short = Unsteady::TooShort { requests: core.len() as u64 };
    if core.len() < LEAST {
        return Err(short);
    }
    let all = series(&stays, &flight);
    let part = match first_change(&all, &core, Strictness::Usual) {
        None => core,
        Some(_) => settled(&all, core)?,
    };
    let begin = stays[part.start].start;
    let end =
        stays.get(part.end).map_or_else(|| RealNs(flight.last_start.0.saturating_add(1)), |next| next.start);
    let requests =
        stays[part.start..].iter().filter(|stay| (begin..end).contains(&stay.start)).count() as u64;
    if requests == 0 {
        return Err(short);
    }
    Ok(Found { begin, end, in_flight: flight.usual(begin, end), requests })
}

/// What remains of a part with a transient: at least half of it.
fn settled(all: &[Series], core: Part) -> Result<Part, Unsteady> {
    let part = without_drain(all, &core);
    let changes = |series: &&Series| series.change(&part, Strictness::Usual).is_some();
    if let Some(series) = all.iter().filter(changes).find(|series| !level::settles_early(series.of(&part))) {
        return Err(series.reason(&part));
    }
    let cut = |series| (Series::cut(series, &part), series);
    let Some((mut begin, mut last)) = all.iter().map(cut).max_by_key(|(begin, _)| *begin) else {
        return Ok(part);
    };
    let half = part.end - core.len() / 2;
    while begin < half {
        let rest = begin..part.end;
        let Some(series) = first_change(all, &rest, Strictness::AfterCut) else {
            return Ok(rest);
        };
        last = series;
        begin += (core.len() / 2 / STEPS).max(1);
    }
    Err(last.reason(&part))
}

/// The part without its end, if fewer requests are in flight there: at most a quarter of it.
fn without_drain(all: &[Series], core: &Part) -> Part {
    let Some(in_flight) = all.iter().find(|series| series.of == Quantity::InFlight) else {
        return core.clone();
    };
    // A ramp in the first half would hide a drain.
    let values = in_flight.of(&(core.start + core.len() / 2..core.end));
    let (before, after) = values.split_at(values.len() - mser::truncation_of_end(values));
    let falls = !after.is_empty() && mser::mean(after) < mser::mean(before) * (1.0 - level::RELEVANT);
    core.start..core.end - if falls { after.len() } else { 0 }
}

fn first_change<'a>(all: &'a [Series], part: &Part, strictness: Strictness) -> Option<&'a Series> {
    all.iter().find(|series| series.change(part, strictness).is_some())
}

/// The series of these requests; one without values is left out.
fn series(stays: &[Stay], flight: &InFlight) -> Vec<Series> {
    let latency = Series::new(Quantity::Latency, stays, |stay| stay.latency_ns);
    let first_token = Series::new(Quantity::FirstToken, stays, |stay| stay.first_token_ns);
    let in_flight = Series { of: Quantity::InFlight, values: flight.at_starts(stays), places: Vec::new() };
    [latency, first_token, in_flight].into_iter().filter(|series| !series.values.is_empty()).collect()
}

impl Series {
    fn new(of: Quantity, stays: &[Stay], value: fn(&Stay) -> Option<f64>) -> Self {
        let known = (0_u32..).zip(stays).filter_map(|(place, stay)| Some((place, value(stay)?)));
        let (mut places, values) = known.unzip::<u32, f64, Vec<_>, Vec<_>>();
        if places.len() == stays.len() {
            places = Vec::new();
        }
        Self { of, values, places }
    }

    /// The index of the first value of a request from this one on.
    fn first_from(&self, request: usize) -> usize {
        if self.places.is_empty() {
            return request.min(self.values.len());
        }
        self.places.partition_point(|place| (*place as usize) < request)
    }

    /// The values of a part's requests.
    fn of(&self, part: &Part) -> &[f64] {
        &self.values[self.first_from(part.start)..self.first_from(part.end)]
    }

    /// The request of a part's value number `value`; the part's end, if it has fewer.
    fn place(&self, part: &Part, value: usize) -> usize {
        if self.places.is_empty() {
            return (part.start + value).min(part.end);
        }
        let request = self.places.get(self.first_from(part.start) + value);
        request.map_or(part.end, |request| (*request as usize).min(part.end))
    }

    /// The first request after the transient at a part's start.
    fn cut(&self, part: &Part) -> usize {
        self.place(part, mser::truncation(self.of(part)))
    }

    fn change(&self, part: &Part, strictness: Strictness) -> Option<Change> {
        level::change(self.of(part), strictness)
    }

    /// Why a part has no steady state.
    fn reason(&self, part: &Part) -> Unsteady {
        let (how, from, to) = level::course(self.of(part));
        Unsteady::Changes { of: self.of, how, from, to }
    }
}

/// The least number of requests of a run, and of what is between its first burst and its drain.
pub const LEAST: usize = 50;

/// In how many steps the first half is cut.
const STEPS: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 requests of four users whose latency is always 100; `first_token` is by number.
    fn check(first_token: fn(u32) -> f64, expected: Result<(u64, u64), (Quantity, Course)>) {
        let stay = |number: u32| {
            let start = u64::from(number / 4 * 100 + number % 4);
            let (start, end) = (RealNs(start), RealNs(start + 100));
            Stay { start, end, latency_ns: Some(100.0), first_token_ns: Some(first_token(number)) }
        };
        let found = find((0..400).map(stay).collect());
        let found = found.map(|found| (found.requests, found.in_flight));
        let expected = expected.map_err(Some);
        assert_eq!(found.map_err(|unsteady| changed(&unsteady)), expected, "of 400 requests");
    }

    fn changed(unsteady: &Unsteady) -> Option<(Quantity, Course)> {
        match unsteady {
            Unsteady::Changes { of, how, .. } => Some((*of, *how)),
            Unsteady::TooFew { .. } | Unsteady::TooShort { .. } => None,
        }
    }

    #[test]
    fn a_closed_loop_is_steady_between_its_first_burst_and_its_drain() {
        check(|_| 10.0, Ok((389, 4)));
    }

    #[test]
    fn a_warm_up_that_only_first_tokens_show_is_cut() {
        check(|number| if number < 80 { 50.0 } else { 10.0 }, Ok((314, 4)));
    }

    #[test]
    fn a_quantity_that_changes_to_the_end_is_the_reason() {
        check(f64::from, Err((Quantity::FirstToken, Course::Grows)));
        check(|number| f64::from(400 - number), Err((Quantity::FirstToken, Course::Falls)));
    }

    #[test]
    fn too_little_to_tell_is_a_reason() {
        let stay = |number: u64| Stay {
            start: RealNs(number),
            end: RealNs(number + 1000),
            latency_ns: None,
            first_token_ns: None,
        };
        assert_eq!(find(Vec::new()), Err(Unsteady::TooFew { requests: 0 }), "nothing");
        assert_eq!(find((0..49).map(stay).collect()), Err(Unsteady::TooFew { requests: 49 }), "one too few");
        assert_eq!(find((0..60).map(stay).collect()), Err(Unsteady::TooShort { requests: 0 }), "one burst");
    }
}
