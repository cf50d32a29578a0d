//! Closed loop: a fixed number of sessions at once; one starts when another has ended.

use super::{Shape, Starts};

/// `--concurrency` without a rate.
pub(super) const SHAPE: Shape = Shape {
    name: "concurrency",
    text: "Keeps --concurrency sessions open: one starts as soon as another has ended.",
    starts: |_, _, _| Starts::Places,
};
