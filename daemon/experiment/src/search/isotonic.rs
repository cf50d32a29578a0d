//! `smooth_isotonic`: doubles the load until a limit is missed, then goes to where a rising curve through the numbers crosses it.
//!
//! ```text
//! lo ── × 2 ── × 2 ── missed     three values between ──▶ rising curve ──▶ where it crosses ──▶ measured, repeated if asked for
//!                                         ▲                    │
//!                                         └── two more ◀── too level, or the repetitions lie on both sides
//! ```
//!
//! Phases, precision and reasons are AIPerf's. Between the points of the rising curve lie straight lines.

use super::config::Search;
use super::isotone::{reaches_zero, rising};
use super::side::{Side, excess, float, same};
use super::{Ask, Border, Found, Limit, Outcome, Planner, Probe, Trial};
use crate::design::Random;
use std::collections::VecDeque;

/// The planner.
pub(super) struct Isotonic {
    lo: f64,
    hi: f64,
    limits: Vec<Limit>,
    replicates: usize,
    seed: u64,
    most: usize,
    trials: usize,
    points: Vec<Point>,
    feasible: Option<(f64, usize)>,
    infeasible: Option<(f64, usize)>,
    phase: Phase,
    queue: VecDeque<f64>,
    candidate: f64,
    binding: usize,
    fits: usize,
    done: Option<&'static str>,
    notes: Vec<String>,
}

/// What the runs at a value gave.
struct Point {
    value: f64,
    /// The excess over each limit, in each run that has the number.
    excesses: Vec<Vec<f64>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Doubling,
    Fitting,
    Repeating,
    /// The curve jumps: a fit across the jump says nothing.
    Halving,
}

impl Isotonic {
    pub(super) fn new(search: &Search) -> Self {
        let axis = &search.search_space[0];
        Self {
            lo: axis.lo,
            hi: axis.hi,
            limits: search.limits(),
            replicates: search.sla_replicates.min(REPLICATES_MAX),
            seed: search.random_seed.unwrap_or(0),
            most: search.max_iterations,
            trials: 0,
            points: Vec::new(),
            feasible: None,
            infeasible: None,
            phase: Phase::Doubling,
            queue: VecDeque::from([axis.lo]),
            candidate: axis.lo,
            binding: 0,
            fits: 0,
            done: None,
            notes: Vec::new(),
        }
    }

    fn absorb(&mut self, value: f64, trial: &Trial, index: usize) {
        let mut at = self.points.partition_point(|point| point.value < value);
        if self.points.get(at).is_none_or(|point| !same(point.value, value)) {
            self.points.insert(at, Point { value, excesses: vec![Vec::new(); self.limits.len()] });
            at = self.points.partition_point(|point| point.value < value);
        }
        if let Outcome::Measured(measured) = &trial.outcome {
            let answers = self.limits.iter().zip(&measured.limits).zip(&mut self.points[at].excesses);
            for ((limit, judged), excesses) in answers {
                excesses.extend(judged.observed.map(|observed| excess(limit, observed.value)));
            }
        }
        let is_feasible = Side::of(&trial.outcome).looks_feasible();
        let is_below = self.infeasible.is_none_or(|(bound, _)| value < bound);
        let is_above = self.feasible.is_none_or(|(bound, _)| value > bound);
        if is_feasible && !is_below || !is_feasible && !is_above {
            self.notes.push(format!(
                "the answer at {value} contradicts those before: the limits are not monotonic"
            ));
        } else if is_feasible && is_above {
            self.feasible = Some((value, index));
        } else if !is_feasible && is_below {
            self.infeasible = Some((value, index));
        }
    }

    fn double(&mut self, value: f64) {
        if self.infeasible.is_some() {
            if self.feasible.is_none() {
                self.done = Some("smooth_isotonic_no_pass_in_range");
                return;
            }
            self.phase = Phase::Fitting;
            self.queue_between(&[0.25, 0.5, 0.75]);
            if self.queue.is_empty() {
                self.fit();
            }
        } else if value >= self.hi {
            self.done = Some("smooth_isotonic_no_failure_in_range");
        } else {
            self.queue.push_back((value * 2.0).min(self.hi));
        }
    }

    /// Queues values at shares of the gap that were not measured.
    fn queue_between(&mut self, shares: &[f64]) {
        let Some((feasible, infeasible)) = self.gap() else { return };
        let gap = infeasible - feasible;
        for share in shares.iter().filter(|_| gap > 1.0) {
            let value = feasible + (gap * share).round_ties_even().max(1.0);
            let value = value.min(infeasible - 1.0).max(feasible + 1.0);
            let is_known = self.points.iter().any(|point| same(point.value, value));
            if !is_known && !self.queue.iter().any(|queued| same(*queued, value)) {
                self.queue.push_back(value);
            }
        }
    }

    const fn gap(&self) -> Option<(f64, f64)> {
        match (self.feasible, self.infeasible) {
            (Some((feasible, _)), Some((infeasible, _))) => Some((feasible, infeasible)),
            _ => None,
        }
    }

    /// The values at which a limit's number is known, and the means of its excess.
    fn curve(&self, limit: usize) -> (Vec<f64>, Vec<f64>) {
        let known = self.points.iter().filter(|point| !point.excesses[limit].is_empty());
        known.map(|point| (point.value, mean(&point.excesses[limit]))).unzip()
    }

    /// The limit with the greatest excess at the greatest load, and where its curve reaches zero inside the gap.
    fn fit(&mut self) {
        self.fits += 1;
        let last = |limit: &usize| self.curve(*limit).1.last().copied().unwrap_or(f64::NEG_INFINITY);
        let binding = (0..self.limits.len()).max_by(|one, other| last(one).total_cmp(&last(other)));
        self.binding = binding.unwrap_or(0);
        let Some((feasible, infeasible)) = self.gap() else { return };
        let (places, excesses) = self.curve(self.binding);
        let fitted = rising(&excesses, &vec![1.0; excesses.len()]);
        let crossing = reaches_zero(&places, &fitted).filter(|place| (feasible..=infeasible).contains(place));
        let is_narrow = infeasible - feasible <= 1.0;
        let Some(place) =
            crossing.or_else(|| (!is_narrow).then(|| f64::midpoint(feasible, infeasible).floor()))
        else {
            self.done = Some("smooth_isotonic_pchip_fallback_bisection");
            return;
        };
        let place = place.round_ties_even().max(feasible + 1.0).min(infeasible - 1.0);
        let mut steps = fitted.clone();
        steps.dedup_by(|one, other| (*one - *other).abs() <= 1e-9);
        if (excesses.len() < 4 || steps.len() < 3) && self.fits < FITS_MAX {
            self.queue_between(&[0.125, 0.625]);
            if !self.queue.is_empty() {
                return;
            }
        }
        self.settle(place, &places, &excesses, &fitted);
    }

    /// Measures the candidate, or stops.
    fn settle(&mut self, candidate: f64, places: &[f64], excesses: &[f64], fitted: &[f64]) {
        self.candidate = candidate;
        if self.is_jump(places, excesses, fitted) {
            self.notes.push("the numbers jump at the border".to_owned());
            self.phase = Phase::Halving;
            self.halve();
        } else if self.is_precise() {
            self.done = Some("smooth_isotonic_precision_reached");
        } else if self.replicates > 0 {
            self.queue.extend(std::iter::repeat_n(candidate, self.replicates));
            self.phase = Phase::Repeating;
        } else if self.points.iter().any(|point| same(point.value, candidate)) {
            self.done = Some("smooth_isotonic_precision_reached");
        } else {
            self.queue.push_back(candidate);
        }
    }

    /// Whether the number at the greatest load is far off the curve, compared with how the last three differ, while the gap is wide.
    fn is_jump(&self, places: &[f64], excesses: &[f64], fitted: &[f64]) -> bool {
        let (Some(last), Some(fit), Some((feasible, infeasible))) =
            (excesses.last(), fitted.last(), self.gap())
        else {
            return false;
        };
        let recent = &excesses[excesses.len().saturating_sub(3)..];
        let around = mean(recent);
        let squares = recent.iter().map(|excess| (excess - around).powi(2)).sum::<f64>();
        let deviation = (squares / float(recent.len())).sqrt();
        let is_wide = infeasible - feasible > PRECISION * self.hi;
        places.len() >= 3 && deviation > 0.0 && (last - fit).abs() > 3.0 * deviation && is_wide
    }

    fn is_precise(&self) -> bool {
        self.gap().is_some_and(|(feasible, infeasible)| {
            infeasible - feasible <= 1.0 || (infeasible - feasible) / infeasible < PRECISION
        })
    }

    fn halve(&mut self) {
        match self.gap().filter(|_| !self.is_precise()) {
            Some((feasible, infeasible)) => self.queue.push_back(f64::midpoint(feasible, infeasible).floor()),
            None => self.done = Some("smooth_isotonic_cliff_precision_reached"),
        }
    }

    /// Stops when the repetitions lie on one side, and fits again otherwise.
    fn repeated(&mut self) {
        let (low, high) = self.repetitions().unwrap_or((0.0, 0.0));
        let is_undecided = low <= 0.0 && high >= 0.0 && high > low;
        if is_undecided {
            self.queue_between(&[0.125, 0.625]);
        }
        if self.queue.is_empty() {
            self.done = Some("smooth_isotonic_precision_reached");
        } else {
            self.phase = Phase::Fitting;
        }
    }

    /// Between which values the mean excess at the candidate lies with 95 % probability, by resampling.
    fn repetitions(&self) -> Option<(f64, f64)> {
        let point = self.points.iter().find(|point| same(point.value, self.candidate))?;
        let excesses = point.excesses.get(self.binding).filter(|excesses| excesses.len() >= 2)?;
        let mut random = Random::new(self.seed);
        let last = u32::try_from(excesses.len() - 1).ok()?;
        let mut drawn =
            || mean(&excesses.iter().map(|_| excesses[random.up_to(last) as usize]).collect::<Vec<_>>());
        let mut means = (0..RESAMPLES).map(|_| drawn()).collect::<Vec<_>>();
        means.sort_by(f64::total_cmp);
        Some((means[RESAMPLES / 40], means[RESAMPLES - 1 - RESAMPLES / 40]))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / float(values.len().max(1))
}

impl Planner for Isotonic {
    fn ask(&mut self) -> Ask {
        match (self.done, self.queue.front()) {
            (Some(why), _) => Ask::Done(why),
            (None, Some(value)) if self.trials < self.most => {
                Ask::Measure(Probe { values: vec![*value], length: 1, confirms: false })
            }
            _ => Ask::Done("max_iterations"),
        }
    }

    fn tell(&mut self, trial: &Trial) {
        let index = self.trials;
        self.trials += 1;
        self.queue.pop_front();
        let value = trial.probe.values.first().copied().unwrap_or(self.lo);
        if let Outcome::ClientLimited(_) = trial.outcome {
            self.notes.push(format!("the client was the limit at {value}"));
        }
        self.absorb(value, trial, index);
        if !self.queue.is_empty() || self.done.is_some() {
            return;
        }
        match self.phase {
            Phase::Doubling => self.double(value),
            Phase::Fitting => self.fit(),
            Phase::Repeating => self.repeated(),
            Phase::Halving => self.halve(),
        }
    }

    fn found(&self) -> Found {
        let mut notes = self.notes.clone();
        match self.done {
            Some("smooth_isotonic_no_pass_in_range") => {
                notes.push(format!("the limits are missed at {} already", self.lo));
            }
            Some("smooth_isotonic_no_failure_in_range") => {
                notes.push(format!("the limits are met up to {}, the space's end", self.hi));
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
/// The most fits that ask for more values.
const FITS_MAX: usize = 3;
const REPLICATES_MAX: usize = 20;
const RESAMPLES: usize = 2000;

#[cfg(test)]
mod tests {
    use crate::search::scripted::{finish, judged_at_most};
    use crate::search::side::same;
    use crate::search::{Outcome, Probe};
    use serde_json::json;

    #[track_caller]
    fn check(
        (hi, replicates): (u32, u32),
        outcome: impl FnMut(&Probe) -> Outcome,
        (values, reason, best): (&[f64], &str, Option<f64>),
    ) {
        let block = json!({
            "planner": "smooth_isotonic", "max_iterations": 40, "sla_replicates": replicates,
            "search_space": [{"path": "concurrency", "lo": 1, "hi": hi, "kind": "int"}],
            "sla_filters": [{"metric_tag": "time_to_first_token", "op": "le", "threshold": 100}],
        });
        let finished = finish(block, outcome);
        assert_eq!((finished.values().as_slice(), finished.reason), (values, reason), "{}", finished.note());
        assert_eq!(finished.best(), best, "{}", finished.note());
    }

    /// 5 ms more with each request in flight.
    fn line(probe: &Probe) -> Outcome {
        judged_at_most(5.0 * probe.values[0], 100.0)
    }

    #[test]
    fn the_probes_are_those_of_aiperf() {
        // The p95 of TTFT that AIPerf 0.13.0 measured at each load, with a limit of 120 ms.
        let measured = [
            (1.0, 23.0),
            (2.0, 24.1),
            (4.0, 23.0),
            (8.0, 24.7),
            (16.0, 26.4),
            (32.0, 129.4),
            (20.0, 144.4),
            (24.0, 124.3),
            (28.0, 131.9),
            (19.0, 114.8),
        ];
        let outcome = |probe: &Probe| {
            let known = measured.iter().find(|(load, _)| same(*load, probe.values[0]));
            judged_at_most(known.map_or(f64::NAN, |(_, number)| number - 20.0), 100.0)
        };
        let probes = measured.map(|(load, _)| load);
        check((64, 0), outcome, (&probes, "smooth_isotonic_precision_reached", Some(19.0)));
    }

    #[test]
    fn the_crossing_of_a_line_is_found() {
        let probes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 20.0, 24.0, 28.0];
        // 20 is the crossing itself, so that the next candidate is 21.
        let probes = [probes.as_slice(), &[21.0]].concat();
        check((64, 0), line, (&probes, "smooth_isotonic_precision_reached", Some(20.0)));
    }

    #[test]
    fn a_range_may_lie_on_one_side() {
        let at_most = |most: f64| move |probe: &Probe| judged_at_most(probe.values[0], most);
        check((8, 0), at_most(0.0), (&[1.0], "smooth_isotonic_no_pass_in_range", None));
        check(
            (8, 0),
            at_most(9.0),
            (&[1.0, 2.0, 4.0, 8.0], "smooth_isotonic_no_failure_in_range", Some(8.0)),
        );
    }

    #[test]
    fn the_candidate_is_repeated_when_asked_for() {
        let probes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 20.0, 24.0, 28.0, 21.0, 21.0, 21.0];
        check((64, 3), line, (&probes, "smooth_isotonic_precision_reached", Some(20.0)));
    }

    #[test]
    fn what_is_not_the_server_is_never_feasible() {
        let outcome = |probe: &Probe| match probe.values[0] {
            ..3.0 => judged_at_most(1.0, 2.0),
            _ => Outcome::ClientLimited("busy".to_owned()),
        };
        let probes = [1.0, 2.0, 4.0, 3.0];
        check((64, 0), outcome, (&probes, "smooth_isotonic_pchip_fallback_bisection", Some(2.0)));
    }
}
