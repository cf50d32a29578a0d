//! Closed loop: a fixed number of sessions at once; one starts when another has ended.

use super::{Shape, Starts};

/// `--concurrency` without a rate.
pub(super) const SHAPE: Shape = Shape { of: spec::Shape::Concurrency, starts: |_, _, _| Starts::Places };
