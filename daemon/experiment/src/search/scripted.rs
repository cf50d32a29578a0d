//! Planners against functions, for tests: what they ask, and that it depends on nothing but the trials.

use super::{Answer, Ask, Found, Judged, Load, Measure, Measured, Outcome, Probe, Search, Trial};
use serde_json::Value;

/// A finished search.
pub(super) struct Finished {
    pub(super) trials: Vec<Trial>,
    pub(super) reason: &'static str,
    pub(super) found: Found,
}

impl Finished {
    /// What was asked for on the first axis.
    pub(super) fn values(&self) -> Vec<f64> {
        self.trials.iter().map(|trial| trial.probe.values[0]).collect()
    }

    /// The best value of the first axis.
    pub(super) fn best(&self) -> Option<f64> {
        self.found.best.first().map(|trial| self.trials[*trial].probe.values[0])
    }

    pub(super) fn note(&self) -> &str {
        self.found.note.as_deref().unwrap_or_default()
    }
}

/// Carries out a search, and checks that the same trials lead to the same probes, also when nobody asked for them before.
#[track_caller]
pub(super) fn finish(block: Value, mut outcome: impl FnMut(&Probe) -> Outcome) -> Finished {
    let search = Search::parse(block).unwrap();
    let mut planner = search.planner();
    let mut trials = Vec::new();
    let reason = loop {
        match planner.ask() {
            Ask::Done(reason) => break reason,
            Ask::Measure(probe) => {
                let trial = Trial { outcome: outcome(&probe), probe };
                planner.tell(&trial);
                trials.push(trial);
            }
        }
        assert!(trials.len() <= search.max_iterations, "more runs than allowed");
    };
    for known in 0..trials.len() {
        let mut other = search.planner();
        trials[..known].iter().for_each(|trial| other.tell(trial));
        assert_eq!(other.ask(), Ask::Measure(trials[known].probe.clone()), "after {known} trials");
        trials[known..].iter().for_each(|trial| other.tell(trial));
        assert_eq!(
            (other.ask(), other.found()),
            (Ask::Done(reason), planner.found()),
            "after {known} trials"
        );
    }
    Finished { found: planner.found(), trials, reason }
}

/// A run with one limit.
pub(super) fn judged(number: f64, answer: Answer) -> Outcome {
    let observed = Some(Measure::exact(number));
    measured(&[], vec![Judged { observed, answer }])
}

/// A run with a limit that surely is met, or surely not.
pub(super) fn judged_at_most(number: f64, threshold: f64) -> Outcome {
    judged(number, if number <= threshold { Answer::Met } else { Answer::Missed })
}

/// A run with objectives and limits.
pub(super) fn measured(objectives: &[f64], limits: Vec<Judged>) -> Outcome {
    let objectives = objectives.iter().map(|number| Some(Measure::exact(*number))).collect();
    Outcome::Measured(Measured { objectives, limits, load: None, requests: 100, is_cut: false })
}

/// A run with a load, each of its numbers known to a share of it.
pub(super) fn loaded(in_flight: f64, throughput: f64, response: f64, known_to: f64) -> Outcome {
    let measure =
        |value: f64| Measure { value, low: value * (1.0 - known_to), high: value * (1.0 + known_to) };
    let load =
        Load { throughput: measure(throughput), response: measure(response), in_flight, issue_seconds: 0.0 };
    Outcome::Measured(Measured {
        objectives: Vec::new(),
        limits: Vec::new(),
        load: Some(load),
        requests: 100,
        is_cut: false,
    })
}
