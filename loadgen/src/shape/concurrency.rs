//! Closed loop: a fixed number of requests in flight; one is due when another has ended.

use super::Shape;

/// `--concurrency` without a rate.
pub(super) const SHAPE: Shape = Shape {
    name: "concurrency",
    text: "Keeps --concurrency requests in flight: one is due as soon as another has ended.",
    arrivals: |_, _| None,
};
