//! Several groups of limits, each with a border of its own, searched with the same runs.
//!
//! ```text
//! tier 1's planner ── asks ──▶ measured already, for another tier? ── yes ──▶ its answers to tier 1's limits
//!    │ done                                                          └ no ──▶ a run
//!    ▼
//! tier 2's planner ── asks ──▶ ...
//! ```
//!
//! A run that was ended early for one tier's limits serves another tier only if it is sure of that one's too.

use super::config::Search;
use super::side::same;
use super::{Answer, Ask, Border, Found, Measured, Outcome, Planner, Probe, Trial};

/// The planner.
pub(super) struct Tiers {
    tiers: Vec<OfTier>,
    trials: Vec<Trial>,
    /// The tier whose planner asked last.
    asking: usize,
    /// What it asked, until it is answered.
    asked: Option<Ask>,
    most: usize,
}

/// A tier's own search.
struct OfTier {
    label: String,
    /// Which of a run's answers are of its limits.
    places: Vec<usize>,
    planner: Box<dyn Planner>,
    /// The trials that its planner knows, in their order.
    known: Vec<usize>,
    ended: Option<&'static str>,
}

/// What was found for a tier.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTier {
    /// Its name.
    pub label: String,
    /// Which of a run's answers are of its limits.
    pub places: Vec<usize>,
    /// What was found: indices of all trials.
    pub found: Found,
    /// Why nothing more is measured for it; none if its search has not ended.
    pub ended: Option<&'static str>,
    /// How many trials it was found by.
    pub trials: usize,
}

impl Tiers {
    pub(super) fn new(search: &Search) -> Self {
        let tiers = search.sla_tiers.iter().enumerate().map(|(place, tier)| OfTier {
            label: tier.label.clone(),
            places: search.places_of_tier(place),
            planner: search.of_tier(place).planner(),
            known: Vec::new(),
            ended: None,
        });
        Self {
            tiers: tiers.collect(),
            trials: Vec::new(),
            asking: 0,
            asked: None,
            most: search.max_iterations,
        }
    }
}

impl Tiers {
    /// What the first tier asks that has no answer.
    fn next(&mut self) -> Ask {
        for (place, tier) in self.tiers.iter_mut().enumerate() {
            while tier.ended.is_none() {
                match tier.planner.ask() {
                    Ask::Done(why) => tier.ended = Some(why),
                    Ask::Measure(probe) => match tier.answered(&self.trials, &probe) {
                        Some(known) => tier.tell(known, &self.trials[known]),
                        None if self.trials.len() >= self.most => return Ask::Done(MOST),
                        None => {
                            self.asking = place;
                            return Ask::Measure(probe);
                        }
                    },
                }
            }
        }
        let is_cut = self.tiers.iter().any(|tier| tier.ended == Some(MOST));
        Ask::Done(if is_cut { MOST } else { "multi_tier_all_converged" })
    }
}

impl OfTier {
    /// A trial that answers a probe of this tier, and has not done so.
    fn answered(&self, trials: &[Trial], probe: &Probe) -> Option<usize> {
        let is_answer = |trial: &Trial| {
            let Probe { values, length, confirms } = &trial.probe;
            let is_there = values.len() == probe.values.len()
                && values.iter().zip(&probe.values).all(|(one, other)| same(*one, *other));
            is_there && *length >= probe.length && (*confirms || !probe.confirms) && self.is_sure(trial)
        };
        let mut known = trials.iter().enumerate();
        known.find(|(place, trial)| !self.known.contains(place) && is_answer(trial)).map(|(place, _)| place)
    }

    /// Whether what a trial says of this tier's limits stands, although it may have been ended early for another tier's.
    fn is_sure(&self, trial: &Trial) -> bool {
        let Outcome::Measured(measured) = &trial.outcome else { return true };
        let mut answers = self.places.iter().filter_map(|place| measured.limits.get(*place));
        let is_missed = answers.clone().any(|judged| judged.answer == Answer::Missed);
        !measured.is_cut || is_missed || answers.all(|judged| judged.answer == Answer::Met)
    }

    fn tell(&mut self, place: usize, trial: &Trial) {
        let outcome = match &trial.outcome {
            Outcome::Measured(measured) => {
                let limits = self.places.iter().filter_map(|place| measured.limits.get(*place).copied());
                Outcome::Measured(Measured { limits: limits.collect(), ..measured.clone() })
            }
            other => other.clone(),
        };
        self.known.push(place);
        self.planner.tell(&Trial { probe: trial.probe.clone(), outcome });
    }

    /// What its planner found, by the indices of all trials.
    fn found(&self) -> Found {
        let Found { best, border, note } = self.planner.found();
        let place = |known: usize| self.known.get(known).copied();
        let point = |point: Option<(f64, usize)>| point.and_then(|(load, known)| Some((load, place(known)?)));
        Found {
            best: best.into_iter().filter_map(place).collect(),
            border: border.map(|border| Border {
                feasible: point(border.feasible),
                infeasible: point(border.infeasible),
                interval: border.interval,
            }),
            note,
        }
    }
}

impl Planner for Tiers {
    fn ask(&mut self) -> Ask {
        if let Some(asked) = &self.asked {
            return asked.clone();
        }
        let next = self.next();
        self.asked = Some(next.clone());
        next
    }

    fn tell(&mut self, trial: &Trial) {
        // A trial of an interrupted search may come before anything is asked.
        self.ask();
        self.asked = None;
        self.trials.push(trial.clone());
        if let Some(tier) = self.tiers.get_mut(self.asking) {
            tier.tell(self.trials.len() - 1, trial);
        }
    }

    /// What was found for the tier that allows most: AIPerf's summary is of that one.
    fn found(&self) -> Found {
        let all = self.tiers.iter().map(OfTier::found);
        let load = |found: &Found| {
            found.border.and_then(|border| border.feasible).map_or(f64::NEG_INFINITY, |(load, _)| load)
        };
        all.max_by(|one, other| load(one).total_cmp(&load(other))).unwrap_or_default()
    }

    fn tiers(&self) -> Vec<FoundTier> {
        let of = |tier: &OfTier| FoundTier {
            label: tier.label.clone(),
            places: tier.places.clone(),
            found: tier.found(),
            ended: tier.ended,
            trials: tier.known.len(),
        };
        self.tiers.iter().map(of).collect()
    }

    fn asks_for(&self) -> Option<usize> {
        Some(self.asking)
    }
}

/// Why a search ends that may make no further run.
const MOST: &str = "max_iterations";

#[cfg(test)]
mod tests {
    use super::super::scripted::{Finished, finish, measured};
    use super::super::{Judged, Measure};
    use super::*;
    use serde_json::{Value, json};

    fn block(over: &Value) -> Value {
        let limit = |threshold: f64| json!({"metric_tag": "x", "op": "le", "threshold": threshold});
        let mut block = json!({
            "search_space": [{"path": "phases.profiling.concurrency", "lo": 1, "hi": 256, "kind": "int"}],
            "sla_tiers": [
                {"label": "fast", "filters": [limit(20.0)]},
                {"label": "cheap", "filters": [limit(90.0), {"metric_tag": "y", "op": "le", "threshold": 1e9}]},
            ],
        });
        let over = over.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone()));
        block.as_object_mut().unwrap().extend(over);
        block
    }

    /// A server whose latency is its load. `cut` is what a run says that was ended early for its first tier.
    fn searched(over: &Value) -> Finished {
        finish(block(over), |probe| {
            let load = probe.values[0];
            let judged = |threshold: f64| Judged {
                observed: Some(Measure::exact(load)),
                answer: if load <= threshold { Answer::Met } else { Answer::Missed },
            };
            measured(&[], vec![judged(20.0), judged(90.0), judged(1e9)])
        })
    }

    fn tiers(finished: &Finished, over: &Value) -> Vec<FoundTier> {
        let mut planner = Search::parse(block(over)).unwrap().planner();
        finished.trials.iter().for_each(|trial| planner.tell(trial));
        planner.ask();
        planner.tiers()
    }

    #[test]
    fn tiers_share_runs() {
        let nothing = json!({});
        let finished = searched(&nothing);
        assert_eq!(finished.reason, "multi_tier_all_converged");
        let found = tiers(&finished, &nothing);
        let border = |tier: &FoundTier| {
            let border = tier.found.border.unwrap();
            (border.feasible.unwrap().0, border.infeasible.unwrap().0)
        };
        assert_eq!(found.iter().map(border).collect::<Vec<_>>(), [(20.0, 21.0), (90.0, 91.0)]);
        assert_eq!(found.iter().map(|tier| tier.places.clone()).collect::<Vec<_>>(), [vec![0], vec![1, 2]]);
        let of_each = found.iter().map(|tier| tier.trials).sum::<usize>();
        assert!(finished.trials.len() < of_each, "{} runs for {of_each} answers", finished.trials.len());
        for tier in &found {
            let (load, trial) = tier.found.border.unwrap().feasible.unwrap();
            assert!(same(finished.trials[trial].probe.values[0], load), "the trial is that load's: {tier:?}");
        }
        assert_eq!(finished.best(), Some(90.0), "the summary is of the tier that allows most");
    }

    #[test]
    fn a_run_that_was_cut_for_one_tier_is_no_answer_for_another() {
        let search = Search::parse(block(&json!({}))).unwrap();
        let tiers = Tiers::new(&search);
        let trial = |is_cut, answer| {
            let judged = |answer| Judged { observed: Some(Measure::exact(1.0)), answer };
            let limits = vec![judged(Answer::Missed), judged(answer), judged(Answer::Met)];
            let measured = Measured { objectives: Vec::new(), limits, load: None, requests: 9, is_cut };
            let probe = Probe { values: vec![32.0], length: 1, confirms: false };
            Trial { probe, outcome: Outcome::Measured(measured) }
        };
        let asks = Probe { values: vec![32.0], length: 1, confirms: false };
        let answered = |trial: Trial| tiers.tiers[1].answered(&[trial], &asks).is_some();
        let unsure = Answer::Unsure { looks_met: true };
        assert!(answered(trial(false, unsure)), "it has its full length");
        assert!(!answered(trial(true, unsure)), "it would be measured longer for this tier");
        assert!(answered(trial(true, Answer::Missed)) && answered(trial(true, Answer::Met)), "it is sure");
        let longer = Probe { length: 2, ..asks.clone() };
        assert_eq!(tiers.tiers[1].answered(&[trial(false, unsure)], &longer), None, "too short");
        let confirming = Probe { confirms: true, ..asks };
        assert_eq!(
            tiers.tiers[1].answered(&[trial(false, unsure)], &confirming),
            None,
            "it confirms nothing"
        );
    }

    #[test]
    fn tiers_end_with_the_most_runs() {
        let over = json!({"max_iterations": 6});
        let finished = searched(&over);
        assert_eq!((finished.reason, finished.trials.len()), ("max_iterations", 6));
    }
}
