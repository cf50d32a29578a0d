//! Open loop: requests at even distances.

use super::{Shape, Starts};
use crate::rate::Rate;

/// `--request-rate` with `--arrival-pattern constant`.
pub(super) const SHAPE: Shape = Shape {
    of: spec::Shape::Constant,
    starts: |phase, _, _| {
        let rate = Rate::of(phase);
        // Each due time from its number, not from the one before: no rounding adds up.
        Starts::Requests(Box::new((0_u32..).map_while(move |number| rate.when(f64::from(number)))))
    },
};
