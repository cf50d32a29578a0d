//! When requests are due: pure iterators, one file a shape.
//!
//! A schedule is one sequence for the whole run. Worker `w` of `n` uses every `n`-th arrival from the `w`-th on, so the
//! arrival process is the same whatever the number of workers.

mod concurrency;
mod constant;
mod fixed_schedule;
mod gamma;
mod poisson;
mod user_centric;

use common::clock::DurationNs;
use spec::Phase;
use std::sync::Arc;

/// A way to decide when requests are due.
pub struct Shape {
    /// The shape of a plan that it is.
    pub of: spec::Shape,
    /// What starts sessions. `trace` holds the offsets at which the input schedules its sessions to start, growing; most shapes
    /// do not use it.
    pub starts: fn(&Phase, seed: u64, trace: &Arc<[DurationNs]>) -> Starts,
}

/// What starts sessions, and when their later turns are sent.
pub enum Starts {
    /// Closed loop: a session starts when a place is free; later turns are sent when they are due.
    Places,
    /// Open loop: each request uses an arrival, the first turn of a session or a later one.
    Requests(Arrivals),
    /// Each first turn uses an arrival; later turns are sent when they are due.
    Sessions(Arrivals),
    /// A fixed number of users, each with a request at even distances; one without further turns is replaced by another.
    Users(Users),
}

/// Offsets from the phase's start, growing.
pub type Arrivals = Box<dyn Iterator<Item = DurationNs> + Send>;

/// Users that take turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Users {
    /// How many there are at any time.
    pub count: u32,
    /// From one request of a user to the next, unless the response takes longer.
    pub gap: DurationNs,
}

/// Every shape, in the order of the documents.
pub const SHAPES: &[&Shape] = &[
    &concurrency::SHAPE,
    &constant::SHAPE,
    &poisson::SHAPE,
    &gamma::SHAPE,
    &fixed_schedule::SHAPE,
    &user_centric::SHAPE,
];

/// How a phase's requests become due; `None` for a shape that only another tool has.
#[must_use]
pub fn of(shape: &spec::Shape) -> Option<&'static Shape> {
    SHAPES.iter().copied().find(|known| known.of == *shape)
}

/// One worker's share of a schedule.
pub struct Share {
    arrivals: Arrivals,
    workers: usize,
    next: usize,
}

impl Share {
    /// The arrivals of `worker` out of `workers`.
    #[must_use]
    pub fn new(arrivals: Arrivals, worker: usize, workers: usize) -> Self {
        Self { arrivals, workers, next: worker }
    }
}

impl Iterator for Share {
    type Item = DurationNs;

    fn next(&mut self) -> Option<DurationNs> {
        let due = self.arrivals.nth(self.next)?;
        self.next = self.workers - 1;
        Some(due)
    }
}

impl Users {
    /// From the first request of one user to that of the next.
    #[must_use]
    pub fn stagger(&self) -> DurationNs {
        DurationNs(self.gap.0 / i64::from(self.count.max(1)))
    }

    /// How many of its `turns` the user has left who starts as number `place`: the population starts as if it had been active
    /// for long, with some users near their end.
    #[must_use]
    pub fn first_turns(&self, place: u32, turns: u32) -> u32 {
        let (count, later) = (u64::from(self.count.max(1)), u64::from(turns.saturating_sub(1)));
        let age = (count - 1).saturating_sub(u64::from(place)) * later / count;
        turns.saturating_sub(u32::try_from(age).unwrap_or(0)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use spec::RatePoint;

    fn phase(shape: spec::Shape, rate: f64) -> Phase {
        Phase { request_rate: Some(rate), ..Phase::new("profiling", shape) }
    }

    fn arrivals_of(phase: &Phase, seed: u64) -> Arrivals {
        match (of(&phase.shape).unwrap().starts)(phase, seed, &Arc::from([])) {
            Starts::Requests(arrivals) => arrivals,
            _ => panic!("{} has a rate", phase.shape),
        }
    }

    fn arrivals(shape: spec::Shape, rate: f64, seed: u64) -> Arrivals {
        arrivals_of(&phase(shape, rate), seed)
    }

    /// Mean and deviation of the gaps of a process of a thousand a second, in milliseconds.
    fn gaps(phase: &Phase) -> (f64, f64, Vec<f64>) {
        let dues = arrivals_of(phase, 3).take(50_000).collect::<Vec<_>>();
        let gaps = dues.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect::<Vec<_>>();
        let mean = gaps.iter().sum::<f64>() / 49_999.0;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 49_999.0;
        (mean, variance.sqrt(), gaps)
    }

    #[test]
    fn the_mean_rate_is_the_requested_one() {
        for shape in spec::Shape::ALL.iter().filter(|shape| shape.has_rate()) {
            let count = 100_000;
            let last = arrivals(shape.clone(), 5_000.0, 7).nth(count - 1).unwrap();
            let rate = 100_000.0 / last.as_seconds();
            assert!((rate / 5_000.0 - 1.0).abs() < 0.01, "{shape} has {rate} requests/s");
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let (mean, deviation, gaps) = gaps(&phase(spec::Shape::Poisson, 1_000.0));
        assert!((deviation / mean - 1.0).abs() < 0.03, "deviation {deviation} of mean {mean}");
        let short = gaps.iter().filter(|gap| **gap < mean).count();
        assert!((30_800..32_400).contains(&short), "{short} of 49,999 below the mean, 63.2 % expected");
    }

    #[test]
    fn gamma_gaps_are_as_smooth_as_requested() {
        for smoothness in [0.25, 1.0, 4.0] {
            let phase = Phase { arrival_smoothness: Some(smoothness), ..phase(spec::Shape::Gamma, 1_000.0) };
            let (mean, deviation, _) = gaps(&phase);
            let expected = smoothness.sqrt().recip();
            assert!((deviation / mean / expected - 1.0).abs() < 0.05, "{smoothness}: {deviation} of {mean}");
        }
    }

    #[test]
    fn a_ramp_grows_to_the_rate() {
        let phase = Phase { request_rate_ramp_seconds: Some(10.0), ..phase(spec::Shape::Constant, 100.0) };
        let dues = arrivals_of(&phase, 1).take(2_000).collect::<Vec<_>>();
        let between = |from: f64, to: f64| {
            dues.iter().filter(|due| due.as_seconds() >= from && due.as_seconds() < to).count()
        };
        // From 1/s to 100/s in ten seconds: 505 requests, a quarter of them in the first half.
        assert!((500..510).contains(&between(0.0, 10.0)), "{} in the ramp", between(0.0, 10.0));
        assert!((125..131).contains(&between(0.0, 5.0)), "{} in its first half", between(0.0, 5.0));
        assert_eq!(between(11.0, 12.0), 100, "then the rate holds");
    }

    #[test]
    fn a_series_is_followed_and_its_last_rate_holds() {
        let point = |time_s, qps| RatePoint { time_s, qps };
        let series = vec![point(1.0, 10.0), point(2.0, 30.0), point(3.0, 0.0)];
        let phase = Phase { request_rate_series: series, ..Phase::new("profiling", spec::Shape::Constant) };
        let dues = arrivals_of(&phase, 1).take(100).collect::<Vec<_>>();
        // 10 in the first second, 20 in the second, 15 in the third, then none.
        assert_eq!(dues.len(), 45, "the rate ends at nothing");
        assert_eq!(
            dues.iter().filter(|due| due.as_seconds() < 0.999_999).count(),
            10,
            "held before its first point"
        );
    }

    #[test]
    fn every_shape_of_a_plan_is_there() {
        for shape in spec::Shape::ALL {
            assert!(of(shape).is_some(), "{shape} has a file");
        }
        assert!(of(&spec::Shape::Other("agentic".to_owned())).is_none(), "another tool's");
    }

    #[test]
    fn shapes_without_a_rate() {
        let trace = Arc::from([DurationNs(5), DurationNs(9)]);
        let closed = Phase::closed(3, 9);
        let starts = (of(&spec::Shape::Concurrency).unwrap().starts)(&closed, 1, &trace);
        assert!(matches!(starts, Starts::Places), "due when another ends");
        let Starts::Sessions(dues) = (of(&spec::Shape::FixedSchedule).unwrap().starts)(&closed, 1, &trace)
        else {
            panic!("a trace starts sessions")
        };
        assert_eq!(dues.collect::<Vec<_>>(), *trace, "the trace's own times");
    }

    #[test]
    fn the_first_users_are_of_every_age() {
        let users = Users { count: 4, gap: DurationNs::from_millis(1000) };
        let turns = (0..4).map(|place| users.first_turns(place, 5)).collect::<Vec<_>>();
        assert_eq!(turns, [2, 3, 4, 5], "the first ones leave first");
        assert_eq!(users.stagger(), DurationNs::from_millis(250), "evenly over a gap");
    }

    proptest! {
        #[test]
        fn schedules_grow_repeat_and_split(
            rate in 0.5_f64..50_000.0, seed: u64, workers in 1_usize..8, ramp in proptest::option::of(0.1_f64..50.0),
            smoothness in 0.1_f64..20.0, shape in proptest::sample::select(vec![spec::Shape::Constant, spec::Shape::Poisson, spec::Shape::Gamma]),
        ) {
            let phase = Phase {
                request_rate_ramp_seconds: ramp,
                arrival_smoothness: Some(smoothness),
                ..phase(shape, rate)
            };
            let whole = arrivals_of(&phase, seed).take(400).collect::<Vec<_>>();
            prop_assert_eq!(whole.len(), 400, "no end");
            prop_assert!(whole.windows(2).all(|pair| pair[0] <= pair[1]), "due times never go back");
            prop_assert_eq!(&whole, &arrivals_of(&phase, seed).take(400).collect::<Vec<_>>(), "same seed, same times");
            let mut shares = (0..workers)
                .map(|worker| Share::new(arrivals_of(&phase, seed), worker, workers))
                .collect::<Vec<_>>();
            for (place, due) in whole.iter().enumerate() {
                prop_assert_eq!(shares[place % workers].next(), Some(*due), "arrival {}", place);
            }
        }
    }
}
