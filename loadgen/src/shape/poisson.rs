//! Open loop: a Poisson process, the arrivals of many independent users.

use super::Shape;
use common::clock::DurationNs;
use common::plan::Load;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Exp1};

/// `--request-rate` with `--arrival-pattern poisson`, the default.
pub(super) const SHAPE: Shape = Shape {
    name: "poisson",
    text: "A Poisson process of --request-rate requests per second: exponential gaps, drawn from --random-seed.",
    arrivals: |load, seed| Some(Box::new(arrivals(load, seed))),
};

fn arrivals(load: &Load, seed: u64) -> impl Iterator<Item = DurationNs> + Send + use<> {
    let mut draws = StdRng::seed_from_u64(seed);
    let mean_gap_seconds = 1.0 / load.request_rate.unwrap_or(1.0);
    let mut due_seconds = 0.0;
    std::iter::repeat_with(move || {
        let draw: f64 = Exp1.sample(&mut draws);
        due_seconds += draw * mean_gap_seconds;
        DurationNs::from_seconds(due_seconds)
    })
}
