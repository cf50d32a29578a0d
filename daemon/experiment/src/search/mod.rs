//! Searches: which load to try next, from what the loads before gave.
//!
//! ```text
//! Search (what is looked for) ──▶ Planner ── ask ──▶ Probe: values, and how much longer than usual ──▶ a run
//!                                    ▲                                                            │
//!                                    └──────── tell ◀── Trial: objectives, limits, load ◀─────────┘
//!
//! config.rs                 what a search looks for
//! axis.rs, contradiction.rs   its space, and its limits
//! slo.rs                    the most load that keeps limits, confirmed
//! saturation.rs, level.rs    the load from which throughput grows no more
//! monotonic.rs              AIPerf's search by doubling and halving
//! mlperf.rs                 the points of MLPerf Endpoints' curve
//! isotonic.rs, isotone.rs   AIPerf's search by a rising curve
//! bayesian.rs, parzen.rs    a model of good and bad regions
//! tiers.rs                  several groups of limits with the same runs
//! side.rs                   which side of the limits a run is on
//! backlog.rs                whether a server falls behind the rate at which requests arrive
//! fits/                     curves through the runs of a sweep
//! ```
//!
//! A planner is pure and seeded: the same trials lead to the same probes, so that a search which was interrupted is continued by
//! telling its trials again.

mod axis;
mod backlog;
mod bayesian;
mod config;
mod contradiction;
pub(crate) use contradiction::contradiction;
pub mod fits;
mod isotone;
mod isotonic;
mod level;
pub mod mlperf;
mod monotonic;
mod parzen;
mod saturation;
#[cfg(test)]
mod scripted;
mod side;
mod slo;
mod tiers;

pub use axis::{Axis, Kind, Prior};
pub use backlog::{Backlog, Slice, backlog};
pub use config::{
    Acquisition, Comparison, Constraint, ConstraintMode, Direction, Objective, Pooling, Precision, Sampler,
    Search, Strategy, Terminator, Tier,
};
pub use tiers::FoundTier;

use serde::{Deserialize, Serialize};

/// Why a search ends that knows nothing of the server above a load, because this client was the limit there.
pub const CLIENT_LIMITED: &str = "client_limited";

/// A number with the interval that it lies in with 95 % probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The number.
    pub value: f64,
    /// The least that it may be.
    pub low: f64,
    /// The most that it may be.
    pub high: f64,
}

impl Measure {
    /// A number of which nothing else is known.
    #[must_use]
    pub const fn exact(value: f64) -> Self {
        Self { value, low: value, high: value }
    }
}

/// Whether a limit is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// The run was too short to tell; the number itself is on this side.
    Unsure {
        /// Whether the number itself meets it.
        looks_met: bool,
    },
}

impl Answer {
    /// Whether the number itself meets it.
    #[must_use]
    pub const fn looks_met(self) -> bool {
        matches!(self, Self::Met | Self::Unsure { looks_met: true })
    }
}

/// What a run says about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The metric's number; none if the run has none.
    pub observed: Option<Measure>,
    /// Whether it meets the limit.
    pub answer: Answer,
}

/// What the server did in the steady part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Successful requests per second.
    pub throughput: Measure,
    /// The mean time that a request took, in seconds.
    pub response: Measure,
    /// The mean number of requests in flight.
    pub in_flight: f64,
    /// For how many seconds requests of the steady state were issued; 0 of a run without one.
    #[serde(default)]
    pub issue_seconds: f64,
}

/// What a run gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The number of each objective.
    pub objectives: Vec<Option<Measure>>,
    /// Whether each limit is met.
    pub limits: Vec<Judged>,
    /// Throughput and time of response.
    pub load: Option<Load>,
    /// Requests sent.
    pub requests: u64,
    /// Whether it was ended early, because what was asked of it was sure.
    #[serde(default)]
    pub is_cut: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// With numbers of the server.
    Measured(Measured),
    /// With numbers of this client, which was the limit: nothing is known of the server.
    ClientLimited(String),
    /// Without results.
    Failed(String),
}

/// A probe that was carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What was asked for.
    pub probe: Probe,
    /// What it gave.
    pub outcome: Outcome,
}

/// What to measure next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// A value for each axis of the space.
    pub values: Vec<f64>,
    /// How many times as long as usual the run is.
    pub length: u32,
    /// Whether it confirms a result, rather than looks for one: it is never cut short.
    pub confirms: bool,
}

/// What a planner wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// Another run.
    Measure(Probe),
    /// Nothing more, for this reason: a word in snake case.
    Done(&'static str),
}

/// Chooses the next load.
pub trait Planner {
    /// The next one.
    fn ask(&mut self) -> Ask;
    /// What the last one gave.
    fn tell(&mut self, trial: &Trial);
    /// What is known so far: at the end, the result.
    fn found(&self) -> Found;
    /// The same of each tier of limits; empty without tiers.
    fn tiers(&self) -> Vec<FoundTier> {
        Vec::new()
    }
    /// The tier for which the last one was asked: a run need be sure of its limits only.
    fn asks_for(&self) -> Option<usize> {
        None
    }
}

/// What a search found: indices of trials.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The best trials that meet every limit: one, or the Pareto-optimal ones of several objectives.
    pub best: Vec<usize>,
    /// Of a search along one axis, the border between loads that meet the limits and loads that do not.
    pub border: Option<Border>,
    /// Why there is no best one, or what else a reader must know.
    pub note: Option<String>,
}

/// The border along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Border {
    /// The most that meets every limit, and its trial.
    pub feasible: Option<(f64, usize)>,
    /// The least that does not, and its trial.
    pub infeasible: Option<(f64, usize)>,
    /// Between which loads the border lies with 95 % probability.
    pub interval: Option<(f64, f64)>,
}

/// A limit that a load must keep, as AIPerf's `sla_filters` state it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The metric.
    #[serde(alias = "metric")]
    pub metric_tag: String,
    /// Its statistic.
    #[serde(default = "usual_statistic")]
    pub stat: String,
    /// How the number and the threshold compare.
    pub op: Op,
    /// The threshold, in the metric's display unit.
    pub threshold: f64,
}

/// How a number and a threshold compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// Less than.
    Lt,
    /// At most.
    Le,
    /// More than.
    Gt,
    /// At least.
    Ge,
}

impl Op {
    /// Whether a number is on the right side.
    #[must_use]
    pub fn is_met(self, number: f64, threshold: f64) -> bool {
        match self {
            Self::Lt => number < threshold,
            Self::Le => number <= threshold,
            Self::Gt => number > threshold,
            Self::Ge => number >= threshold,
        }
    }
}

/// AIPerf's statistic of a limit that names none.
fn usual_statistic() -> String {
    "p95".to_owned()
}
