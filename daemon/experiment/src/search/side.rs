//! On which side of the limits a run lies.

use super::{Answer, Limit, Measured, Op, Outcome};

/// What a run says about all limits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Every limit is met.
    Feasible,
    /// A limit is missed, or the run has no results.
    Infeasible,
    /// No limit is surely missed, and one is not surely met.
    Unsure {
        /// Whether the numbers themselves meet every limit.
        looks_feasible: bool,
    },
    /// The client was the limit: the load is too much for it, and the server is unknown.
    Client,
}

impl Side {
    /// The side of an outcome.
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::ClientLimited(_) => Self::Client,
            Outcome::Failed(_) => Self::Infeasible,
            Outcome::Measured(measured) => Self::of_measured(measured),
        }
    }

    fn of_measured(measured: &Measured) -> Self {
        let mut side = Self::Feasible;
        for judged in &measured.limits {
            match (judged.answer, side) {
                (Answer::Met, _) => {}
                (Answer::Missed, _) => return Self::Infeasible,
                (Answer::Unsure { looks_met: false }, _) => side = Self::Unsure { looks_feasible: false },
                (Answer::Unsure { looks_met: true }, Self::Feasible) => {
                    side = Self::Unsure { looks_feasible: true };
                }
                (Answer::Unsure { looks_met: true }, _) => {}
            }
        }
        side
    }

    /// Whether the numbers themselves meet every limit.
    pub(super) const fn looks_feasible(self) -> bool {
        matches!(self, Self::Feasible | Self::Unsure { looks_feasible: true })
    }
}

/// How far a number is on the wrong side of a limit: negative on the right one.
pub(super) fn excess(limit: &Limit, number: f64) -> f64 {
    match limit.op {
        Op::Lt | Op::Le => number - limit.threshold,
        Op::Gt | Op::Ge => limit.threshold - number,
    }
}

/// [`excess`] as a share of the threshold; as it is for a threshold of zero.
pub(super) fn share_in_excess(limit: &Limit, number: f64) -> f64 {
    let scale = if limit.threshold.abs() > 0.0 { limit.threshold.abs() } else { 1.0 };
    excess(limit, number) / scale
}

/// Whether two values of an axis are one.
pub(super) fn same(one: f64, other: f64) -> bool {
    one.total_cmp(&other).is_eq()
}

/// A count as a number.
pub(super) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Judged;

    #[track_caller]
    fn check(answers: &[Answer], expected: Side) {
        let limits = answers.iter().map(|answer| Judged { observed: None, answer: *answer }).collect();
        let measured = Measured { objectives: Vec::new(), limits, load: None, requests: 1, is_cut: false };
        assert_eq!(Side::of(&Outcome::Measured(measured)), expected, "{answers:?}");
    }

    #[test]
    fn the_worst_answer_counts() {
        let (looks_met, looks_missed) =
            (Answer::Unsure { looks_met: true }, Answer::Unsure { looks_met: false });
        check(&[], Side::Feasible);
        check(&[Answer::Met, Answer::Met], Side::Feasible);
        check(&[Answer::Met, Answer::Missed, looks_met], Side::Infeasible);
        check(&[Answer::Met, looks_met], Side::Unsure { looks_feasible: true });
        check(&[looks_missed, looks_met], Side::Unsure { looks_feasible: false });
        check(&[looks_met, looks_missed, Answer::Met], Side::Unsure { looks_feasible: false });
        assert_eq!(Side::of(&Outcome::Failed(String::new())), Side::Infeasible);
        assert_eq!(Side::of(&Outcome::ClientLimited(String::new())), Side::Client);
        assert!(!Side::Client.looks_feasible());
    }

    #[test]
    fn an_excess_is_on_the_wrong_side() {
        let limit = |op| Limit { metric_tag: String::new(), stat: String::new(), op, threshold: 100.0 };
        let found = [Op::Lt, Op::Le, Op::Gt, Op::Ge].map(|op| share_in_excess(&limit(op), 80.0));
        assert_eq!(found.map(f64::to_bits), [-0.2, -0.2, 0.2, 0.2].map(f64::to_bits));
    }
}
