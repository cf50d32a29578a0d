//! A number of users, each of which sends at even distances and never overlaps itself.

use super::{Shape, Starts, Users};
use common::clock::DurationNs;

/// `--user-centric-rate` with `--num-users`.
pub(super) const SHAPE: Shape = Shape {
    of: spec::Shape::UserCentric,
    starts: |phase, _, _| {
        let count = phase.users.unwrap_or(1);
        let gap = DurationNs::from_seconds(f64::from(count) / phase.request_rate.unwrap_or(1.0));
        Starts::Users(Users { count, gap })
    },
};
