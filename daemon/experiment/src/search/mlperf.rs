//! `mlperf_endpoints`: the points of a curve as MLPerf Endpoints v1.0 wants them measured.
//!
//! ```text
//! 1 ├ ultra low: 1 point ┤ low: 2 ├ medium: 2 ├ high: 2 ┤ c_max
//!
//! each point: one pass over the data set ──▶ how many passes take the least time ──▶ a run of as many whole passes
//! ```
//!
//! Regions, the numbers of points and the least times are those of the rules (§5.3 to §5.5 and §6.2; the reference implementation is
//! that of `submission-checker`). A run is a whole number of passes over the data set, and long enough that requests of its steady
//! state were issued for the least time of its region.

use super::config::Search;
use super::side::same;
use super::{Ask, Found, Outcome, Planner, Probe, Trial};
use serde::{Deserialize, Serialize};

/// A part of the range of concurrencies, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name in `point.yaml`.
    pub name: &'static str,
    /// Its least concurrency.
    pub first: u32,
    /// Its greatest one. Less than the least one if rounding leaves none.
    pub last: u32,
}

/// The regions of a curve whose points are between these concurrencies (§5.5: boundaries are rounded half to even).
#[must_use]
pub fn regions(c_min: u32, c_max: u32) -> [Region; 4] {
    let (low, high) = (f64::from(c_min), f64::from(c_max));
    let third = (high - low).log2() / 3.0;
    let end = |thirds: f64| whole((low + (third * thirds).exp2()).round_ties_even());
    let (low_end, medium_end) = (end(1.0), end(2.0));
    let region = |name, first, last| Region { name, first, last };
    [
        region("low_latency", 1, c_min),
        region("low_concurrency", c_min + 1, low_end),
        region("med_concurrency", low_end + 1, medium_end),
        region("high_concurrency", medium_end + 1, c_max),
    ]
}

/// The least number of points that the rules want: the least concurrency, and two of each other region, its greatest and the one at the
/// middle of the logarithms.
#[must_use]
pub fn usual_points(c_min: u32, c_max: u32) -> Vec<u32> {
    let mut points = vec![c_min];
    for Region { first, last, .. } in regions(c_min, c_max).into_iter().skip(1) {
        if first <= last {
            points.push(whole((f64::from(first) * f64::from(last)).sqrt().round()).clamp(first, last));
            points.push(last);
        }
    }
    points.dedup();
    // Where a region is too narrow for two, the widest one has more.
    let mut next = c_max;
    while points.len() < POINTS_MIN && next > c_min + 1 {
        next -= 1;
        if !points.contains(&next) {
            points.push(next);
        }
    }
    points.sort_unstable();
    points
}

/// Why these concurrencies are no curve by the rules, if they are none.
#[must_use]
pub fn uncovered(points: &[u32], c_max: u32) -> Option<String> {
    let mut known = points.to_vec();
    known.sort_unstable();
    known.dedup();
    if known.len() != points.len() {
        return Some("a concurrency is there twice".to_owned());
    }
    if !(POINTS_MIN..=POINTS_MAX).contains(&points.len()) {
        return Some(format!("a curve has {POINTS_MIN} to {POINTS_MAX} points, not {}", points.len()));
    }
    let (Some(first), Some(last)) = (known.first().copied(), known.last().copied()) else { return None };
    if first > ULTRA_LOW_MAX {
        return Some(format!("no point is between 1 and {ULTRA_LOW_MAX}"));
    }
    if last > c_max {
        return Some(format!("{last} is more than the greatest supported concurrency, {c_max}"));
    }
    let missing = regions(first, c_max).into_iter().skip(1).find(|region| {
        region.first <= region.last && !known.iter().any(|point| (region.first..=region.last).contains(point))
    });
    missing.map(|Region { name, first, last }| format!("no point is in {name}, which is {first} to {last}"))
}

/// The planner.
pub(super) struct MlperfEndpoints {
    points: Vec<u32>,
    /// The least seconds of issue time, up to concurrency 32 and above.
    least: [f64; 2],
    trials: usize,
    most: usize,
    runs: Vec<Vec<Run>>,
}

/// What a run of a point gave.
#[derive(Clone, Debug)]
struct Run {
    trial: usize,
    length: u32,
    /// For how long requests of its steady state were issued, and how many a second; none of a run without numbers of the server.
    measured: Option<(f64, f64)>,
    requests: f64,
    why_not: String,
}

impl MlperfEndpoints {
    pub(super) fn new(search: &Search) -> Self {
        let points = search.points.clone();
        let runs = vec![Vec::new(); points.len()];
        Self { points, least: search.least_issue_seconds, trials: 0, most: search.max_iterations, runs }
    }

    fn least_of(&self, point: u32) -> f64 {
        self.least[usize::from(point > ULTRA_LOW_MAX)]
    }

    /// What a point needs next; none if it is measured, or cannot be.
    fn needs(&self, place: usize) -> Option<Probe> {
        let point = self.points[place];
        let probe = |length| Probe { values: vec![f64::from(point)], length, confirms: true };
        let runs = &self.runs[place];
        let Some(last) = runs.last() else { return Some(probe(1)) };
        let (seconds, rate) = last.measured?;
        let least = self.least_of(point);
        if seconds >= least || runs.len() > ATTEMPTS {
            return None;
        }
        let of_a_pass = last.requests / f64::from(last.length);
        // What ramp and drain took is not the steady state's.
        let lost = (last.requests / rate - seconds).max(0.0);
        let passes = ((least * MARGIN + lost) * rate / of_a_pass).ceil();
        let more = f64::from(last.length) + 1.0;
        Some(probe(whole(passes.max(more))))
    }

    fn note(&self) -> Option<String> {
        let short = self.points.iter().zip(&self.runs).filter_map(|(point, runs)| {
            let last = runs.last()?;
            match last.measured {
                Some((seconds, _)) if seconds >= self.least_of(*point) => None,
                Some((seconds, _)) => {
                    Some(format!("at {point} requests of a steady state were issued for {seconds:.0} s only"))
                }
                None => Some(format!("at {point}: {}", last.why_not)),
            }
        });
        let short = short.collect::<Vec<_>>();
        (!short.is_empty()).then(|| short.join("; "))
    }
}

impl Planner for MlperfEndpoints {
    fn ask(&mut self) -> Ask {
        let next = (0..self.points.len()).find_map(|place| self.needs(place));
        match next {
            Some(_) if self.trials >= self.most => Ask::Done("max_iterations"),
            Some(probe) => Ask::Measure(probe),
            None if self.note().is_some() => Ask::Done("mlperf_endpoints_points_missing"),
            None => Ask::Done("mlperf_endpoints_points_measured"),
        }
    }

    fn tell(&mut self, trial: &Trial) {
        let at = trial.probe.values.first().copied().unwrap_or_default();
        let place = self.points.iter().position(|point| same(f64::from(*point), at));
        let (measured, requests, why_not) = match &trial.outcome {
            Outcome::Measured(measured) => (
                measured.load.map(|load| (load.issue_seconds, load.throughput.value)),
                f64::from(u32::try_from(measured.requests).unwrap_or(u32::MAX)),
                "it has no throughput".to_owned(),
            ),
            Outcome::ClientLimited(why) => (None, 0.0, format!("this client was the limit: {why}")),
            Outcome::Failed(why) => (None, 0.0, why.clone()),
        };
        let measured = measured.filter(|(_, rate)| *rate > 0.0 && requests > 0.0);
        if let Some(runs) = place.and_then(|place| self.runs.get_mut(place)) {
            runs.push(Run { trial: self.trials, length: trial.probe.length, measured, requests, why_not });
        }
        self.trials += 1;
    }

    fn found(&self) -> Found {
        let best = self.points.iter().zip(&self.runs).filter_map(|(point, runs)| {
            let last = runs.last()?;
            last.measured.filter(|(seconds, _)| *seconds >= self.least_of(*point)).map(|_| last.trial)
        });
        Found { best: best.collect(), border: None, note: self.note() }
    }
}

/// A whole number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is clamped to what fits"
)]
pub(super) fn whole(number: f64) -> u32 {
    // The greatest one stands for more.
    number.clamp(0.0, f64::from(u32::MAX)) as u32
}

/// Up to this concurrency a run may be shorter, and one point must be there.
pub const ULTRA_LOW_MAX: u32 = 32;
const POINTS_MIN: usize = 7;
const POINTS_MAX: usize = 32;
/// How much longer than the least time a run is planned: the rate of one pass is not sure.
const MARGIN: f64 = 1.05;
/// How many times a run that was too short is made again.
const ATTEMPTS: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::scripted::{finish, loaded};
    use super::super::{Load, Measure};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn regions_are_those_of_the_rules() {
        // The example of the reference implementation, and two that it prints.
        let ends = |c_min, c_max| regions(c_min, c_max).map(|region| region.last);
        assert_eq!(ends(16, 1024), [16, 26, 117, 1024]);
        assert_eq!(ends(1, 256), [1, 7, 41, 256]);
        assert_eq!(ends(32, 64), [32, 35, 42, 64]);
    }

    #[test]
    fn the_usual_points_are_a_curve() {
        assert_eq!(usual_points(1, 256), [1, 4, 7, 18, 41, 104, 256]);
        for (c_min, c_max) in [(1, 33), (32, 33), (32, 40), (8, 64), (16, 1024), (1, 100_000)] {
            let points = usual_points(c_min, c_max);
            let why = uncovered(&points, c_max).filter(|_| c_max > c_min + 6);
            assert_eq!(why, None, "{c_min} to {c_max}: {points:?}");
        }
    }

    #[test]
    fn what_is_no_curve_is_named() {
        let check = |points: &[u32], expected: &str| {
            let why = uncovered(points, 256).unwrap_or_default();
            assert!(why.contains(expected), "{points:?}: {why}");
        };
        check(&[1, 4, 7, 18, 41, 104], "7 to 32 points, not 6");
        check(&[1, 4, 7, 18, 41, 104, 104], "twice");
        check(&[40, 41, 42, 43, 100, 200, 256], "no point is between 1 and 32");
        check(&[1, 4, 7, 18, 41, 104, 300], "300 is more than");
        check(&[1, 2, 3, 4, 5, 6, 256], "no point is in med_concurrency, which is 8 to 41");
        assert_eq!(uncovered(&[1, 4, 7, 18, 41, 104, 256], 256), None);
    }

    fn curve() -> Value {
        json!({
            "planner": "mlperf_endpoints",
            "search_space": [{"path": "phases.profiling.concurrency", "lo": 1, "hi": 256, "kind": "int"}],
            "points": [1, 4, 7, 18, 41, 104, 256],
            "max_iterations": 200,
        })
    }

    #[test]
    fn runs_are_whole_passes_that_last_long_enough() {
        // A request takes a second; a pass is 100 requests, and ramp and drain together take a tenth of a run.
        let finished = finish(curve(), |probe| {
            let (rate, requests) = (probe.values[0], 100 * probe.length);
            let Outcome::Measured(mut measured) = loaded(rate, rate, 1.0, 0.01) else { panic!("measured") };
            let issue_seconds = 0.9 * f64::from(requests) / rate;
            measured.load = measured.load.map(|load| Load { issue_seconds, ..load });
            measured.requests = u64::from(requests);
            Outcome::Measured(measured)
        });
        assert_eq!(finished.reason, "mlperf_endpoints_points_measured");
        let mut last = std::collections::BTreeMap::new();
        for trial in &finished.trials {
            last.insert(
                whole(trial.probe.values[0]),
                f64::from(trial.probe.length) * 90.0 / trial.probe.values[0],
            );
        }
        for (point, seconds) in last {
            let least = if point > 32 { 1200.0 } else { 600.0 };
            assert!((least..least * 1.5).contains(&seconds), "{point}: {seconds} s");
        }
        assert_eq!(finished.found.best.len(), 7, "each point has its run");
        assert_eq!(finished.found.note, None);
    }

    #[test]
    fn what_cannot_be_measured_is_named() {
        let finished = finish(curve(), |probe| {
            if probe.values[0] > 200.0 {
                return Outcome::ClientLimited("late_requests".to_owned());
            }
            let Outcome::Measured(mut measured) = loaded(1.0, 1.0, 1.0, 0.0) else { panic!("measured") };
            measured.load = Some(Load {
                issue_seconds: 1.0,
                in_flight: 1.0,
                throughput: Measure::exact(1.0),
                response: Measure::exact(1.0),
            });
            Outcome::Measured(measured)
        });
        assert_eq!(finished.reason, "mlperf_endpoints_points_missing");
        let note = finished.note();
        assert!(note.contains("at 1 requests of a steady state were issued for 1 s only"), "{note}");
        assert!(note.contains("at 256: this client was the limit: late_requests"), "{note}");
        assert_eq!(finished.found.best, [0_usize; 0]);
        assert_eq!(finished.trials.len(), 6 * (ATTEMPTS + 1) + 1, "each is tried a few times");
    }
}
