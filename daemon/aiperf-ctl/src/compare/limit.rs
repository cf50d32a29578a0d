//! Judges the runs of one load by an absolute limit, for experiments.

use super::figures::{Figure, Figures};
use super::gate::Condition;
use super::side::Side;
use metric::MetricResult;
use statistics::Gate;

/// The runs of one load.
pub(crate) struct Judgeable(Side);

impl Judgeable {
    /// Runs with these results, at least one.
    pub(crate) fn of<'a>(runs: impl Iterator<Item = &'a [MetricResult]>) -> Self {
        let runs = runs.map(|results| Figures::of_report(String::new(), results));
        Self(Side { label: String::new(), runs: runs.collect() })
    }

    /// A number of the run, or the mean over runs.
    pub(crate) fn figure(&self, tag: &str, stat: &str) -> Option<Figure> {
        self.0.figure(tag, stat)
    }

    /// Whether it is on the right side of a threshold.
    pub(crate) fn gate(&self, tag: &str, stat: &str, is_met: fn(&f64, &f64) -> bool, threshold: f64) -> Gate {
        let condition = Condition::absolute(tag, stat, is_met, threshold);
        let outcome =
            condition.and_then(|condition| condition.judge(std::slice::from_ref(&self.0), 0.0, 1).ok());
        outcome.and_then(|mut outcomes| outcomes.pop()).map_or(Gate::CantTell, |outcome| outcome.gate)
    }
}

/// The ends of a figure's interval; both are infinitely far where it is not known, and the figure itself where it is a fact.
pub(crate) fn ends(figure: &Figure) -> (f64, f64) {
    match figure.precision {
        None => (figure.value, figure.value),
        Some(Ok(interval)) => (interval.low, interval.high),
        Some(Err(_)) => (f64::NEG_INFINITY, f64::INFINITY),
    }
}
