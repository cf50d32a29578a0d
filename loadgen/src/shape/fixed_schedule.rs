//! Replay: sessions start at the trace's times.

use super::{Shape, Starts};

/// `--fixed-schedule`, and traces whose rows have timestamps.
pub(super) const SHAPE: Shape = Shape {
    of: spec::Shape::FixedSchedule,
    starts: |_, _, trace| {
        let trace = std::sync::Arc::clone(trace);
        Starts::Sessions(Box::new((0..trace.len()).map(move |place| trace[place])))
    },
};
