//! `monotonic_sla`: doubles the load until a limit is missed, then halves the gap.
//!
//! ```text
//! lo ── × 2 ── × 2 ── missed       feasible ├──── middle ────┤ infeasible       until the gap is below 5 % of its upper end
//! ```
//!
//! As AIPerf's planner of this name does, a value is asked for until a number of runs agree, and the number itself decides: how
//! sure it is makes no difference.

use super::config::Search;
use super::side::{Side, same};
use super::{Ask, Border, Found, Outcome, Planner, Probe, Trial};

/// The planner.
pub(super) struct Monotonic {
    lo: f64,
    hi: f64,
    agreements: usize,
    most: usize,
    trials: usize,
    tallies: Vec<Tally>,
    feasible: Option<(f64, usize)>,
    infeasible: Option<(f64, usize)>,
    is_halving: bool,
    next: f64,
    done: Option<&'static str>,
    notes: Vec<String>,
}

/// How often a value met the limits, and how often not.
struct Tally {
    value: f64,
    met: usize,
    missed: usize,
}

impl Monotonic {
    pub(super) fn new(search: &Search) -> Self {
        let axis = &search.search_space[0];
        Self {
            lo: axis.lo,
            hi: axis.hi,
            agreements: search.monotonic_stability_trials,
            most: search.max_iterations,
            trials: 0,
            tallies: Vec::new(),
            feasible: None,
            infeasible: None,
            is_halving: false,
            next: axis.lo,
            done: None,
            notes: Vec::new(),
        }
    }

    /// Whether a value meets the limits, once enough runs agree.
    fn agreed(&mut self, value: f64, is_feasible: bool) -> Option<bool> {
        let place = self.tallies.iter().position(|tally| same(tally.value, value));
        let place = place.unwrap_or_else(|| {
            self.tallies.push(Tally { value, met: 0, missed: 0 });
            self.tallies.len() - 1
        });
        let tally = &mut self.tallies[place];
        *if is_feasible { &mut tally.met } else { &mut tally.missed } += 1;
        if tally.met >= self.agreements {
            return Some(true);
        }
        (tally.missed >= self.agreements).then_some(false)
    }

    /// Narrows the gap; what contradicts it is noted, and changes nothing.
    fn narrow(&mut self, value: f64, is_feasible: bool, trial: usize) {
        let is_below = self.infeasible.is_none_or(|(bound, _)| value < bound);
        let is_above = self.feasible.is_none_or(|(bound, _)| value > bound);
        if is_feasible && !is_below || !is_feasible && !is_above {
            self.notes.push(format!(
                "the answer at {value} contradicts those before: the limits are not monotonic"
            ));
        } else if is_feasible && is_above {
            self.feasible = Some((value, trial));
        } else if !is_feasible && is_below {
            self.infeasible = Some((value, trial));
        }
    }

    fn plan(&mut self, value: f64, is_feasible: bool) {
        if !self.is_halving && is_feasible {
            if value >= self.hi {
                self.done = Some("monotonic_no_failure_in_range");
            }
            self.next = (value * 2.0).min(self.hi);
            return;
        }
        self.is_halving = true;
        let (Some((feasible, _)), Some((infeasible, _))) = (self.feasible, self.infeasible) else {
            self.done = Some("monotonic_no_pass_in_range");
            return;
        };
        let gap = infeasible - feasible;
        if gap <= 1.0 || gap / infeasible < PRECISION {
            self.done = Some("monotonic_precision_reached");
        }
        self.next = feasible + (gap / 2.0).floor();
    }
}

impl Planner for Monotonic {
    fn ask(&mut self) -> Ask {
        match self.done {
            Some(why) => Ask::Done(why),
            None if self.trials >= self.most => Ask::Done("max_iterations"),
            None => Ask::Measure(Probe { values: vec![self.next], length: 1, confirms: false }),
        }
    }

    fn tell(&mut self, trial: &Trial) {
        let index = self.trials;
        self.trials += 1;
        let value = trial.probe.values.first().copied().unwrap_or(self.lo);
        if let Outcome::ClientLimited(_) = trial.outcome {
            self.notes.push(format!("the client was the limit at {value}"));
        }
        let is_feasible = Side::of(&trial.outcome).looks_feasible();
        if let Some(is_feasible) = self.agreed(value, is_feasible) {
            self.narrow(value, is_feasible, index);
            self.plan(value, is_feasible);
        }
    }

    fn found(&self) -> Found {
        let mut notes = self.notes.clone();
        match self.done {
            Some("monotonic_no_pass_in_range") => {
                notes.push(format!("the limits are missed at {} already", self.lo))
            }
            Some("monotonic_no_failure_in_range") => {
                notes.push(format!("the limits are met up to {}, the space's end", self.hi))
            }
            _ => {}
        }
        Found {
            best: self.feasible.iter().map(|(_, trial)| *trial).collect(),
            border: Some(Border { feasible: self.feasible, infeasible: self.infeasible, interval: None }),
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }
}

/// The gap at which the search stops, as a share of its upper end.
const PRECISION: f64 = 0.05;

#[cfg(test)]
mod tests {
    use crate::search::scripted::{finish, judged_at_most};
    use crate::search::{Outcome, Probe};
    use serde_json::json;

    #[track_caller]
    fn check(
        (hi, agreements): (u32, u32),
        outcome: impl FnMut(&Probe) -> Outcome,
        (values, reason, best): (&[f64], &str, Option<f64>),
    ) {
        let block = json!({
            "planner": "monotonic_sla", "max_iterations": 20, "monotonic_stability_trials": agreements,
            "search_space": [{"path": "concurrency", "lo": 1, "hi": hi, "kind": "int"}],
            "sla_filters": [{"metric_tag": "time_to_first_token", "op": "lt", "threshold": 120}],
        });
        let finished = finish(block, outcome);
        assert_eq!((finished.values().as_slice(), finished.reason), (values, reason));
        assert_eq!(finished.best(), best, "{}", finished.note());
    }

    #[test]
    fn the_probes_are_those_of_aiperf() {
        // As in AIPerf 0.13.0 against a server of which 18 met and 19 missed.
        let twice = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 24.0, 20.0, 18.0, 19.0].map(|value| [value; 2]);
        let probes = twice.as_flattened();
        let outcome = |probe: &Probe| judged_at_most(probe.values[0], 18.0);
        check((64, 2), outcome, (probes, "monotonic_precision_reached", Some(18.0)));
    }

    #[test]
    fn a_range_may_lie_on_one_side() {
        let at_most = |most: f64| move |probe: &Probe| judged_at_most(probe.values[0], most);
        check((12, 1), at_most(0.0), (&[1.0], "monotonic_no_pass_in_range", None));
        check(
            (12, 1),
            at_most(99.0),
            (&[1.0, 2.0, 4.0, 8.0, 12.0], "monotonic_no_failure_in_range", Some(12.0)),
        );
    }

    #[test]
    fn what_is_not_the_server_is_never_feasible() {
        let outcome = |probe: &Probe| match probe.values[0] {
            ..3.0 => judged_at_most(1.0, 2.0),
            3.0 => Outcome::Failed("refused".to_owned()),
            _ => Outcome::ClientLimited("busy".to_owned()),
        };
        check((64, 1), outcome, (&[1.0, 2.0, 4.0, 3.0], "monotonic_precision_reached", Some(2.0)));
    }

    #[test]
    fn runs_are_repeated_until_enough_agree() {
        let mut run = 0;
        let outcome = |probe: &Probe| {
            run += 1;
            judged_at_most(probe.values[0], if run == 2 { 0.0 } else { 1.0 })
        };
        check((2, 2), outcome, (&[1.0, 1.0, 1.0, 2.0, 2.0], "monotonic_precision_reached", Some(1.0)));
    }
}
