//! When something that should make progress counts as hanging.

use common::clock::{DurationNs, MonoNs};

/// A value, and since when it has been the same.
#[derive(Debug)]
pub(crate) struct Since<T> {
    pub(crate) value: T,
    pub(crate) since: MonoNs,
}

impl<T: PartialEq> Since<T> {
    /// Updates the value; returns how long it has been this one.
    pub(crate) fn same(&mut self, value: T, now: MonoNs) -> DurationNs {
        if self.value != value {
            (self.value, self.since) = (value, now);
        }
        now - self.since
    }
}

/// A thread or process that does nothing for so long hangs.
pub(crate) const STANDSTILL: DurationNs = DurationNs::from_millis(10_000);
/// A response that takes longer to parse is treated as a hang.
pub(crate) const PARSER_STANDSTILL: DurationNs = DurationNs::from_millis(60_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_the_same_stands_still() {
        let at = |ms: i64| MonoNs(0) + DurationNs::from_millis(ms);
        let mut since = Since { value: 1, since: at(0) };
        assert_eq!(since.same(1, at(5)), DurationNs::from_millis(5), "the same");
        assert_eq!(since.same(2, at(6)), DurationNs::from_millis(0), "another");
        assert_eq!(since.same(2, at(9)), DurationNs::from_millis(3), "since then");
    }
}
