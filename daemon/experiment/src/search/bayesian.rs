//! `bayesian` and `optuna`: a model of good and bad regions of a space of any number of axes.
//!
//! ```text
//! Sobol points (n_initial_points) ──▶ trials, best first ──▶ densities of the best tenth and of the others ──▶ the next point
//!                                           ▲                                                                      │
//!                                           └──────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! The model is a tree-structured Parzen estimator, for each axis by itself: what AIPerf runs as well where `BoTorch` is not
//! installed. It needs the order of the trials only, which is why limits are kept by order: a run that misses one is worse than
//! every run that meets all, and a run without numbers is the worst.

use super::config::{Direction, Objective, Search};
use super::parzen::candidate;
use super::side::{Side, float, share_in_excess};
use super::{Ask, Border, Found, Limit, Measured, Outcome, Planner, Probe, Trial};
use crate::design::{Random, sobol};
use std::cmp::Ordering;

/// The planner.
pub(super) struct Bayesian {
    search: Search,
    limits: Vec<Limit>,
    initial: Vec<Vec<f64>>,
    trials: Vec<Known>,
    /// How many runs ago the best, or the Pareto front, changed.
    unchanged: usize,
}

/// What the model knows of a trial.
struct Known {
    values: Vec<f64>,
    rank: Rank,
    is_client: bool,
}

/// How good a trial is.
enum Rank {
    /// It meets the limits: losses, less being better.
    Feasible(Vec<f64>),
    /// It misses some: by which share of their thresholds.
    Infeasible(f64),
    /// Nothing is known of the server.
    Unknown,
}

impl Bayesian {
    pub(super) fn new(search: &Search) -> Self {
        let (points, axes) = (search.n_initial_points, search.search_space.len());
        Self {
            limits: search.limits(),
            initial: sobol(points, axes, true, search.random_seed.unwrap_or(0)),
            search: search.clone(),
            trials: Vec::new(),
            unchanged: 0,
        }
    }

    fn rank(&self, outcome: &Outcome) -> Rank {
        let Outcome::Measured(measured) = outcome else { return Rank::Unknown };
        if !Side::of(outcome).looks_feasible() {
            return Rank::Infeasible(self.missed_by(measured));
        }
        let losses = self.search.objectives.iter().enumerate().map(|(place, objective)| {
            let number = measured.objectives.get(place).copied().flatten()?.value;
            number.is_finite().then(|| loss(objective, number))
        });
        losses.collect::<Option<Vec<_>>>().map_or(Rank::Unknown, Rank::Feasible)
    }

    /// The sum of what is missed; a limit without a number is missed by all of it.
    fn missed_by(&self, measured: &Measured) -> f64 {
        let excesses = self.limits.iter().zip(&measured.limits).map(|(limit, judged)| {
            judged.observed.map_or(1.0, |observed| share_in_excess(limit, observed.value).max(0.0))
        });
        excesses.sum()
    }

    /// The trials that no other is better than, of those that meet the limits.
    fn front(&self) -> Vec<usize> {
        let feasible = self.trials.iter().enumerate().filter_map(|(index, trial)| match &trial.rank {
            Rank::Feasible(losses) => Some((index, losses)),
            _ => None,
        });
        let feasible = feasible.collect::<Vec<_>>();
        let is_best = |losses: &[f64]| !feasible.iter().any(|(_, other)| dominates(other, losses));
        let front = feasible.iter().filter(|(_, losses)| is_best(losses)).map(|(index, _)| *index);
        if self.search.objectives.len() == 1 { front.take(1).collect() } else { front.collect() }
    }

    /// The place of each trial when all are in order, the best first.
    fn order(&self) -> Vec<f64> {
        let layers = self.layers();
        let mut order = (0..self.trials.len()).collect::<Vec<_>>();
        order.sort_by(|one, other| {
            let key = |index: usize| match &self.trials[index].rank {
                Rank::Feasible(losses) if losses.len() == 1 => (0, losses[0]),
                Rank::Feasible(_) => (0, float(layers[index])),
                Rank::Infeasible(share) => (1, *share),
                Rank::Unknown => (2, 0.0),
            };
            let (one, other) = (key(*one), key(*other));
            one.0.cmp(&other.0).then(one.1.total_cmp(&other.1))
        });
        let mut places = vec![0.0; order.len()];
        order.into_iter().enumerate().for_each(|(place, index)| places[index] = float(place));
        places
    }

    /// Of several objectives, how many fronts lie before each trial.
    fn layers(&self) -> Vec<usize> {
        let losses = |index: usize| match &self.trials[index].rank {
            Rank::Feasible(losses) if losses.len() > 1 => Some(losses),
            _ => None,
        };
        let mut layers = vec![0; self.trials.len()];
        let mut left = (0..self.trials.len()).filter(|index| losses(*index).is_some()).collect::<Vec<_>>();
        for layer in 0.. {
            let is_behind = |index: &usize| {
                left.iter().any(|other| {
                    losses(*other).zip(losses(*index)).is_some_and(|(other, own)| dominates(other, own))
                })
            };
            let behind = left.iter().copied().filter(is_behind).collect::<Vec<_>>();
            left.iter().filter(|index| !behind.contains(index)).for_each(|index| layers[*index] = layer);
            if behind.is_empty() {
                break;
            }
            left = behind;
        }
        layers
    }

    /// Where the model looks next: at values that were not measured, if it finds some.
    fn modelled(&self) -> Vec<f64> {
        let order = self.order();
        let best = (float(order.len()) * BEST).ceil().min(BEST_MAX);
        let seed = self.search.random_seed.unwrap_or(0);
        let draw = u64::try_from(order.len()).unwrap_or(0);
        let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(draw));
        let mut values = Vec::new();
        for _ in 0..REDRAWN_MAX {
            let axes = self.search.search_space.iter().enumerate().map(|(place, axis)| {
                let at = |is_good: bool| {
                    let known =
                        self.trials.iter().zip(&order).filter(|(_, order)| (**order < best) == is_good);
                    known.map(|(trial, _)| axis.coordinate(trial.values[place])).collect()
                };
                axis.at(candidate(at(true), at(false), &mut random))
            });
            values = axes.collect();
            if !self.trials.iter().any(|trial| trial.values == values) {
                break;
            }
        }
        values
    }

    /// Why to stop, if there is a reason.
    fn reason(&self) -> Option<&'static str> {
        if self.trials.len() >= self.search.max_iterations {
            return Some("max_iterations");
        }
        if self.unchanged >= self.search.improvement_patience {
            return Some("improvement_patience");
        }
        self.is_plateau().then_some("plateau_cv")
    }

    /// Whether the objective hardly varies in the last runs. The runs that miss a limit count as none.
    fn is_plateau(&self) -> bool {
        let window = self.search.plateau_window;
        let recent = self.trials.iter().rev().take(window).filter_map(|trial| match &trial.rank {
            Rank::Feasible(losses) if losses.len() == 1 => losses.first(),
            _ => None,
        });
        let recent = recent.collect::<Vec<_>>();
        if recent.len() < window {
            return false;
        }
        let count = float(recent.len());
        let mean = recent.iter().copied().sum::<f64>() / count;
        let squares = recent.iter().map(|loss| (*loss - mean).powi(2)).sum::<f64>();
        mean.abs() > 1e-9 && (squares / (count - 1.0)).sqrt() / mean.abs() < self.search.plateau_threshold
    }

    /// On one axis, the border between the values that meet the limits and those that do not.
    fn border(&self) -> Option<Border> {
        if self.search.search_space.len() != 1 || self.limits.is_empty() {
            return None;
        }
        let at = |(index, trial): (usize, &Known)| (trial.values[0], index);
        let trials = || self.trials.iter().enumerate();
        let is_feasible = |trial: &Known| matches!(trial.rank, Rank::Feasible(_));
        let is_infeasible = |trial: &Known| matches!(trial.rank, Rank::Infeasible(_));
        let by_value = |one: &(f64, usize), other: &(f64, usize)| one.0.total_cmp(&other.0);
        Some(Border {
            feasible: trials().filter(|(_, trial)| is_feasible(trial)).map(at).max_by(by_value),
            infeasible: trials().filter(|(_, trial)| is_infeasible(trial)).map(at).min_by(by_value),
            interval: None,
        })
    }
}

fn loss(objective: &Objective, number: f64) -> f64 {
    if objective.direction == Direction::Maximize { -number } else { number }
}

/// Whether losses are nowhere more, and somewhere less.
fn dominates(one: &[f64], other: &[f64]) -> bool {
    let mut is_less = false;
    for (one, other) in one.iter().zip(other) {
        match one.total_cmp(other) {
            Ordering::Greater => return false,
            Ordering::Less => is_less = true,
            Ordering::Equal => {}
        }
    }
    is_less
}

impl Planner for Bayesian {
    fn ask(&mut self) -> Ask {
        if let Some(reason) = self.reason() {
            return Ask::Done(reason);
        }
        let filling = self
            .initial
            .get(self.trials.len())
            .map(|point| self.search.search_space.iter().zip(point).map(|(axis, at)| axis.at(*at)).collect());
        let values = filling.unwrap_or_else(|| self.modelled());
        Ask::Measure(Probe { values, length: 1, confirms: false })
    }

    fn tell(&mut self, trial: &Trial) {
        let before = self.front();
        self.trials.push(Known {
            values: trial.probe.values.clone(),
            rank: self.rank(&trial.outcome),
            is_client: matches!(trial.outcome, Outcome::ClientLimited(_)),
        });
        self.unchanged = if self.front() == before { self.unchanged + 1 } else { 0 };
    }

    fn found(&self) -> Found {
        let best = self.front();
        let mut notes = Vec::new();
        if best.is_empty() {
            let closest = self.trials.iter().filter_map(|trial| match trial.rank {
                Rank::Infeasible(share) => Some((share, &trial.values)),
                _ => None,
            });
            let closest = closest.min_by(|one, other| one.0.total_cmp(&other.0));
            notes.push(closest.map_or_else(
                || "no run gave the numbers that are looked for".to_owned(),
                |(share, values)| {
                    format!(
                        "no run met every limit; the closest, at {values:?}, missed by {:.1} %",
                        share * 100.0
                    )
                },
            ));
        }
        let clients = self.trials.iter().filter(|trial| trial.is_client).count();
        if clients > 0 {
            notes.push(format!("the client was the limit in {clients} runs, which do not count"));
        }
        Found { best, border: self.border(), note: (!notes.is_empty()).then(|| notes.join("; ")) }
    }
}

/// The share of trials that are good, and the most of them: Optuna's.
const BEST: f64 = 0.1;
const BEST_MAX: f64 = 25.0;
/// How often values that were measured already are drawn again.
const REDRAWN_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use crate::search::scripted::{finish, measured};
    use crate::search::{Answer, Judged, Measure, Outcome, Probe};
    use serde_json::{Value, json};

    fn block(axes: usize, objectives: &[&str], seed: u64, over: &Value) -> Value {
        let axes = (0..axes).map(|axis| json!({"path": format!("variables.v{axis}"), "lo": 0.0, "hi": 1.0}));
        let objective = |direction: &&str| json!({"metric": "x", "direction": direction});
        let mut block = json!({
            "planner": "bayesian", "max_iterations": 40, "random_seed": seed, "improvement_patience": 100,
            "search_space": axes.collect::<Vec<_>>(),
            "objectives": objectives.iter().map(objective).collect::<Vec<_>>(),
        });
        if let (Some(fields), Some(over)) = (block.as_object_mut(), over.as_object()) {
            fields.extend(over.clone());
        }
        block
    }

    /// The least squared distance from a point over seeds.
    fn mean_regret(initial: usize) -> f64 {
        let goal = |probe: &Probe| probe.values.iter().map(|value| (value - 0.3).powi(2)).sum::<f64>();
        let regrets = (0..20).map(|seed| {
            let block = block(2, &["MINIMIZE"], seed, &json!({"n_initial_points": initial}));
            let finished = finish(block, |probe| measured(&[goal(probe)], Vec::new()));
            goal(&finished.trials[finished.found.best[0]].probe)
        });
        regrets.sum::<f64>() / 20.0
    }

    #[test]
    fn a_model_is_better_than_filling_the_space() {
        let (modelled, filled) = (mean_regret(5), mean_regret(39));
        assert!(modelled < filled / 2.0, "{modelled} {filled}");
    }

    #[test]
    fn a_run_that_misses_a_limit_is_never_best() {
        let over = json!({"sla_filters": [{"metric_tag": "x", "op": "le", "threshold": 0.5}]});
        let outcome = |probe: &Probe| {
            let answer = if probe.values[0] <= 0.5 { Answer::Met } else { Answer::Missed };
            let observed = Some(Measure::exact(probe.values[0]));
            measured(&[probe.values[0]], vec![Judged { observed, answer }])
        };
        let finished = finish(block(1, &["MAXIMIZE"], 3, &over), outcome);
        let best = finished.best().unwrap();
        assert!((0.4..=0.5).contains(&best), "{best}");
        let border = finished.found.border.unwrap();
        assert_eq!(border.feasible.map(|(value, _)| value), Some(best), "{border:?}");
        assert!(border.infeasible.unwrap().0 > 0.5, "{border:?}");
    }

    #[test]
    fn what_is_not_the_server_is_never_best() {
        let outcome = |probe: &Probe| {
            if probe.values[0] > 0.5 {
                return Outcome::ClientLimited("busy".to_owned());
            }
            measured(&[probe.values[0]], Vec::new())
        };
        let finished = finish(block(1, &["MAXIMIZE"], 3, &json!({})), outcome);
        assert!(finished.best().unwrap() <= 0.5, "{:?}", finished.best());
        assert!(finished.note().starts_with("the client was the limit in "), "{}", finished.note());
        let failed = finish(block(1, &["MAXIMIZE"], 3, &json!({})), |_| Outcome::Failed("no".to_owned()));
        assert_eq!((failed.best(), failed.note()), (None, "no run gave the numbers that are looked for"));
    }

    #[test]
    fn several_objectives_have_a_front() {
        // Both are best between 0.2 and 0.8, where one falls as the other rises.
        let outcome = |probe: &Probe| {
            measured(&[(probe.values[0] - 0.2).abs(), (probe.values[0] - 0.8).abs()], Vec::new())
        };
        let finished = finish(block(1, &["MINIMIZE", "MINIMIZE"], 1, &json!({})), outcome);
        let values = finished.found.best.iter().map(|trial| finished.trials[*trial].probe.values[0]);
        let values = values.collect::<Vec<_>>();
        assert!(values.len() > 5 && values.iter().all(|value| (0.1..=0.9).contains(value)), "{values:?}");
    }

    #[track_caller]
    fn check_reason(over: &Value, outcome: impl FnMut(&Probe) -> Outcome, expected: (&str, usize)) {
        let finished = finish(block(1, &["MAXIMIZE"], 1, over), outcome);
        assert_eq!((finished.reason, finished.trials.len()), expected);
    }

    #[test]
    fn a_search_stops_for_a_reason() {
        let constant = |_: &Probe| measured(&[5.0], Vec::new());
        check_reason(&json!({}), constant, ("plateau_cv", 8));
        check_reason(&json!({"improvement_patience": 3}), constant, ("improvement_patience", 4));
        let failed = |_: &Probe| Outcome::Failed("refused".to_owned());
        check_reason(&json!({"max_iterations": 12}), failed, ("max_iterations", 12));
        check_reason(&json!({"improvement_patience": 10}), failed, ("improvement_patience", 10));
    }
}
