//! Open loop: a Poisson process, the arrivals of many independent users.

use super::{Shape, Starts};
use crate::rate::Rate;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp1};

/// `--request-rate` with `--arrival-pattern poisson`, the default.
pub(super) const SHAPE: Shape = Shape {
    of: spec::Shape::Poisson,
    starts: |phase, seed, _| {
        let rate = Rate::of(phase);
        let mut draws = StdRng::seed_from_u64(seed);
        let mut expected = 0.0;
        Starts::Requests(Box::new(std::iter::from_fn(move || {
            let gap: f64 = Exp1.sample(&mut draws);
            expected += gap;
            rate.when(expected)
        })))
    },
};
