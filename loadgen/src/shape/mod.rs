//! When requests are due: pure iterators, one file a shape.
//!
//! A schedule is one sequence for the whole run. Worker `w` of `n` takes every `n`-th arrival from the `w`-th on, so
//! the arrival process is the same whatever the number of workers.

mod concurrency;
mod constant;
mod poisson;

use common::clock::DurationNs;
use common::plan::Load;

/// A way to decide when requests are due.
pub struct Shape {
    /// Its name in the plan.
    pub name: &'static str,
    /// What it does, for `--help` and the documents.
    pub text: &'static str,
    /// The offsets from the phase's begin at which requests are due, growing; `None` where a request is due as soon
    /// as another has ended.
    pub arrivals: fn(&Load, seed: u64) -> Option<Arrivals>,
}

/// Offsets from the phase's begin, growing, without end.
pub type Arrivals = Box<dyn Iterator<Item = DurationNs> + Send>;

/// Every shape, in the order of the documents.
pub const SHAPES: &[&Shape] = &[&concurrency::SHAPE, &constant::SHAPE, &poisson::SHAPE];

/// The shape that has this name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().copied().find(|shape| shape.name == name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(shape: &str, rate: f64) -> Load {
        Load {
            shape: shape.to_owned(),
            request_rate: Some(rate),
            concurrency: None,
            request_count: None,
            benchmark_duration_seconds: None,
            grace_period_seconds: 30.0,
        }
    }

    fn arrivals(shape: &str, rate: f64, seed: u64) -> Arrivals {
        (by_name(shape).unwrap().arrivals)(&load(shape, rate), seed).unwrap()
    }

    #[test]
    fn the_mean_rate_is_the_one_asked_for() {
        for shape in ["constant", "poisson"] {
            let count = 100_000;
            let last = arrivals(shape, 5_000.0, 7).nth(count - 1).unwrap();
            let rate = 100_000.0 / last.as_seconds();
            assert!((rate / 5_000.0 - 1.0).abs() < 0.01, "{shape} gives {rate} requests/s");
        }
    }

    #[test]
    fn poisson_gaps_are_exponential() {
        let dues = arrivals("poisson", 1_000.0, 3).take(50_000).collect::<Vec<_>>();
        let gaps = dues.windows(2).map(|pair| (pair[1] - pair[0]).as_seconds()).collect::<Vec<_>>();
        let mean = gaps.iter().sum::<f64>() / 49_999.0;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / 49_999.0;
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "deviation {} of mean {mean}", variance.sqrt());
        let short = gaps.iter().filter(|gap| **gap < mean).count();
        assert!((30_800..32_400).contains(&short), "{short} of 49,999 below the mean, 63.2 % expected");
    }

    #[test]
    fn a_closed_loop_has_no_arrivals() {
        assert!(
            (concurrency::SHAPE.arrivals)(&load("concurrency", 1.0), 1).is_none(),
            "due when another ends"
        );
    }

    proptest! {
        #[test]
        fn schedules_grow_repeat_and_split(rate in 0.5_f64..50_000.0, seed: u64, workers in 1_usize..8, poisson: bool) {
            let shape = if poisson { "poisson" } else { "constant" };
            let whole = arrivals(shape, rate, seed).take(400).collect::<Vec<_>>();
            prop_assert!(whole.windows(2).all(|pair| pair[0] <= pair[1]), "due times never go back");
            prop_assert_eq!(&whole, &arrivals(shape, rate, seed).take(400).collect::<Vec<_>>(), "same seed, same times");
            let mut shares = (0..workers).map(|worker| Share::new(arrivals(shape, rate, seed), worker, workers)).collect::<Vec<_>>();
            for (place, due) in whole.iter().enumerate() {
                prop_assert_eq!(shares[place % workers].next(), Some(*due), "arrival {}", place);
            }
        }
    }
}
