//! Answers: whether two numbers differ, and whether a condition holds. Each may be that the data can't tell.

use crate::difference::Difference;

/// Whether two numbers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// They do.
    Yes,
    /// They differ by less than what matters: more would have been seen.
    No,
    /// The data can't tell.
    CantTell,
}

/// The least difference that matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Relevant {
    /// A share of the number that is compared with.
    Share(f64),
    /// In the unit of the numbers.
    Absolute(f64),
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It holds at both ends of the interval.
    Holds,
    /// It holds at neither.
    HoldsNot,
    /// It holds at one of them.
    CantTell,
}

impl Answer {
    /// Its name, in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::CantTell => "can't tell",
        }
    }
}

impl Relevant {
    /// In the unit of the number that is compared with.
    #[must_use]
    pub fn of(self, base: f64) -> f64 {
        match self {
            Self::Share(share) => share * base.abs(),
            Self::Absolute(least) => least,
        }
    }
}

/// The answer for a difference: `is_significant` is that of its family, `error` the probability of error that a row has there.
#[must_use]
pub fn answer(difference: &Difference, is_significant: bool, error: f64, relevant: f64) -> Answer {
    if is_significant {
        return Answer::Yes;
    }
    if difference.visible(error) <= relevant { Answer::No } else { Answer::CantTell }
}

/// Whether a condition holds for a number, given the difference to its limit.
#[must_use]
pub fn gate(difference: &Difference, is_met: fn(&f64, &f64) -> bool) -> Gate {
    match (is_met(&difference.low, &0.0), is_met(&difference.high, &0.0)) {
        (true, true) => Gate::Holds,
        (false, false) => Gate::HoldsNot,
        _ => Gate::CantTell,
    }
}

/// The least difference of error rates that matters: one in a hundred requests.
pub const RELEVANT_POINTS: f64 = 0.01;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::difference::{Spread, between};

    fn difference(base: f64, value: f64, error: f64) -> Difference {
        let spread = |value| Spread { value, below: error, above: error, freedom: 1e6 };
        between(spread(base), spread(value))
    }

    #[test]
    fn no_takes_as_much_as_yes() {
        let sure = difference(100.0, 100.2, 0.5);
        assert_eq!(
            answer(&sure, false, 0.05, Relevant::Share(0.05).of(100.0)),
            Answer::No,
            "2 % are visible"
        );
        let unsure = difference(100.0, 100.2, 5.0);
        assert_eq!(
            answer(&unsure, false, 0.05, Relevant::Share(0.05).of(100.0)),
            Answer::CantTell,
            "20 % are"
        );
        assert_eq!(answer(&unsure, true, 0.05, 5.0), Answer::Yes, "by its family");
    }

    #[test]
    fn a_gate_needs_the_whole_interval() {
        assert_eq!(gate(&difference(105.0, 112.0, 1.0), f64::gt), Gate::Holds, "all above");
        assert_eq!(gate(&difference(105.0, 104.0, 1.0), f64::gt), Gate::CantTell, "on both sides");
        assert_eq!(gate(&difference(105.0, 98.0, 1.0), f64::gt), Gate::HoldsNot, "all below");
        assert_eq!(gate(&difference(100.0, 100.0, 0.0), f64::ge), Gate::Holds, "certain numbers are exact");
        assert_eq!(
            gate(&difference(100.0, 100.0, 0.0), f64::gt),
            Gate::HoldsNot,
            "certain numbers are exact"
        );
    }
}
