//! The rows of a comparison, judged together.
//!
//! ```text
//! one run a side      its requests, dependence-aware, and an allowance for what runs differ by ──┐
//! several on a side   means over runs: Welch ───────────────────────────────────────────────────┼──▶ Holm ──▶ yes
//! error rates         Newcombe ─────────────────────────────────────────────────────────────────┘         └──▶ no, can't tell
//! ```

use crate::answer::{Answer, answer};
use crate::difference::{Difference, Spread, between};
use crate::family::holm;
use crate::number::float_of;
use crate::precision::Needs;
use crate::runs::{of_requests, welch};

/// A statistic on one side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Its value in each run.
    pub runs: &'a [f64],
    /// What the requests of a run imply about it.
    pub within: Result<Spread, Needs>,
}

/// The judgement of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// Whether the two sides differ.
    pub answer: Answer,
    /// The least difference that would have been seen in four of five comparisons; absent without intervals.
    pub visible: Option<f64>,
    /// The difference and its 95 % interval, not corrected for the number of rows.
    pub difference: Option<Difference>,
    /// Why there is no difference to judge.
    pub needs: Option<Needs>,
}

/// The difference of two sides; `variation` is the standard deviation over runs that single runs are allowed, as a share.
///
/// Of several runs it is the less certain of two: that over runs, and that which their requests imply, for runs that happen to
/// agree are no surer than what they are made of.
///
/// # Errors
/// When a side has neither several runs nor an interval.
pub fn difference(base: Side<'_>, other: Side<'_>, variation: f64) -> Result<Difference, Needs> {
    let sides = [base, other];
    let Some([over_base, over_other]) = welch([base.runs, other.runs]) else {
        let [base, other] = sides.map(|side| {
            let within = side.within?;
            Ok(within.widened(variation * within.value.abs()))
        });
        return Ok(between(base?, other?));
    };
    let over_runs = between(over_base, over_other);
    let [within_base, within_other] =
        sides.map(|side| side.within.ok().map(|within| of_requests(side.runs, &within)));
    let of_requests = within_base.zip(within_other).map(|(base, other)| between(base, other));
    Ok(of_requests.map_or(over_runs, |of_requests| over_runs.less_certain(of_requests)))
}

/// What is asked of a row.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The difference of its two sides.
    pub difference: Result<Difference, Needs>,
    /// The least shift that matters: one that would have been seen is needed for a "no".
    pub relevant: f64,
    /// A difference that is surely smaller than this is a "no", however sure it is.
    pub least: f64,
}

/// Judges rows together: with a probability of 95 % no "yes" is false.
#[must_use]
pub fn judge(rows: &[Question]) -> Vec<Judgement> {
    let known = rows.iter().filter_map(|row| row.difference.ok());
    let probabilities = known.map(|difference| difference.probability).collect::<Vec<_>>();
    let error = ERROR / float_of(probabilities.len().max(1));
    let mut significant = holm(&probabilities, ERROR).into_iter();
    let judged = rows.iter().map(|row| match row.difference {
        Ok(difference) => {
            let is_small = difference.low.abs().max(difference.high.abs()) < row.least;
            let is_significant = significant.next().unwrap_or(false) && !is_small;
            let answer = match answer(&difference, is_significant, error, row.relevant) {
                Answer::CantTell if is_small => Answer::No,
                answer => answer,
            };
            Judgement {
                answer,
                visible: Some(difference.visible(error)),
                difference: Some(difference),
                needs: None,
            }
        }
        Err(needs) => {
            Judgement { answer: Answer::CantTell, visible: None, difference: None, needs: Some(needs) }
        }
    });
    judged.collect()
}

/// The standard deviation over runs of one load that a single run is allowed, as a share of the number.
///
/// Runs of one load differ by more than their requests show: memory is laid out differently, another core serves, caches are
/// warmer. One run on each side can't see by how much, so this much is assumed. docs/STATISTICS.md has measured ones.
pub const RUN_VARIATION: f64 = 0.05;

/// The probability of a false "yes" in a table.
const ERROR: f64 = 0.05;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::precision::Reason;

    fn side(runs: &[f64], error: f64) -> Side<'_> {
        let within = Spread { value: runs[0], below: error, above: error, freedom: 1000.0 };
        Side { runs, within: Ok(within) }
    }

    fn check(base: &[f64], other: &[f64], variation: f64, expected: Answer) {
        let found = difference(side(base, 0.2), side(other, 0.2), variation);
        let found = judge(&[Question { difference: found, relevant: 5.0, least: 5.0 }]);
        assert_eq!(found[0].answer, expected, "{base:?} {other:?}: {found:?}");
    }

    #[test]
    fn one_run_a_side_finds_large_differences_only() {
        check(&[100.0], &[106.0], 0.0, Answer::Yes);
        check(&[100.0], &[104.0], 0.0, Answer::No);
        check(&[100.0], &[104.0], RUN_VARIATION, Answer::CantTell);
        check(&[100.0], &[130.0], RUN_VARIATION, Answer::Yes);
        check(&[100.0], &[100.0], 0.0, Answer::No);
    }

    #[test]
    fn several_runs_show_what_runs_differ_by() {
        let base = [100.0, 100.4, 99.6, 100.1];
        check(&base, &[106.0, 106.4, 105.8, 106.1], RUN_VARIATION, Answer::Yes);
        // Sure, and small: sessions on one machine differ by as much.
        check(&base, &[102.0, 102.4, 101.8, 102.1], RUN_VARIATION, Answer::No);
        check(&base, &[100.1, 100.3, 99.7, 100.2], RUN_VARIATION, Answer::No);
        check(&base, &[95.0, 109.0, 99.0, 112.0], RUN_VARIATION, Answer::CantTell);
    }

    #[test]
    fn runs_that_agree_are_no_surer_than_their_requests() {
        check(&[20.0, 20.0], &[20.3, 20.3], RUN_VARIATION, Answer::No);
        check(&[20.0, 20.0], &[30.0, 30.0], RUN_VARIATION, Answer::Yes);
    }

    #[test]
    fn a_row_without_interval_has_its_reason() {
        let unknown = Side { runs: &[1.0], within: Err(Needs::of(Reason::NoSample)) };
        let difference = difference(unknown, side(&[2.0], 0.1), 0.0);
        let found = judge(&[Question { difference, relevant: 1.0, least: 1.0 }]);
        assert_eq!(
            (found[0].answer, found[0].needs),
            (Answer::CantTell, Some(Needs::of(Reason::NoSample))),
            "{found:?}"
        );
    }
}
