//! Open loop: gamma distributed gaps, smoother or burstier than a Poisson process.

use super::{Shape, Starts};
use crate::rate::Rate;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Gamma};

/// `--request-rate` with `--arrival-pattern gamma`.
pub(super) const SHAPE: Shape = Shape {
    of: spec::Shape::Gamma,
    starts: |phase, seed, _| {
        let rate = Rate::of(phase);
        let smoothness = phase.arrival_smoothness.unwrap_or(1.0);
        let mut draws = StdRng::seed_from_u64(seed);
        let mut expected = 0.0;
        // A shape that is no distribution was refused with the flags; here it would end the arrivals.
        let gaps = Gamma::new(smoothness, smoothness.recip()).ok();
        Starts::Requests(Box::new(std::iter::from_fn(move || {
            expected += gaps?.sample(&mut draws);
            rate.when(expected)
        })))
    },
};
