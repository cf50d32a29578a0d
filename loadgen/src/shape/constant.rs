//! Open loop: requests at even distances.

use super::Shape;
use common::clock::DurationNs;
use common::plan::Load;

/// `--request-rate` with `--arrival-pattern constant`.
pub(super) const SHAPE: Shape = Shape {
    name: "constant",
    text: "Requests at even distances of 1/--request-rate seconds.",
    arrivals: |load, _| Some(Box::new(arrivals(load))),
};

/// Each due time from its number, not from the one before: no rounding adds up.
fn arrivals(load: &Load) -> impl Iterator<Item = DurationNs> + Send + use<> {
    let gap_seconds = 1.0 / load.request_rate.unwrap_or(1.0);
    (0_u32..).map(move |number| DurationNs::from_seconds(f64::from(number) * gap_seconds))
}
