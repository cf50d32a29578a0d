//! `saturation`: from which number of requests in flight on throughput grows no more.
//!
//! ```text
//! throughput                                     1  ladder: N = lo, × 2, × 2, … until a doubling surely adds less than 5 %
//!   X_max ┈┈┈┈┈┈┈┈╱╌╌╌●───────●───────●          2  knee = X_max × R_1, where the two asymptotes cross; longer runs until it is
//!               ╱ ●                                 known to 2.5 %
//!             ╱ ●                                3  fresh runs at the knee and at both neighbours; where they move the knee,
//!           ╱●                                      fresh runs there
//!   N ÷ R_1╱
//!        └────────┴────────────── requests in flight
//!                knee
//! ```
//!
//! R₁ is the time of response without waiting: that of the lowest level, together with those above it that are not surely slower.
//! X_max is the throughput of the levels that are not surely below the best. No server has more throughput than N ÷ R₁, nor more
//! than X_max; the knee is the least N at which it can reach X_max at all. A server of k equal workers has exactly k, whatever the
//! times of service are distributed like, since N ≤ k requests never wait: X_max = k ÷ S, and R₁ = S.
//!
//! Of each run N = X × R must hold (J. D. C. Little, Oper. Res. 9, 1961, 383). Where it does not by more than its error, the load was
//! not steady: the run is repeated, longer, and does not count.

use super::config::Search;
use super::level::{Known, Level};
use super::side::same;
use super::{Ask, Border, CLIENT_LIMITED, Found, Outcome, Planner, Probe, Trial};

/// The planner.
pub(super) struct Saturation {
    lo: f64,
    hi: f64,
    most: usize,
    trials: usize,
    /// By rising load.
    levels: Vec<Level>,
    /// The least load that could not be measured, and why.
    bound: Option<Bound>,
    /// The loads of runs without numbers of the server.
    failed: Vec<f64>,
}

/// What is wanted next, or what is known at the end.
enum Step {
    Measure(f64, u32),
    Confirm(f64),
    Done(&'static str),
}

/// A load that could not be measured.
struct Bound {
    load: f64,
    /// In words, and as the reason for which the search ends.
    why: String,
    reason: &'static str,
}

/// Where throughput ends.
#[derive(Clone, Copy, Debug)]
struct Knee {
    load: f64,
    /// The half width of its interval, as a share of it.
    error: f64,
    throughput: Known,
    response: Known,
}

impl Saturation {
    pub(super) fn new(search: &Search) -> Self {
        let axis = &search.search_space[0];
        let (lo, hi, most) = (axis.lo, axis.hi, search.max_iterations);
        Self { lo, hi, most, trials: 0, levels: Vec::new(), bound: None, failed: Vec::new() }
    }

    /// The greatest load that may be measured.
    fn top(&self) -> f64 {
        self.bound.as_ref().map_or(self.hi, |bound| (bound.load - 1.0).min(self.hi))
    }

    fn step(&self) -> Step {
        if let Some(level) =
            self.levels.iter().find(|level| level.known().is_none() && level.length() < LENGTH_MAX)
        {
            return Step::Measure(level.load, (level.length() * 2).max(1));
        }
        if let Some(step) = self.climb() {
            return step;
        }
        let Some(knee) = self.knee() else { return Step::Done("saturation_not_steady") };
        if knee.error > PRECISION
            && let Some(level) = self.weakest(&knee)
        {
            return Step::Measure(level.load, (level.length() * 2).min(LENGTH_MAX));
        }
        let load = self.place(&knee);
        let missing = self.around(load).into_iter().find(|load| !self.is_confirmed(*load));
        missing.map_or(Step::Done("saturation_confirmed"), Step::Confirm)
    }

    /// The next step of the ladder; none when throughput has ended.
    fn climb(&self) -> Option<Step> {
        let ladder = self.levels.iter().filter(|level| level.is_of_ladder).collect::<Vec<_>>();
        let Some(top) = ladder.last() else { return Some(Step::Measure(self.lo, 1)) };
        let above = (top.load * 2.0).min(self.hi);
        let measured =
            ladder.iter().rev().filter(|level| level.known().is_some()).take(2).collect::<Vec<_>>();
        if let [upper, lower] = measured.as_slice() {
            let doublings = (upper.load / lower.load).log2();
            let (gain, error) = lower.gain(upper)?;
            if gain + error < GAIN * doublings {
                return None;
            }
            if gain - error < GAIN * doublings {
                let longer = [lower, upper].into_iter().filter(|level| level.length() < LENGTH_MAX);
                if let Some(level) = longer.min_by_key(|level| level.length()) {
                    return Some(Step::Measure(level.load, level.length() * 2));
                }
                if gain < GAIN * doublings {
                    return None;
                }
            }
        }
        if let Some(bound) = &self.bound {
            return Some(Step::Done(bound.reason));
        }
        if top.load >= self.hi {
            return Some(Step::Done("saturation_not_in_range"));
        }
        Some(Step::Measure(above, 1))
    }

    /// The knee of the steady levels.
    fn knee(&self) -> Option<Knee> {
        let throughput = self.throughput().0;
        let response = self.response().0;
        let (throughput, response) = (throughput?, response?);
        let load = throughput.value * response.value;
        Some(Knee { load, error: throughput.share().hypot(response.share()), throughput, response })
    }

    /// The time of response without waiting, and the levels that it is of.
    fn response(&self) -> (Option<Known>, Vec<&Level>) {
        let mut pool = Vec::new();
        let mut all = None::<Known>;
        for level in &self.levels {
            let Some((_, own)) = level.known() else { continue };
            match all {
                Some(all) if own.is_above(&all) => break,
                _ => pool.push(level),
            }
            all = Known::of_responses(pool.iter().flat_map(|level| level.steady()));
        }
        (all, pool)
    }

    /// The greatest throughput, and the levels that it is of: from the highest one that is not surely below another downwards.
    fn throughput(&self) -> (Option<Known>, Vec<&Level>) {
        let known = self.levels.iter().rev().filter_map(|level| Some((level, level.known()?.0)));
        let known = known.collect::<Vec<_>>();
        let is_below_another = |own: &Known| known.iter().any(|(_, other)| other.is_above(own));
        let mut pool = Vec::new();
        let mut all = None::<Known>;
        for (level, own) in known.iter().skip_while(|(_, own)| is_below_another(own)) {
            match all {
                Some(all) if all.is_above(own) => break,
                _ => pool.push(*level),
            }
            all = Known::of_throughputs(pool.iter().flat_map(|level| level.steady()));
        }
        (all, pool)
    }

    /// The level that a longer run of tells most about the knee.
    fn weakest(&self, knee: &Knee) -> Option<&Level> {
        let pool = if knee.response.share() > knee.throughput.share() {
            self.response().1
        } else {
            self.throughput().1
        };
        let shortest = |level: &&&Level| (level.runs(), level.length());
        pool.iter().rev().filter(|level| level.runs() < RUNS_MAX).min_by_key(shortest).copied()
    }

    fn place(&self, knee: &Knee) -> f64 {
        knee.load.round_ties_even().min(self.top()).max(self.lo)
    }

    /// The knee and its neighbours.
    fn around(&self, load: f64) -> Vec<f64> {
        let step = (load * NEIGHBOUR).round_ties_even().max(1.0);
        let all = [load, load - step, load + step];
        all.into_iter().filter(|load| *load >= self.lo && *load <= self.top()).collect()
    }

    fn level(&self, load: f64) -> Option<&Level> {
        self.levels.iter().find(|level| same(level.load, load))
    }

    fn is_confirmed(&self, load: f64) -> bool {
        self.level(load).is_some_and(Level::is_confirmed)
    }

    fn note(&self, knee: Option<&Knee>) -> String {
        let mut notes = Vec::new();
        if !matches!(self.step(), Step::Done(_)) {
            notes.push("the search has not ended, and nothing is confirmed".to_owned());
        }
        match (knee, &self.bound) {
            (Some(knee), _) => {
                let at = self.level(self.place(knee)).and_then(Level::known);
                let share = at.map_or(1.0, |(throughput, _)| throughput.value / knee.throughput.value);
                notes.push(format!(
                    "the knee is at {:.2} ± {:.2}: {:.6} requests/s at most, {:.6} s without waiting; at the knee {:.1} % of the most",
                    knee.load,
                    knee.load * knee.error,
                    knee.throughput.value,
                    knee.response.value,
                    share * 100.0
                ));
            }
            (None, None) => {
                notes.push(format!("throughput still grows at {}, or no run was steady", self.top()))
            }
            (None, Some(_)) => {}
        }
        if let Some(Bound { load, why, .. }) = &self.bound {
            notes.push(format!("nothing is known of the server from {load} on: {why}"));
        }
        let unsteady =
            self.levels.iter().filter(|level| level.known().is_none()).map(|level| level.load.to_string());
        let unsteady = unsteady.collect::<Vec<_>>();
        if !unsteady.is_empty() {
            notes.push(format!("the load was not steady at {}", unsteady.join(", ")));
        }
        notes.join("; ")
    }
}

impl Planner for Saturation {
    fn ask(&mut self) -> Ask {
        let (load, length, confirms) = match self.step() {
            Step::Done(why) => return Ask::Done(why),
            Step::Measure(load, length) => (load, length, false),
            Step::Confirm(load) => (load, LENGTH_OF_CONFIRMATION, true),
        };
        if self.trials >= self.most {
            return Ask::Done("max_iterations");
        }
        Ask::Measure(Probe { values: vec![load], length, confirms })
    }

    fn tell(&mut self, trial: &Trial) {
        let load = trial.probe.values.first().copied().unwrap_or(self.lo);
        let index = self.trials;
        self.trials += 1;
        let measured = match &trial.outcome {
            Outcome::Measured(measured) => measured,
            Outcome::ClientLimited(why) => {
                return self.unusable(load, format!("the client was the limit: {why}"), CLIENT_LIMITED);
            }
            Outcome::Failed(why) => {
                return self.unusable(load, format!("the run failed twice: {why}"), FAILED);
            }
        };
        let Some(in_flight) = measured.load else {
            return self.unusable(load, "two runs have no throughput".to_owned(), FAILED);
        };
        let is_confirming = trial.probe.confirms;
        let mut at = self.levels.partition_point(|level| level.load < load);
        if self.levels.get(at).is_none_or(|level| level.load > load) {
            let is_of_ladder = !is_confirming && self.levels.last().is_none_or(|last| load > last.load);
            at = self.levels.partition_point(|level| level.load < load);
            self.levels.insert(at, Level::new(load, is_of_ladder));
        }
        self.levels[at].measured(&in_flight, measured.requests, &trial.probe, index);
    }

    fn found(&self) -> Found {
        let has_ended = self.climb().is_none();
        let knee = self.knee().filter(|_| has_ended);
        let place = knee.map(|knee| self.place(&knee));
        let trial = place.and_then(|load| self.level(load)).and_then(Level::last);
        let border = knee.zip(place).map(|(knee, load)| Border {
            feasible: trial.map(|trial| (load, trial)),
            infeasible: None,
            interval: Some((knee.load * (1.0 - knee.error), knee.load * (1.0 + knee.error))),
        });
        Found { best: trial.into_iter().collect(), border, note: Some(self.note(knee.as_ref())) }
    }
}

impl Saturation {
    /// A run without numbers of the server: it is repeated once if it failed, or if a load as great was measured before. After that
    /// nothing counts from its load on.
    fn unusable(&mut self, load: f64, why: String, reason: &'static str) {
        let is_first = !self.failed.iter().any(|failed| same(*failed, load));
        let was_measured = self.levels.iter().any(|level| level.load >= load && level.known().is_some());
        self.failed.push(load);
        if is_first && (was_measured || reason == FAILED) {
            return;
        }
        if self.bound.as_ref().is_none_or(|bound| load < bound.load) {
            self.levels.retain(|level| level.load < load);
            self.bound = Some(Bound { load, why, reason });
        }
    }
}

/// Below this gain of throughput by a doubling of the load, the ladder ends.
const GAIN: f64 = 0.05;
/// How well the knee is known, as a share of it.
const PRECISION: f64 = 0.025;
/// How far the neighbours of the knee are, as a share of it.
const NEIGHBOUR: f64 = 0.05;
/// The longest run: so many times as long as usual.
const LENGTH_MAX: u32 = 8;
const LENGTH_OF_CONFIRMATION: u32 = 4;
/// The most runs of a level.
const RUNS_MAX: usize = 8;
const FAILED: &str = "run_failed";

#[cfg(test)]
mod tests;
