//! When requests are sent and when the run ends.

use crate::AdaptiveScale;
use serde::{Deserialize, Serialize};

/// When requests are sent and when the run ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The phases, in order: warm-ups, then what is measured.
    pub phases: Vec<Phase>,
    /// How requests share connections.
    pub connection_reuse: ConnectionReuse,
    /// Which rows of a trace are replayed, and when, for the shape `fixed_schedule`.
    pub fixed_schedule: FixedSchedule,
    /// The order in which sessions take conversations from the input.
    pub sampling: Sampling,
    /// The share of failed requests, from 0 to 1, above which the run is stopped.
    pub failed_request_threshold: Option<f64>,
    /// Where prompts have a marker, so that no server finds them in a prefix cache.
    #[serde(default)]
    pub cache_bust: Option<CacheBust>,
}

/// Where a marker is placed, each session's own unless stated otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheBust {
    /// Before the system prompt.
    SystemPrefix,
    /// After the system prompt.
    SystemSuffix,
    /// Before the first turn's text.
    FirstTurnPrefix,
    /// After the first turn's text.
    FirstTurnSuffix,
    /// Before the system prompt, of requests of a warm-up only: one marker for all of them.
    WarmupIsolationSystem,
    /// The same before the first turn's text.
    WarmupIsolationFirstTurn,
}

impl CacheBust {
    /// Whether requests of a warm-up have a marker, and no others.
    #[must_use]
    pub const fn isolates_warmup(self) -> bool {
        matches!(self, Self::WarmupIsolationSystem | Self::WarmupIsolationFirstTurn)
    }

    /// The same where there is no system prompt.
    #[must_use]
    pub const fn in_first_turn(self) -> Self {
        match self {
            Self::SystemPrefix | Self::FirstTurnPrefix => Self::FirstTurnPrefix,
            Self::SystemSuffix | Self::FirstTurnSuffix => Self::FirstTurnSuffix,
            Self::WarmupIsolationSystem | Self::WarmupIsolationFirstTurn => Self::WarmupIsolationFirstTurn,
        }
    }
}

/// A stretch of the run with one shape of load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name, of which there is one: `profiling`, `warmup`, or what the user called it.
    pub name: String,
    /// Whether it is left out of the results.
    pub is_warmup: bool,
    /// What decides when its requests are due.
    pub shape: Shape,
    /// Requests per second, for the shapes that have a rate.
    pub request_rate: Option<f64>,
    /// Shape parameter of gamma distributed gaps: 1 is a Poisson process, more is smoother, less has more bursts.
    pub arrival_smoothness: Option<f64>,
    /// Seconds in which the rate grows to `request_rate`.
    pub request_rate_ramp_seconds: Option<f64>,
    /// The rate over time, which replaces `request_rate`: linear between points, the last one holds on.
    pub request_rate_series: Vec<RatePoint>,
    /// Most sessions at once.
    pub concurrency: Option<u32>,
    /// How `concurrency` is grown to.
    pub concurrency_ramp: Option<Ramp>,
    /// Most requests at once that wait for their first token.
    pub prefill_concurrency: Option<u32>,
    /// How `prefill_concurrency` is grown to.
    pub prefill_concurrency_ramp: Option<Ramp>,
    /// Users of the shape `user_centric`.
    pub users: Option<u32>,
    /// Requests to send.
    pub request_count: Option<u64>,
    /// Sessions to start.
    pub session_count: Option<u64>,
    /// Seconds after which no request is sent any more.
    pub duration_seconds: Option<f64>,
    /// Seconds to wait for requests in flight after that; without it they are waited for.
    pub grace_period_seconds: Option<f64>,
    /// Whether it starts as soon as the one before it has sent its last request, not when that has ended.
    pub is_seamless: bool,
    /// Requests that are cancelled on purpose.
    pub cancellation: Option<Cancellation>,
    /// How it changes its own load, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptive_scale: Option<AdaptiveScale>,
}

/// What decides when requests are due. `loadgen/src/shape` has a file for each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Closed loop: a fixed number of sessions; one starts when another has ended.
    Concurrency,
    /// Open loop at even distances.
    Constant,
    /// Open loop with the arrivals of many independent users.
    Poisson,
    /// Open loop with gamma distributed gaps.
    Gamma,
    /// A trace at its own times.
    FixedSchedule,
    /// A fixed number of users, each of which sends at even distances.
    UserCentric,
    /// One that only another tool has: an imported run's.
    #[serde(untagged)]
    Other(String),
}

impl FixedSchedule {
    /// The same for a trace whose timestamps were divided by `ratio`: offsets are in the trace's own time.
    #[must_use]
    pub fn scaled(self, ratio: f64) -> Self {
        let scaled = |offset: Option<f64>| offset.map(|ms| ms / ratio);
        let (start_offset_ms, end_offset_ms) = (scaled(self.start_offset_ms), scaled(self.end_offset_ms));
        Self { start_offset_ms, end_offset_ms, ..self }
    }
}

impl Shape {
    /// Every shape that a run can have, in the order of the documents.
    pub const ALL: &'static [Self] = &[
        Self::Concurrency,
        Self::Constant,
        Self::Poisson,
        Self::Gamma,
        Self::FixedSchedule,
        Self::UserCentric,
    ];

    /// Its name, on the command line and in `run.json`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Constant => "constant",
            Self::Poisson => "poisson",
            Self::Gamma => "gamma",
            Self::FixedSchedule => "fixed_schedule",
            Self::UserCentric => "user_centric",
            Self::Other(name) => name,
        }
    }

    /// The shape of this name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.iter().find(|shape| shape.name() == name);
        known.cloned().unwrap_or_else(|| Self::Other(name.to_owned()))
    }

    /// Whether requests arrive at a rate.
    #[must_use]
    pub const fn has_rate(&self) -> bool {
        matches!(self, Self::Constant | Self::Poisson | Self::Gamma)
    }

    /// Whether a request waits for nothing but its time, so that one that is sent late was sent too late.
    #[must_use]
    pub const fn is_open_loop(&self) -> bool {
        !matches!(self, Self::Concurrency)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

/// A rate at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RatePoint {
    /// Seconds from the phase's start.
    pub time_s: f64,
    /// Requests per second.
    pub qps: f64,
}

/// How a limit is grown to, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ramp {
    /// Its duration.
    pub seconds: f64,
    /// The curve.
    pub curve: Curve,
}

/// How a limit grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// At even distances.
    Linear,
    /// Slowly first: with the square of the time.
    Exponential,
    /// At random moments.
    Poisson,
}

/// Requests that are cancelled on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Their share of all requests, in percent.
    pub rate_percent: f64,
    /// Seconds from the moment at which the request is fully sent.
    pub delay_seconds: f64,
}

/// Which rows of a trace are replayed. Times are the trace's own, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FixedSchedule {
    /// Whether a trace whose first row has a timestamp is replayed although the user did not request it.
    pub is_automatic: bool,
    /// Whether the first row is sent at the phase's start.
    pub is_auto_offset: bool,
    /// Rows before this are left out, and this is the phase's start.
    pub start_offset_ms: Option<f64>,
    /// Rows after this are left out.
    pub end_offset_ms: Option<f64>,
    /// Times are divided by this; 1 if it is not set.
    pub speedup: Option<f64>,
    /// Whether the user set the concurrency of the phases: then it holds for a replay too.
    #[serde(default)]
    pub keeps_concurrency: bool,
}

/// How requests share connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionReuse {
    /// A request uses any idle connection to its server.
    #[default]
    Pooled,
    /// Each request opens its own.
    Never,
    /// Each session has its own, from its first turn to its last.
    StickyUserSessions,
}

/// The order in which sessions take conversations from the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// In their order, again from the first after the last.
    #[default]
    Sequential,
    /// Any, each time anew.
    Random,
    /// In a drawn order, drawn again after the last.
    Shuffle,
}

impl Load {
    /// A load of one phase, with default settings.
    #[must_use]
    pub fn of(phase: Phase) -> Self {
        Self {
            phases: Vec::from([phase]),
            connection_reuse: ConnectionReuse::default(),
            fixed_schedule: FixedSchedule::default(),
            sampling: Sampling::default(),
            failed_request_threshold: None,
            cache_bust: None,
        }
    }

    /// The shape of a measured phase that a replay would contradict, if there is one: all but a closed loop's that stays as it is.
    #[must_use]
    pub fn contradicts_replay(&self) -> Option<&Shape> {
        let is_free = |phase: &&Phase| {
            phase.adaptive_scale.is_some()
                || !matches!(phase.shape, Shape::Concurrency | Shape::FixedSchedule)
        };
        self.measured().find(is_free).map(|phase| &phase.shape)
    }

    /// Has the measured phases replay a trace at its own times. A concurrency that is only a default does not hold it up.
    pub fn replay(&mut self) {
        let keeps_concurrency = self.fixed_schedule.keeps_concurrency;
        for phase in self.phases.iter_mut().filter(|phase| !phase.is_warmup) {
            phase.shape = Shape::FixedSchedule;
            if !keeps_concurrency {
                (phase.concurrency, phase.concurrency_ramp) = (None, None);
            }
        }
    }

    /// The phases whose requests make the results.
    pub fn measured(&self) -> impl Iterator<Item = &Phase> {
        self.phases.iter().filter(|phase| !phase.is_warmup)
    }

    /// The first of them: of most runs the only one.
    #[must_use]
    pub fn profiling(&self) -> Option<&Phase> {
        self.measured().next()
    }
}

impl Phase {
    /// A phase of a shape, with no limit but those of the shape.
    #[must_use]
    pub fn new(name: &str, shape: Shape) -> Self {
        Self {
            name: String::from(name),
            is_warmup: false,
            shape,
            request_rate: None,
            arrival_smoothness: None,
            request_rate_ramp_seconds: None,
            request_rate_series: Vec::new(),
            concurrency: None,
            concurrency_ramp: None,
            prefill_concurrency: None,
            prefill_concurrency_ramp: None,
            users: None,
            request_count: None,
            session_count: None,
            duration_seconds: None,
            grace_period_seconds: None,
            is_seamless: false,
            cancellation: None,
            adaptive_scale: None,
        }
    }

    /// Keeps so many requests in flight until so many were sent.
    #[must_use]
    pub fn closed(concurrency: u32, request_count: u64) -> Self {
        let concurrency = Some(concurrency);
        Self { concurrency, request_count: Some(request_count), ..Self::new("profiling", Shape::Concurrency) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_keep_their_names() {
        for shape in Shape::ALL {
            let json = serde_json::to_value(shape).unwrap();
            assert_eq!(json, shape.name(), "as it is stored");
            assert_eq!(serde_json::from_value::<Shape>(json).unwrap(), *shape, "and read again");
            assert_eq!(Shape::named(shape.name()), *shape, "as users name it");
        }
        let other = Shape::named("agentic_replay");
        assert_eq!(other, Shape::Other("agentic_replay".to_owned()), "another tool's");
        let json = serde_json::to_value(&other).unwrap();
        assert_eq!(json, "agentic_replay", "stored by its own name");
        assert_eq!(serde_json::from_value::<Shape>(json).unwrap(), other, "and read again");
    }
}
