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
//! R₁ is the time of response without waiting: that of the lowest rung, together with those above it that are not surely slower.
//! X_max is the throughput of the rungs that are not surely below the best. No server has more throughput than N ÷ R₁, nor more
//! than X_max; the knee is the least N at which it can reach X_max at all. A server of k equal workers has exactly k, whatever the
//! times of service are distributed like, since N ≤ k requests never wait: X_max = k ÷ S, and R₁ = S.
//!
//! Of each run N = X × R must hold (J. D. C. Little, Oper. Res. 9, 1961, 383). Where it does not by more than its error, the load was
//! not steady: the run is repeated, longer, and does not count.

use super::config::Search;
use super::rung::{Known, Rung};
use super::{Ask, Border, Found, Outcome, Planner, Probe, Trial};

/// The planner.
pub(super) struct Saturation {
    lo: f64,
    hi: f64,
    most: usize,
    trials: usize,
    /// By rising load.
    rungs: Vec<Rung>,
    /// The least load that could not be measured, and why.
    bound: Option<(f64, String)>,
}

/// What is wanted next, or what is known at the end.
enum Step {
    Measure(f64, u32),
    Confirm(f64),
    Done(&'static str),
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
        Self { lo, hi, most, trials: 0, rungs: Vec::new(), bound: None }
    }

    /// The greatest load that may be measured.
    fn top(&self) -> f64 {
        self.bound.as_ref().map_or(self.hi, |(bound, _)| (bound - 1.0).min(self.hi))
    }

    fn step(&self) -> Step {
        if let Some(rung) =
            self.rungs.iter().find(|rung| rung.known().is_none() && rung.length() < LENGTH_MAX)
        {
            return Step::Measure(rung.load, (rung.length() * 2).max(1));
        }
        if let Some(step) = self.climb() {
            return step;
        }
        let Some(knee) = self.knee() else { return Step::Done("saturation_not_steady") };
        if knee.error > PRECISION
            && let Some(rung) = self.weakest(&knee)
        {
            return Step::Measure(rung.load, (rung.length() * 2).min(LENGTH_MAX));
        }
        let load = self.place(&knee);
        let missing = self.around(load).into_iter().find(|load| !self.is_confirmed(*load));
        missing.map_or(Step::Done("saturation_confirmed"), Step::Confirm)
    }

    /// The next step of the ladder; none when throughput has ended.
    fn climb(&self) -> Option<Step> {
        let ladder = self.rungs.iter().filter(|rung| rung.is_of_ladder).collect::<Vec<_>>();
        let Some(top) = ladder.last() else { return Some(Step::Measure(self.lo, 1)) };
        let above = (top.load * 2.0).min(self.hi);
        let measured = ladder.iter().rev().filter(|rung| rung.known().is_some()).take(2).collect::<Vec<_>>();
        if let [upper, lower] = measured.as_slice() {
            let doublings = (upper.load / lower.load).log2();
            let (gain, error) = lower.gain(upper)?;
            if gain + error < GAIN * doublings {
                return None;
            }
            if gain - error < GAIN * doublings {
                let longer = [lower, upper].into_iter().filter(|rung| rung.length() < LENGTH_MAX);
                if let Some(rung) = longer.min_by_key(|rung| rung.length()) {
                    return Some(Step::Measure(rung.load, rung.length() * 2));
                }
                if gain < GAIN * doublings {
                    return None;
                }
            }
        }
        if self.bound.is_some() {
            return Some(Step::Done(CLIENT));
        }
        if top.load >= self.hi {
            return Some(Step::Done("saturation_not_in_range"));
        }
        Some(Step::Measure(above, 1))
    }

    /// The knee of the steady rungs.
    fn knee(&self) -> Option<Knee> {
        let throughput = self.throughput().0;
        let response = self.response().0;
        let (throughput, response) = (throughput?, response?);
        let load = throughput.value * response.value;
        Some(Knee { load, error: throughput.share().hypot(response.share()), throughput, response })
    }

    /// The time of response without waiting, and the rungs that it is of.
    fn response(&self) -> (Option<Known>, Vec<&Rung>) {
        let mut pool = Vec::new();
        let mut all = None::<Known>;
        for rung in &self.rungs {
            let Some((_, own)) = rung.known() else { continue };
            match all {
                Some(all) if own.is_above(&all) => break,
                _ => pool.push(rung),
            }
            all = Known::of_responses(pool.iter().flat_map(|rung| rung.steady()));
        }
        (all, pool)
    }

    /// The greatest throughput, and the rungs that it is of: from the highest one that is not surely below another downwards.
    fn throughput(&self) -> (Option<Known>, Vec<&Rung>) {
        let known = self.rungs.iter().rev().filter_map(|rung| Some((rung, rung.known()?.0)));
        let known = known.collect::<Vec<_>>();
        let is_below_another = |own: &Known| known.iter().any(|(_, other)| other.is_above(own));
        let mut pool = Vec::new();
        let mut all = None::<Known>;
        for (rung, own) in known.iter().skip_while(|(_, own)| is_below_another(own)) {
            match all {
                Some(all) if all.is_above(own) => break,
                _ => pool.push(*rung),
            }
            all = Known::of_throughputs(pool.iter().flat_map(|rung| rung.steady()));
        }
        (all, pool)
    }

    /// The rung that a longer run of tells most about the knee.
    fn weakest(&self, knee: &Knee) -> Option<&Rung> {
        let pool = if knee.response.share() > knee.throughput.share() {
            self.response().1
        } else {
            self.throughput().1
        };
        let shortest = |rung: &&&Rung| (rung.runs(), rung.length());
        pool.iter().rev().filter(|rung| rung.runs() < RUNS_MAX).min_by_key(shortest).copied()
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

    fn rung(&self, load: f64) -> Option<&Rung> {
        self.rungs.iter().find(|rung| super::side::same(rung.load, load))
    }

    fn is_confirmed(&self, load: f64) -> bool {
        self.rung(load).is_some_and(Rung::is_confirmed)
    }

    fn note(&self, knee: Option<&Knee>) -> String {
        let mut notes = Vec::new();
        match (knee, &self.bound) {
            (Some(knee), _) => {
                let at = self.rung(self.place(knee)).and_then(Rung::known);
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
        if let Some((bound, why)) = &self.bound {
            notes.push(format!("nothing is known of the server from {bound} on: {why}"));
        }
        let unsteady =
            self.rungs.iter().filter(|rung| rung.known().is_none()).map(|rung| rung.load.to_string());
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
                return self.bounded(load, format!("the client was the limit: {why}"));
            }
            Outcome::Failed(why) => return self.bounded(load, format!("the run failed: {why}")),
        };
        let Some(in_flight) = measured.load else {
            return self.bounded(load, "the run has no throughput".to_owned());
        };
        let is_confirming = trial.probe.confirms;
        let mut at = self.rungs.partition_point(|rung| rung.load < load);
        if self.rungs.get(at).is_none_or(|rung| rung.load > load) {
            let is_of_ladder = !is_confirming && self.rungs.last().is_none_or(|last| load > last.load);
            at = self.rungs.partition_point(|rung| rung.load < load);
            self.rungs.insert(at, Rung::new(load, is_of_ladder));
        }
        self.rungs[at].measured(&in_flight, measured.requests, &trial.probe, index);
    }

    fn found(&self) -> Found {
        let has_ended = self.climb().is_none();
        let knee = self.knee().filter(|_| has_ended);
        let place = knee.map(|knee| self.place(&knee));
        let trial = place.and_then(|load| self.rung(load)).and_then(Rung::last);
        let border = knee.zip(place).map(|(knee, load)| Border {
            feasible: trial.map(|trial| (load, trial)),
            infeasible: None,
            interval: Some((knee.load * (1.0 - knee.error), knee.load * (1.0 + knee.error))),
        });
        Found { best: trial.into_iter().collect(), border, note: Some(self.note(knee.as_ref())) }
    }
}

impl Saturation {
    fn bounded(&mut self, load: f64, why: String) {
        if self.bound.as_ref().is_none_or(|(bound, _)| load < *bound) {
            self.bound = Some((load, why));
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
/// The most runs of a rung.
const RUNS_MAX: usize = 8;
const CLIENT: &str = "client_limited";

#[cfg(test)]
mod tests;
