//! Parts of a run with results of their own: its time slices and its steady state.

use crate::analysis::{Formula, Row};
use crate::report::{self, LeftOut, MetricResult, Slice};
use crate::steady::{self, Found, Stay, Unsteady};
use crate::value::{float, index, whole};
use common::clock::{DurationNs, RealNs};

/// A time slice without its results.
#[derive(Debug)]
pub(crate) struct Bin {
    pub(crate) places: Vec<u32>,
    pub(crate) begin: f64,
    pub(crate) end: f64,
    is_complete: bool,
    in_flight: u64,
}

impl Bin {
    pub(crate) fn steady(rows: &[Row], places: &[u32], steady: Found) -> Self {
        let row = |place: &u32| &rows[*place as usize];
        let is_in_flight = |place: &&u32| row(place).start < steady.end && row(place).end > steady.begin;
        Self {
            places: places.iter().copied().filter(|place| steady.holds(row(place).start)).collect(),
            begin: float(steady.begin.0),
            end: float(steady.end.0),
            is_complete: true,
            in_flight: places.iter().filter(is_in_flight).count() as u64,
        }
    }

    pub(crate) fn report(&self, results: Vec<MetricResult>) -> Slice {
        Slice {
            begin: RealNs(whole(self.begin)),
            end: RealNs(whole(self.end)),
            is_complete: self.is_complete,
            requests: self.places.len() as u64,
            in_flight: self.in_flight,
            results,
        }
    }

    /// Its length, in integer nanoseconds.
    pub(crate) const fn length(&self) -> DurationNs {
        DurationNs(whole(self.end).saturating_sub(whole(self.begin)).cast_signed())
    }
}

/// Divides the requests into slices by their start. A slice in which none starts stands if one is in flight in it.
pub(crate) fn slice(rows: &[Row], places: &[u32], length: Option<DurationNs>) -> (Vec<Bin>, LeftOut) {
    let Some(length) = length.filter(|_| !places.is_empty()) else {
        return (Vec::new(), LeftOut::default());
    };
    let length = float(length.0.max(1).cast_unsigned());
    let row = |place: &u32| &rows[*place as usize];
    let first = places.iter().map(|place| row(place).start.0).min().map_or(0.0, float);
    let last = places.iter().map(|place| row(place).start.max(row(place).end).0).max().map_or(0.0, float);
    let number = |date: f64| index((date - first) / length);
    let count = number(last).saturating_add(1).min(MOST_SLICES);
    let mut started = vec![Vec::new(); count];
    let mut in_flight = Differences::new(count);
    let mut left_out = LeftOut::default();
    for place in places {
        let (start, end) = (float(row(place).start.0), float(row(place).end.0));
        match started.get_mut(number(start)) {
            Some(slice) => slice.push(*place),
            None => left_out.requests += 1,
        }
        // A request that ends as a slice begins is not in flight in it.
        in_flight.add(number(start), number(end.max(start).next_down()).max(number(start)));
    }
    let mut empty = 0;
    let mut bins = Vec::new();
    for ((place, places), in_flight) in (0_u64..).zip(started).zip(in_flight.sums()) {
        if places.is_empty() {
            if in_flight == 0 {
                continue;
            }
            if empty == MOST_EMPTY {
                left_out.slices += 1;
                continue;
            }
            empty += 1;
        }
        let begin = first + float(place) * length;
        let full_end = first + float(place + 1) * length;
        let is_complete = full_end <= last;
        bins.push(Bin {
            places,
            begin,
            end: if is_complete { full_end } else { last },
            is_complete,
            in_flight,
        });
    }
    (bins, left_out)
}

/// The steady state of these requests, by the client's latencies, or the kernel's where the client has none.
pub(crate) fn find_steady(rows: &[Row], places: &[u32], formulas: &[Formula]) -> Result<Found, Unsteady> {
    let column = |tags: [&str; 2]| {
        let of = |tag| formulas.iter().find(|formula| formula.metric.tag == tag);
        let has_values =
            |formula: &&Formula| places.iter().any(|place| value(Some(formula), *place).is_some());
        tags.into_iter().filter_map(of).find(has_values)
    };
    let latency = column(["request_latency", "kernel_request_latency"]);
    let first_token = column(["time_to_first_token", "kernel_time_to_first_token"]);
    let stay = |place: &u32| {
        let Row { start, end, .. } = rows[*place as usize];
        Stay { start, end, latency_ns: value(latency, *place), first_token_ns: value(first_token, *place) }
    };
    steady::find(places.iter().map(stay).collect())
}

/// The steady state with its results.
pub(crate) fn steady_report(rows: &[Row], places: &[u32], steady: Found, slice: Slice) -> report::Steady {
    let count = |is_counted: &dyn Fn(RealNs) -> bool| {
        places.iter().filter(|place| is_counted(rows[**place as usize].start)).count() as u64
    };
    report::Steady {
        slice,
        in_flight: steady.in_flight,
        startup: count(&|start| start < steady.begin),
        drain: count(&|start| start >= steady.end),
    }
}

fn value(formula: Option<&Formula>, place: u32) -> Option<f64> {
    formula?.column.get(place as usize)
}

/// Counts by slice of what lasts over several, stored as differences.
struct Differences(Vec<i64>);

impl Differences {
    fn new(count: usize) -> Self {
        Self(vec![0; count])
    }

    /// Counts one in these slices and between.
    fn add(&mut self, first: usize, last: usize) {
        if let Some(begin) = self.0.get_mut(first) {
            *begin += 1;
        }
        if let Some(end) = self.0.get_mut(last.saturating_add(1)) {
            *end -= 1;
        }
    }

    fn sums(self) -> impl Iterator<Item = u64> {
        let sums = self.0.into_iter().scan(0_i64, |sum, difference| {
            *sum += difference;
            Some(*sum)
        });
        sums.map(|sum| u64::try_from(sum).unwrap_or(0))
    }
}

/// Maximum number of slices; requests that start later are in none.
const MOST_SLICES: usize = 100_000;

/// Maximum number of slices in which no request starts.
const MOST_EMPTY: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::RowScope;

    fn check(requests: &[(u64, u64)], expected: &[(u64, u64, u64, u64)]) {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let row = |(start, end): &(u64, u64)| Row {
            due: RealNs(*start),
            start: RealNs(*start),
            end: RealNs(*end),
            scope,
        };
        let rows = requests.iter().map(row).collect::<Vec<_>>();
        let places = (0..u32::try_from(rows.len()).unwrap()).collect::<Vec<_>>();
        let (bins, left_out) = slice(&rows, &places, Some(DurationNs(10)));
        let slices = bins.iter().map(|bin| bin.report(Vec::new()));
        let slices = slices.map(|slice| (slice.begin.0, slice.end.0, slice.requests, slice.in_flight));
        assert_eq!(slices.collect::<Vec<_>>(), expected, "{requests:?}");
        assert_eq!(left_out, LeftOut::default(), "all are in slices");
    }

    #[test]
    fn a_slice_stands_while_a_request_is_in_flight() {
        check(&[], &[]);
        check(&[(100, 100)], &[(100, 100, 1, 1)]);
        let long = [(100, 110, 2, 2), (110, 120, 0, 1), (120, 130, 0, 1), (130, 135, 1, 2)];
        check(&[(100, 134), (105, 110), (131, 135)], &long);
        check(&[(100, 101), (125, 126)], &[(100, 110, 1, 1), (120, 126, 1, 1)]);
    }

    #[test]
    fn every_request_is_before_in_or_after_the_steady_state() {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let row = |number: u64| {
            let start = number / 4 * 100 + number % 4;
            Row { due: RealNs(start), start: RealNs(start), end: RealNs(start + 100), scope }
        };
        let rows = (0..400).rev().map(row).collect::<Vec<_>>();
        let places = (0..400).collect::<Vec<_>>();
        let found = find_steady(&rows, &places, &[]).unwrap();
        let bin = Bin::steady(&rows, &places, found);
        let steady = steady_report(&rows, &places, found, bin.report(Vec::new()));
        let counts = (steady.startup, steady.slice.requests, steady.drain);
        assert_eq!(counts, (7, 389, 4), "the burst until four have ended, and the last four");
        assert_eq!(
            (steady.in_flight, steady.slice.in_flight),
            (4, 392),
            "with those that have started before"
        );
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let scope = RowScope { valid: true, profiling: true, phase: 0 };
        let row = |start, end| Row { due: RealNs(start), start: RealNs(start), end: RealNs(end), scope };
        let rows = [row(0, 5000), row(1_000_000, 1_000_001)];
        let (bins, left_out) = slice(&rows, &[0, 1], Some(DurationNs(1)));
        assert_eq!(bins.len(), 1001, "one with a start, and as many without as are kept");
        assert_eq!(left_out, LeftOut { slices: 3999, requests: 1 }, "the rest of 5000, and the late request");
    }
}
