//! `random_pool`: rows of `single_turn`, of which each conversation draws one, with replacement.

use super::Context;
use super::dataset::{Format, Reading};
use super::single_turn;

pub(super) const FORMAT: Format = Format {
    name: "random_pool",
    read: Reading::Lines(single_turn::row),
    context: Context::Alone,
    fits: |_| false,
    lengths: super::limits::NAMES,
};
