//! `slo`: the most load that meets every limit, measured as long as it takes to be sure, and confirmed.
//!
//! ```text
//! lo ── × 2 ── × 2 ── missed        feasible ├─── crossing or middle ───┤ infeasible        until one step is between them
//!                                                                            │
//!               the feasible one again, twice as long ──▶ the infeasible one again, twice as long ──▶ found
//!                    │   └── unsure: once more, 4 times and then 8 times as long, after which its numbers count
//!                    └── another answer: the gap is open again, and the search goes on
//! ```
//!
//! While the gap is wide, an unsure answer counts by its numbers: a longer run there would mostly say how far off the border is,
//! and what it gets wrong the longer runs at the end put right. A step is 1 of whole numbers, or 1 % of the load where that is more.

use super::axis::{Axis, Kind};
use super::config::Search;
use super::isotone::{reaches_zero, rising};
use super::side::{Side, same, share_in_excess};
use super::{
    Ask, Border, CLIENT_LIMITED, Found, Limit, Measure, Measured, Op, Outcome, Planner, Probe, Trial,
};

/// The planner.
pub(super) struct Slo {
    axis: Axis,
    limits: Vec<Limit>,
    most: usize,
    trials: usize,
    /// By rising load.
    points: Vec<Point>,
    /// How many probes lay in the gap: every third halves it, whatever the curve says.
    inside: usize,
}

/// What the runs at a load gave.
struct Point {
    load: f64,
    runs: Vec<Run>,
}

struct Run {
    trial: usize,
    length: u32,
    confirms: bool,
    side: Side,
    /// The greatest excess over a limit, as a share of its threshold.
    excess: Option<Measure>,
    /// What it gave, in words.
    evidence: String,
}

/// What is known of a load.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Feasible,
    Infeasible,
    Client,
}

impl Point {
    /// The longest run decides, of equally long ones the last; a client that was the limit decides alone.
    fn deciding(&self) -> Option<&Run> {
        let client = self.runs.iter().find(|run| run.side == Side::Client);
        client.or_else(|| self.runs.iter().max_by_key(|run| (run.length, run.trial)))
    }

    fn verdict(&self) -> Verdict {
        match self.deciding().map(|run| run.side) {
            Some(Side::Client) => Verdict::Client,
            Some(side) if side.looks_feasible() => Verdict::Feasible,
            _ => Verdict::Infeasible,
        }
    }

    /// The run that confirms it: none where the client was the limit, or where its answer is as sure as it gets.
    fn confirmation(&self) -> Option<Ask> {
        let confirming = self.runs.iter().filter(|run| run.confirms).max_by_key(|run| run.length);
        let length = match confirming.map(|run| (run.side, run.length)) {
            _ if self.verdict() == Verdict::Client => return None,
            None => LENGTH_OF_CONFIRMATION,
            Some((Side::Unsure { .. }, length)) if length < LENGTH_MAX => length * 2,
            Some(_) => return None,
        };
        Some(Ask::Measure(Probe { values: vec![self.load], length, confirms: true }))
    }

    fn at(&self) -> Option<(f64, usize)> {
        self.deciding().map(|run| (self.load, run.trial))
    }
}

impl Slo {
    pub(super) fn new(search: &Search) -> Self {
        Self {
            axis: search.search_space[0].clone(),
            limits: search.limits(),
            most: search.max_iterations,
            trials: 0,
            points: Vec::new(),
            inside: 0,
        }
    }

    /// The greatest feasible load below the least one that is not feasible, and that one.
    fn gap(&self) -> (Option<&Point>, Option<&Point>) {
        let is_bound = |point: &&Point| matches!(point.verdict(), Verdict::Infeasible | Verdict::Client);
        let upper = self.points.iter().find(is_bound);
        let is_lower = |point: &&Point| {
            point.verdict() == Verdict::Feasible && upper.is_none_or(|upper| point.load < upper.load)
        };
        (self.points.iter().rev().find(is_lower), upper)
    }

    fn step(&self, load: f64) -> f64 {
        let share = load.abs() * STEP;
        if self.axis.kind == Kind::Int { share.floor().max(1.0) } else { share }
    }

    fn next(&self) -> Ask {
        let search = |load: f64| Ask::Measure(Probe { values: vec![load], length: 1, confirms: false });
        let end = |upper: &Point, why| {
            Ask::Done(if upper.verdict() == Verdict::Client { CLIENT_LIMITED } else { why })
        };
        match self.gap() {
            (None, None) => search(self.axis.lo),
            (None, Some(upper)) => upper.confirmation().unwrap_or_else(|| end(upper, "slo_no_pass_in_range")),
            (Some(lower), None) if lower.load < self.axis.hi => search((lower.load * 2.0).min(self.axis.hi)),
            (Some(lower), None) => lower.confirmation().unwrap_or(Ask::Done("slo_no_failure_in_range")),
            // What rounding adds to a step is none: no load is asked for that is an end of the gap.
            (Some(lower), Some(upper)) if upper.load - lower.load > self.step(lower.load) * ROUNDED => {
                search(self.between(lower.load, upper.load))
            }
            (Some(lower), Some(upper)) => lower
                .confirmation()
                .or_else(|| upper.confirmation())
                .unwrap_or_else(|| end(upper, "slo_precision_reached")),
        }
    }

    /// Where the curve crosses the limits, at least a step inside the gap; every third time its middle.
    fn between(&self, lower: f64, upper: f64) -> f64 {
        let step = self.step(lower);
        let is_inside = |load: &f64| (lower..=upper).contains(load);
        let crossing = self.crossing(|excess| excess.value).filter(is_inside);
        let middle = f64::midpoint(lower, upper);
        let load = crossing.filter(|_| self.inside % 3 != 2).unwrap_or(middle);
        let load = if self.axis.kind == Kind::Int { load.floor() } else { load };
        load.clamp(lower + step, (upper - step).max(lower + step))
    }

    /// Where the rising curve through an end of the excess reaches zero.
    fn crossing(&self, end: impl Fn(Measure) -> f64) -> Option<f64> {
        let known = self.points.iter().filter_map(|point| {
            let run = point.deciding()?;
            Some((point.load, end(run.excess?), f64::from(run.length)))
        });
        let known = known.filter(|(_, excess, _)| excess.is_finite()).collect::<Vec<_>>();
        let (loads, excesses) =
            known.iter().map(|(load, excess, _)| (*load, *excess)).unzip::<_, _, Vec<_>, Vec<_>>();
        let weights = known.iter().map(|(.., weight)| *weight).collect::<Vec<_>>();
        reaches_zero(&loads, &rising(&excesses, &weights))
    }

    /// The greatest excess over a limit, with what bounds it.
    fn excess(&self, measured: &Measured) -> Option<Measure> {
        let excesses = self.limits.iter().zip(&measured.limits).filter_map(|(limit, judged)| {
            let observed = judged.observed?;
            let [value, one, other] =
                [observed.value, observed.low, observed.high].map(|number| share_in_excess(limit, number));
            Some(Measure { value, low: one.min(other), high: one.max(other) })
        });
        excesses.reduce(|one, other| Measure {
            value: one.value.max(other.value),
            low: one.low.max(other.low),
            high: one.high.max(other.high),
        })
    }

    /// Between which loads the border lies: where even the least excess reaches zero, and where the greatest one does.
    fn interval(&self, feasible: f64, infeasible: f64) -> (f64, f64) {
        let low = self.crossing(|excess| excess.high).unwrap_or(self.axis.lo).min(feasible);
        let high = self.crossing(|excess| excess.low).unwrap_or(infeasible).max(infeasible);
        (low, high)
    }

    fn note(&self) -> Option<String> {
        let (lower, upper) = self.gap();
        let evidence = |point: &Point| point.deciding().map(|run| run.evidence.clone()).unwrap_or_default();
        let of_upper = |upper: &Point| match (upper.verdict(), lower) {
            (Verdict::Client, Some(lower)) => {
                format!(
                    "the client was the limit above {}: at {}, {}",
                    lower.load,
                    upper.load,
                    evidence(upper)
                )
            }
            (Verdict::Client, None) => {
                format!("the client was the limit at {}, the least load: {}", upper.load, evidence(upper))
            }
            _ => format!("no load meets the limits: at {}, the least one, {}", upper.load, evidence(upper)),
        };
        if matches!(self.next(), Ask::Measure(_)) {
            return Some("the search has not ended, and its answer is not confirmed".to_owned());
        }
        match (lower, upper) {
            (Some(lower), None) if lower.load >= self.axis.hi => {
                Some(format!("the limits are met up to {}, the space's end", self.axis.hi))
            }
            (Some(_), Some(upper)) if upper.verdict() == Verdict::Client => Some(of_upper(upper)),
            (None, Some(upper)) => Some(of_upper(upper)),
            _ => None,
        }
    }
}

/// What a run gave, in words.
fn evidence(limits: &[Limit], outcome: &Outcome) -> String {
    let measured = match outcome {
        Outcome::Measured(measured) => measured,
        Outcome::ClientLimited(why) => return why.clone(),
        Outcome::Failed(why) => return format!("the run failed: {why}"),
    };
    let of_limit = limits.iter().zip(&measured.limits).map(|(limit, judged)| {
        let op = match limit.op {
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        };
        let number =
            judged.observed.map_or_else(|| "unknown".to_owned(), |observed| format!("{:.6}", observed.value));
        format!("{} {} is {number}, asked for {op} {}", limit.metric_tag, limit.stat, limit.threshold)
    });
    of_limit.collect::<Vec<_>>().join(", ")
}

impl Planner for Slo {
    fn ask(&mut self) -> Ask {
        match self.next() {
            Ask::Measure(_) if self.trials >= self.most => Ask::Done("max_iterations"),
            ask => ask,
        }
    }

    fn tell(&mut self, trial: &Trial) {
        let load = trial.probe.values.first().copied().unwrap_or(self.axis.lo);
        if let (Some(lower), Some(upper)) = self.gap() {
            self.inside += usize::from(lower.load < load && load < upper.load);
        }
        let mut at = self.points.partition_point(|point| point.load < load);
        if self.points.get(at).is_none_or(|point| !same(point.load, load)) {
            at = self.points.partition_point(|point| point.load < load);
            self.points.insert(at, Point { load, runs: Vec::new() });
        }
        let excess = match &trial.outcome {
            Outcome::Measured(measured) => self.excess(measured),
            _ => None,
        };
        self.points[at].runs.push(Run {
            trial: self.trials,
            length: trial.probe.length,
            confirms: trial.probe.confirms,
            side: Side::of(&trial.outcome),
            excess,
            evidence: evidence(&self.limits, &trial.outcome),
        });
        self.trials += 1;
    }

    fn found(&self) -> Found {
        let (lower, upper) = self.gap();
        let (feasible, bound) = (lower.and_then(Point::at), upper.and_then(Point::at));
        let infeasible = bound.filter(|_| upper.is_some_and(|upper| upper.verdict() == Verdict::Infeasible));
        let interval = feasible.zip(infeasible).map(|((low, _), (high, _))| self.interval(low, high));
        Found {
            best: feasible.iter().map(|(_, trial)| *trial).collect(),
            border: Some(Border { feasible, infeasible, interval }),
            note: self.note(),
        }
    }
}

/// So many times as long as usual.
const LENGTH_OF_CONFIRMATION: u32 = 2;
/// The longest run. Its numbers count, however unsure they are.
const LENGTH_MAX: u32 = 8;
/// The gap at which the search stops, as a share of the load.
const STEP: f64 = 0.01;
/// A gap that is larger than a step by less is one step.
const ROUNDED: f64 = 1.0 + 1e-9;

#[cfg(test)]
mod tests;
