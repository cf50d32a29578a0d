//! What a search looks for: the `adaptive_search` block of a configuration.

mod choices;

pub use choices::{Acquisition, ConstraintMode, Pooling, Precision, Sampler, Terminator};

use super::axis::{Axis, Kind};
use super::bayesian::Bayesian;
use super::contradiction::contradiction;
use super::isotonic::Isotonic;
use super::mlperf::{self, MlperfEndpoints};
use super::monotonic::Monotonic;
use super::saturation::Saturation;
use super::slo::Slo;
use super::tiers::Tiers;
use super::{Limit, Op, Planner};
use crate::{Refused, path};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A search, as AIPerf's `sweep: {type: adaptive_search}` says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Who chooses the next load. Without it: `slo` for one axis with limits and no objective, and `bayesian` otherwise.
    pub planner: Strategy,
    /// What varies.
    pub search_space: Vec<Axis>,
    /// What is best.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// Limits that are not objectives, of averages.
    #[serde(default)]
    pub outcome_constraints: Vec<Constraint>,
    /// Limits.
    #[serde(default)]
    pub sla_filters: Vec<Limit>,
    /// The most runs, 2 to 200.
    #[serde(default = "usual::iterations")]
    pub max_iterations: usize,
    /// Points that fill the space, before a model chooses.
    #[serde(default = "usual::initial")]
    pub n_initial_points: usize,
    /// Of how many last runs a plateau consists.
    #[serde(default = "usual::window")]
    pub plateau_window: usize,
    /// The coefficient of variation below which they are one.
    #[serde(default = "usual::plateau")]
    pub plateau_threshold: f64,
    /// After how many runs without a better one the search stops.
    #[serde(default = "usual::patience")]
    pub improvement_patience: usize,
    /// The seed of what is drawn; 0 without it.
    #[serde(default)]
    pub random_seed: Option<u64>,
    /// Which of Optuna's samplers AIPerf would use.
    #[serde(default)]
    pub optuna_sampler: Option<Sampler>,
    /// Which acquisition function AIPerf would use.
    #[serde(default)]
    pub optuna_acquisition: Option<Acquisition>,
    /// Which of Optuna's rules stops: only `none`.
    #[serde(default)]
    pub optuna_terminator: Option<Terminator>,
    /// How a percentile of several runs is made.
    #[serde(default)]
    pub objective_pooling: Pooling,
    /// How many equal answers `monotonic_sla` needs at a value.
    #[serde(default = "usual::agreements")]
    pub monotonic_stability_trials: usize,
    /// How often `smooth_isotonic` repeats the run at the border; 0 for not at all.
    #[serde(default)]
    pub sla_replicates: usize,
    /// How many requests each of its runs has.
    #[serde(default)]
    pub sla_precision: Precision,
    /// Seconds at the begin of each of its runs that do not count.
    #[serde(default)]
    pub sla_warmup_seconds: Option<f64>,
    /// How limits change what the model prefers.
    #[serde(default)]
    pub constraint_mode: ConstraintMode,
    /// Groups of limits, each with a border of its own, which all hold besides `sla_filters`: none, or 2 to 10.
    #[serde(default)]
    pub sla_tiers: Vec<Tier>,
    /// The concurrencies that `mlperf_endpoints` measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<u32>,
    /// For how many seconds each of its runs must issue requests: up to concurrency 32, and above.
    #[serde(default = "usual::issue_seconds", skip_serializing_if = "usual::is_usual")]
    pub least_issue_seconds: [f64; 2],
    /// Which recipe made this search.
    #[serde(default)]
    pub recipe_name: Option<String>,
}

/// Who chooses the next load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// A model of good and bad regions.
    Bayesian,
    /// The same model.
    Optuna,
    /// Doubling, then halving.
    MonotonicSla,
    /// Doubling, then where a rising curve crosses the limit.
    SmoothIsotonic,
    /// A ladder of loads, up to where throughput ends.
    Saturation,
    /// Doubling and halving with longer runs where it is close, and confirmed.
    Slo,
    /// Given points, each in whole passes over the data set and for a least time.
    MlperfEndpoints,
}

impl Strategy {
    /// Whether it looks for the border of the limits, and not for the best number.
    #[must_use]
    pub const fn looks_for_border(self) -> bool {
        matches!(self, Self::MonotonicSla | Self::SmoothIsotonic | Self::Slo)
    }
}

/// A group of limits that a load must keep together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name.
    pub label: String,
    /// The limits.
    pub filters: Vec<Limit>,
    /// AIPerf's place of it among the others: runs are shared without it.
    #[serde(default, skip_serializing)]
    pub ordering_rank: Option<u32>,
}

/// What is best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The metric.
    pub metric: String,
    /// Its statistic.
    #[serde(default = "usual::average")]
    pub stat: String,
    /// Whether more or less is better.
    pub direction: Direction,
    /// The number from which a run counts for a Pareto front.
    #[serde(default)]
    pub threshold: Option<f64>,
}

/// Whether more or less is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Direction {
    /// More.
    #[serde(alias = "maximize")]
    Maximize,
    /// Less.
    #[serde(alias = "minimize")]
    Minimize,
}

/// A limit of the average of a metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// The metric.
    pub metric: String,
    /// How the average and the bound compare.
    pub op: Comparison,
    /// The bound, in the metric's display unit.
    pub bound: f64,
}

/// How an average and a bound compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
}

/// AIPerf's defaults; the iterations are ours, as AIPerf has no default of them.
mod usual {
    /// MLPerf Endpoints v1.0, §6.2.
    pub(super) const fn issue_seconds() -> [f64; 2] {
        [600.0, 1200.0]
    }
    pub(super) fn is_usual(seconds: &[f64; 2]) -> bool {
        seconds.iter().zip(issue_seconds()).all(|(one, usual)| one.total_cmp(&usual).is_eq())
    }
    pub(super) const fn iterations() -> usize {
        50
    }
    pub(super) const fn initial() -> usize {
        5
    }
    pub(super) const fn window() -> usize {
        8
    }
    pub(super) const fn plateau() -> f64 {
        0.01
    }
    pub(super) const fn patience() -> usize {
        10
    }
    pub(super) const fn agreements() -> usize {
        2
    }
    pub(super) fn average() -> String {
        "avg".to_owned()
    }
}

impl Search {
    /// The search of a configuration's `sweep` block, with its keys in snake case.
    ///
    /// # Errors
    /// An unknown key, or values that cannot be or contradict each other, with their place.
    pub fn parse(block: Value) -> Result<Self, Refused> {
        let Value::Object(mut fields) = block else {
            return Err(Refused::new("sweep", "expected a table of keys"));
        };
        if let Some(other) = fields.shift_remove("type").filter(|kind| kind != "adaptive_search") {
            return Err(Refused::new("sweep.type", format!("{other} is not `adaptive_search`")));
        }
        if fields.get("planner").is_none_or(Value::is_null) {
            fields.insert("planner".to_owned(), Value::from(usual_planner(&fields)));
        }
        let search = serde_json::from_value::<Self>(Value::Object(fields))
            .map_err(|error| Refused::new("sweep", error.to_string()))?;
        search.check()?;
        Ok(search)
    }

    /// Every limit, in the order in which a run answers them: those of `sla_filters`, then those of `outcome_constraints`, of which
    /// an equality is two, then those of each tier.
    #[must_use]
    pub fn limits(&self) -> Vec<Limit> {
        let tiers = self.sla_tiers.iter().flat_map(|tier| tier.filters.iter().cloned());
        self.common_limits().into_iter().chain(tiers).collect()
    }

    /// Adds a limit that holds for all tiers, unless it is there.
    pub(crate) fn limit(&mut self, limit: Limit) -> Result<(), Refused> {
        if self.common_limits().contains(&limit) {
            return Ok(());
        }
        self.sla_filters.push(limit);
        self.check()
    }

    /// The limits that hold for all tiers: the first ones of [`Self::limits`].
    #[must_use]
    pub fn common_limits(&self) -> Vec<Limit> {
        let constraints = self.outcome_constraints.iter().flat_map(|constraint| {
            let ops: &[Op] = match constraint.op {
                Comparison::AtMost => &[Op::Le],
                Comparison::AtLeast => &[Op::Ge],
                Comparison::Equal => &[Op::Le, Op::Ge],
            };
            ops.iter().map(|op| Limit {
                metric_tag: constraint.metric.clone(),
                stat: usual::average(),
                op: *op,
                threshold: constraint.bound,
            })
        });
        self.sla_filters.iter().cloned().chain(constraints).collect()
    }

    /// Which of [`Self::limits`] a tier has.
    #[must_use]
    pub fn places_of_tier(&self, place: usize) -> Vec<usize> {
        let common = self.common_limits().len();
        let before = self.sla_tiers.iter().take(place).map(|tier| tier.filters.len()).sum::<usize>();
        let count = self.sla_tiers.get(place).map_or(0, |tier| tier.filters.len());
        (0..common).chain(common + before..common + before + count).collect()
    }

    /// The search of a tier by itself.
    pub(super) fn of_tier(&self, place: usize) -> Self {
        let limits = self.limits();
        let filters = self.places_of_tier(place).into_iter().filter_map(|place| limits.get(place).cloned());
        let planner = if self.planner.looks_for_border() { self.planner } else { Strategy::Slo };
        Self {
            planner,
            sla_filters: filters.collect(),
            outcome_constraints: Vec::new(),
            sla_tiers: Vec::new(),
            ..self.clone()
        }
    }

    /// Who chooses the next load.
    #[must_use]
    pub fn planner(&self) -> Box<dyn Planner> {
        if !self.sla_tiers.is_empty() {
            return Box::new(Tiers::new(self));
        }
        match self.planner {
            Strategy::Bayesian | Strategy::Optuna => Box::new(Bayesian::new(self)),
            Strategy::MonotonicSla => Box::new(Monotonic::new(self)),
            Strategy::SmoothIsotonic => Box::new(Isotonic::new(self)),
            Strategy::Saturation => Box::new(Saturation::new(self)),
            Strategy::Slo => Box::new(Slo::new(self)),
            Strategy::MlperfEndpoints => Box::new(MlperfEndpoints::new(self)),
        }
    }

    /// A value of an axis as a configuration has it: a whole number without a fraction.
    #[must_use]
    pub fn value(&self, axis: usize, value: f64) -> Value {
        self.search_space.get(axis).map_or_else(|| Value::from(value), |axis| axis.json(value))
    }

    /// The values of a point, by path.
    #[must_use]
    pub fn point(&self, values: &[f64]) -> Map<String, Value> {
        let pairs = self.search_space.iter().zip(values);
        pairs.map(|(axis, value)| (axis.path.clone(), axis.json(*value))).collect()
    }

    /// The points of the least and of the greatest values.
    #[must_use]
    pub fn ends(&self) -> [Map<String, Value>; 2] {
        let of = |end: fn(&Axis) -> f64| self.point(&self.search_space.iter().map(end).collect::<Vec<_>>());
        [of(|axis| axis.lo), of(|axis| axis.hi)]
    }

    /// Advice about a search that is valid.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut ignored = |is_set: bool, place: &str, instead: &str| {
            if is_set {
                warnings.push(format!("sweep.{place}: is ignored; {instead}"));
            }
        };
        let model = "the model is a tree-structured Parzen estimator, as AIPerf's is without BoTorch";
        let sampler = self.optuna_sampler.is_some_and(|sampler| sampler != Sampler::Tpe);
        ignored(sampler, "optuna_sampler", model);
        ignored(self.optuna_acquisition.is_some(), "optuna_acquisition", model);
        let penalty = "a run that misses a limit is worse than every run that meets all";
        ignored(self.constraint_mode == ConstraintMode::Eic, "constraint_mode", penalty);
        let mean = "the mean of the runs' percentiles is used";
        ignored(self.objective_pooling == Pooling::Pooled, "objective_pooling", mean);
        let steady = "what is judged is the steady state";
        ignored(self.sla_warmup_seconds.is_some_and(|seconds| seconds > 0.0), "sla_warmup_seconds", steady);
        let own = "each tier's border is searched by `slo`";
        ignored(!self.sla_tiers.is_empty() && !self.planner.looks_for_border(), "planner", own);
        warnings
    }

    fn check(&self) -> Result<(), Refused> {
        self.check_space()?;
        self.check_objectives()?;
        self.check_limits()?;
        self.check_numbers()?;
        self.check_tiers()?;
        self.check_points()?;
        if self.optuna_terminator.is_some_and(|rule| rule != Terminator::None) {
            let why = "is not supported: use improvement_patience, or leave it out";
            return Err(Refused::new("sweep.optuna_terminator", why));
        }
        Ok(())
    }

    fn check_space(&self) -> Result<(), Refused> {
        let place = "sweep.search_space";
        if self.search_space.is_empty() || self.search_space.len() > AXES_MAX {
            return Err(Refused::new(place, format!("expected a list with 1 to {AXES_MAX} axes")));
        }
        let mut paths = Vec::new();
        for (index, axis) in self.search_space.iter().enumerate() {
            let place = format!("{place}[{index}]");
            axis.check().map_err(|why| Refused::new(&place, why))?;
            let path = path::resolved(&axis.path)?;
            if paths.contains(&path) {
                return Err(Refused::new(&place, format!("`{path}` is there already")));
            }
            paths.push(path);
        }
        if self.has_model() {
            return Ok(());
        }
        if self.search_space.len() > 1 {
            let why = format!("`{}` searches one axis; `bayesian` searches several", self.name());
            return Err(Refused::new(place, why));
        }
        if self.planner != Strategy::Slo && self.search_space[0].kind != Kind::Int {
            let why = format!("`{}` searches whole numbers: give `kind: int`", self.name());
            return Err(Refused::new(&format!("{place}[0].kind"), why));
        }
        if self.search_space[0].lo <= 0.0 {
            let why = format!("`{}` doubles the load, and needs lo above 0", self.name());
            return Err(Refused::new(&format!("{place}[0].lo"), why));
        }
        Ok(())
    }

    fn check_objectives(&self) -> Result<(), Refused> {
        let place = "sweep.objectives";
        for (index, objective) in self.objectives.iter().enumerate() {
            let place = format!("{place}[{index}]");
            check_metric(&place, &objective.metric, &objective.stat)?;
            if objective.threshold.is_some_and(|threshold| !threshold.is_finite()) {
                return Err(Refused::new(&format!("{place}.threshold"), "must be finite"));
            }
        }
        if self.has_model() && self.objectives.is_empty() {
            return Err(Refused::new(place, format!("`{}` needs at least one objective", self.name())));
        }
        if !self.has_model() && self.objectives.len() > 1 {
            return Err(Refused::new(place, format!("`{}` has one objective at most", self.name())));
        }
        let count = self.objectives.len();
        if let Some(acquisition) = self.optuna_acquisition {
            use Acquisition::{Qehvi, Qlognehvi, Qnehvi};
            let is_of_several = matches!(acquisition, Qehvi | Qnehvi | Qlognehvi);
            if is_of_several != (count > 1) {
                let of = if is_of_several { "several objectives" } else { "one objective" };
                let why = format!("is for {of}, and this search has {count}");
                return Err(Refused::new("sweep.optuna_acquisition", why));
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Refused> {
        let needs_limits =
            matches!(self.planner, Strategy::MonotonicSla | Strategy::SmoothIsotonic | Strategy::Slo);
        let limits = self.common_limits();
        if self.planner == Strategy::Saturation && !self.limits().is_empty() {
            let why = "`saturation` looks for the end of throughput, not for a limit: leave limits out";
            return Err(Refused::new("sweep.sla_filters", why));
        }
        if needs_limits && self.limits().is_empty() {
            let why = format!("`{}` needs at least one limit", self.name());
            return Err(Refused::new("sweep.sla_filters", why));
        }
        for (index, limit) in limits.iter().enumerate() {
            let place = index.checked_sub(self.sla_filters.len()).map_or_else(
                || format!("sweep.sla_filters[{index}]"),
                |_| "sweep.outcome_constraints".to_owned(),
            );
            check_metric(&place, &limit.metric_tag, &limit.stat)?;
            if !limit.threshold.is_finite() {
                return Err(Refused::new(&format!("{place}.threshold"), "must be finite"));
            }
        }
        match contradiction(&limits) {
            Some(why) => Err(Refused::new("sweep.sla_filters", why)),
            None => Ok(()),
        }
    }

    fn check_points(&self) -> Result<(), Refused> {
        let is_of_points = self.planner == Strategy::MlperfEndpoints;
        if !is_of_points {
            let none = self.points.is_empty() && usual::is_usual(&self.least_issue_seconds);
            let why = "are of the planner `mlperf_endpoints`";
            return if none { Ok(()) } else { Err(Refused::new("sweep.points, least_issue_seconds", why)) };
        }
        if !self.limits().is_empty() {
            return Err(Refused::new(
                "sweep.sla_filters",
                "`mlperf_endpoints` measures given points: leave limits out",
            ));
        }
        if !self.least_issue_seconds.iter().all(|seconds| (0.0..=86400.0).contains(seconds)) {
            return Err(Refused::new("sweep.least_issue_seconds", "are not between 0 and 86400"));
        }
        let c_max = mlperf::whole(self.search_space[0].hi);
        match mlperf::uncovered(&self.points, c_max) {
            Some(why) => Err(Refused::new("sweep.points", why)),
            None => Ok(()),
        }
    }

    fn check_tiers(&self) -> Result<(), Refused> {
        let place = "sweep.sla_tiers";
        let count = self.sla_tiers.len();
        if count == 0 {
            return Ok(());
        }
        if !(2..=TIERS_MAX).contains(&count) {
            return Err(Refused::new(
                place,
                match count {
                    1 => format!("expected 2 to {TIERS_MAX} tiers: one tier is `sla_filters`"),
                    _ => format!("expected 2 to {TIERS_MAX} tiers, not {count}"),
                },
            ));
        }
        if self.search_space.len() > 1 {
            return Err(Refused::new(place, "tiers are searched along one axis"));
        }
        for (index, tier) in self.sla_tiers.iter().enumerate() {
            let place = format!("{place}[{index}]");
            let is_there = |other: &Tier| other.label == tier.label;
            if tier.label.trim().is_empty() || self.sla_tiers[..index].iter().any(is_there) {
                let why = format!("`{}` is no name of its own", tier.label);
                return Err(Refused::new(&format!("{place}.label"), why));
            }
            if tier.filters.is_empty() {
                return Err(Refused::new(&format!("{place}.filters"), "a tier needs at least one limit"));
            }
            for (index, limit) in tier.filters.iter().enumerate() {
                let place = format!("{place}.filters[{index}]");
                check_metric(&place, &limit.metric_tag, &limit.stat)?;
                if !limit.threshold.is_finite() {
                    return Err(Refused::new(&format!("{place}.threshold"), "must be finite"));
                }
            }
            if let Some(why) = contradiction(&self.of_tier(index).sla_filters) {
                return Err(Refused::new(&place, why));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), Refused> {
        let seconds = |value: f64| (0.0..=1e9).contains(&value);
        let rules = [
            ((2..=200).contains(&self.max_iterations), "max_iterations", "is not between 2 and 200"),
            (self.n_initial_points >= 1, "n_initial_points", "is not at least 1"),
            (
                !self.has_model() || self.n_initial_points < self.max_iterations,
                "n_initial_points",
                "must be less than max_iterations, or no model chooses a run",
            ),
            (self.plateau_window >= 2, "plateau_window", "is not at least 2"),
            (
                self.plateau_threshold > 0.0 && self.plateau_threshold.is_finite(),
                "plateau_threshold",
                "is not above 0",
            ),
            (self.improvement_patience >= 2, "improvement_patience", "is not at least 2"),
            (self.monotonic_stability_trials >= 1, "monotonic_stability_trials", "is not at least 1"),
            (self.sla_warmup_seconds.is_none_or(seconds), "sla_warmup_seconds", "is not between 0 and 1e9"),
        ];
        match rules.iter().find(|(is_kept, ..)| !is_kept) {
            Some((_, field, why)) => Err(Refused::new(&format!("sweep.{field}"), *why)),
            None => Ok(()),
        }
    }

    const fn has_model(&self) -> bool {
        matches!(self.planner, Strategy::Bayesian | Strategy::Optuna)
    }

    fn name(&self) -> String {
        serde_json::to_value(self.planner)
            .ok()
            .and_then(|name| name.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

/// The planner of a search that names none.
fn usual_planner(fields: &Map<String, Value>) -> &'static str {
    let count = |key: &str| fields.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let has_limits = count("sla_filters") + count("outcome_constraints") + count("sla_tiers") > 0;
    if count("search_space") == 1 && has_limits && count("objectives") == 0 { "slo" } else { "bayesian" }
}

fn check_metric(place: &str, metric: &str, stat: &str) -> Result<(), Refused> {
    if metric.trim().is_empty() {
        return Err(Refused::new(place, "names no metric"));
    }
    if !STATISTICS.contains(&stat) {
        let why = format!("`{stat}` is not one of {}", STATISTICS.join(", "));
        return Err(Refused::new(&format!("{place}.stat"), why));
    }
    Ok(())
}

const AXES_MAX: usize = 20;
const TIERS_MAX: usize = 10;
/// The statistics that a run has of a metric.
const STATISTICS: &[&str] =
    &["avg", "min", "max", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "std"];

#[cfg(test)]
mod tests;
