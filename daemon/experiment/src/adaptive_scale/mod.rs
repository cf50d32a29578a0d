//! What a phase that scales itself does next: windows in, decisions out, as AIPerf's `adaptive_scale` decides.
//!
//! ```text
//! discover   every limit is kept: a step up           one is missed: back to the last value that kept them
//!    │
//! sustain    hold that value for a while; a missed limit once more costs a step down, twice in a row ends the phase
//!    │
//! complete   the phase sends nothing more
//! ```
//!
//! A window in which this client was late is void: it neither passes nor fails. What AIPerf does not know.

mod window;

pub use window::{Client, Quantity, Sample, Window, fault, statistic};

pub use crate::search::CLIENT_LIMITED;
use crate::search::{Limit, Op};

/// What a phase may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The value that it starts with, and the least that it falls to.
    pub minimum: f64,
    /// The greatest value.
    pub maximum: f64,
    /// Whether values are whole numbers.
    pub is_whole: bool,
    /// Requests that a window needs to be judged.
    pub completed_min: usize,
    /// Seconds for which the value is held that keeps the limits.
    pub sustain_seconds: f64,
    /// How large a step is.
    pub step: Step,
    /// The limits, the first of which is shown.
    pub limits: Vec<Limit>,
}

/// How large a step is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// The nearer the nearest limit, the smaller.
    Margin {
        /// The smallest step.
        base: u32,
        /// The greatest one, in multiples of it.
        multiplier_max: u32,
    },
    /// A percentage of the value.
    Percent(f64),
}

/// What the phase is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It looks for the value that misses a limit.
    Discover,
    /// It holds the value before that.
    Sustain,
    /// It is over.
    Complete,
}

/// What happened, by AIPerf's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The phase started.
    PhaseStarted,
    /// A window has ended.
    Window,
    /// What follows from it.
    Decision,
    /// A value is held.
    SustainStarted,
    /// The value at the border is known.
    BoundaryDiscovered,
    /// It ended as it should.
    Completed,
    /// It ended before a limit was missed.
    Incomplete,
    /// No value keeps the limits for long enough.
    Failed,
}

/// An entry of the phase's journal, with the controller's state after it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// In which stage.
    pub stage: Stage,
    /// The value before it.
    pub before: f64,
    /// The value after it.
    pub after: f64,
    /// The value that is held, once there is one.
    pub boundary: Option<f64>,
    /// The last value that kept every limit.
    pub last_passing: Option<f64>,
    /// The first value that did not.
    pub first_failing: Option<f64>,
    /// The number that the first limit is on.
    pub primary: Option<f64>,
    /// The numbers that limits are on, in their order; none if the window was not judged.
    pub values: Vec<f64>,
    /// The limit that was nearest to being missed, by its place.
    pub binding: Option<usize>,
    /// Whether the window kept every limit; none if it was not judged.
    pub passed: Option<bool>,
    /// How far the value moved.
    pub step: Option<f64>,
    /// Why.
    pub reason: String,
    /// How many windows were assessed before it.
    pub iteration: u32,
    /// Whether it has the counts of the window.
    pub is_of_window: bool,
}

/// How a window was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It kept every limit.
    Passed,
    /// It missed one.
    Missed,
    /// It had too few requests.
    TooFew,
    /// Every request failed.
    AllFailed,
    /// This client was late.
    Void,
}

/// Decides what a phase does.
#[derive(Clone, Debug)]
pub struct Controller {
    rules: Rules,
    stage: Stage,
    current: f64,
    boundary: Option<f64>,
    last_passing: Option<f64>,
    first_failing: Option<f64>,
    /// When it began to hold a value, in seconds of the phase.
    sustained_since: Option<f64>,
    has_recovered: bool,
    iteration: u32,
    sustain_windows: u32,
    sustain_passed: u32,
    void_in_a_row: u32,
    void_windows: u32,
    completed: Option<String>,
    events: Vec<Event>,
}

impl Controller {
    /// One that starts at the least value.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let mut controller = Self {
            stage: Stage::Discover,
            current: 0.0,
            boundary: None,
            last_passing: None,
            first_failing: None,
            sustained_since: None,
            has_recovered: false,
            iteration: 0,
            sustain_windows: 0,
            sustain_passed: 0,
            void_in_a_row: 0,
            void_windows: 0,
            completed: None,
            events: Vec::new(),
            rules,
        };
        controller.set(controller.rules.minimum);
        controller.note(
            Kind::PhaseStarted,
            "the phase starts with its least value".to_owned(),
            &Seen::default(),
        );
        controller
    }

    /// Assesses the window that ended `now`, in seconds of the phase.
    pub fn assess(&mut self, window: &Window, now: f64) -> Judged {
        let judged = self.judge(window, now);
        self.iteration += 1;
        judged
    }

    /// The phase ended for another reason than its limits: `phase_stopped` at the end of its duration.
    pub fn end(&mut self, reason: &str) {
        self.complete(Kind::Completed, reason, &Seen::default());
    }

    /// Takes what happened since the last call, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The value at this moment; none once the phase is over.
    #[must_use]
    pub fn target(&self) -> Option<f64> {
        (self.stage != Stage::Complete).then_some(self.current)
    }

    /// The last value.
    #[must_use]
    pub const fn current(&self) -> f64 {
        self.current
    }

    /// What it is doing.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// When it began to hold a value, in seconds of the phase.
    #[must_use]
    pub const fn sustained_since(&self) -> Option<f64> {
        self.sustained_since
    }

    /// The value that was held, the last one that kept the limits, and the first one that did not.
    #[must_use]
    pub const fn found(&self) -> [Option<f64>; 3] {
        [self.boundary, self.last_passing, self.first_failing]
    }

    /// Windows while a value was held, and how many of them kept every limit.
    #[must_use]
    pub const fn sustain_windows(&self) -> (u32, u32) {
        (self.sustain_windows, self.sustain_passed)
    }

    /// Windows that say nothing of the server.
    #[must_use]
    pub const fn void_windows(&self) -> u32 {
        self.void_windows
    }

    /// Why it is over, once it is.
    #[must_use]
    pub fn completed(&self) -> Option<&str> {
        self.completed.as_deref()
    }

    fn judge(&mut self, window: &Window, now: f64) -> Judged {
        if let Some(why) = window.client.void() {
            return self.void(window, &why);
        }
        self.void_in_a_row = 0;
        let has_failures = window.errors + window.cancelled > 0;
        let is_judged_without = window.requests.is_empty()
            && has_failures
            && window.can_be_judged_without_successes(&self.rules.limits);
        if window.requests.is_empty() && has_failures && !is_judged_without {
            let seen = Seen { is_of_window: true, passed: Some(false), ..Seen::default() };
            self.note(Kind::Window, "no request of the window succeeded".to_owned(), &seen);
            let seen = Seen { is_of_window: true, ..Seen::default() };
            match self.stage {
                Stage::Discover => self.missed(&seen, "no request of the window succeeded", now),
                Stage::Sustain => self.sustain(&seen, false, now),
                Stage::Complete => {}
            }
            return Judged::AllFailed;
        }
        if window.requests.len() < self.rules.completed_min && !is_judged_without {
            let (count, least) = (window.requests.len(), self.rules.completed_min);
            let seen = Seen { is_of_window: true, ..Seen::default() };
            self.note(
                Kind::Window,
                format!("inconclusive: {count} requests completed, {least} are needed"),
                &seen,
            );
            return Judged::TooFew;
        }
        self.judge_limits(window, now)
    }

    fn judge_limits(&mut self, window: &Window, now: f64) -> Judged {
        let limits = &self.rules.limits;
        let values = limits.iter().map(|limit| window.value(limit, limits)).collect::<Vec<_>>();
        let mut pairs = limits.iter().zip(&values);
        let is_kept = pairs.all(|(limit, value)| limit.op.is_met(*value, limit.threshold));
        let seen = Seen { values, is_of_window: true, passed: Some(is_kept), ..Seen::default() };
        self.note(Kind::Window, "the limits were judged".to_owned(), &seen);
        let seen = Seen { passed: None, ..seen };
        match (self.stage, is_kept) {
            (Stage::Discover, true) => self.raise(&seen),
            (Stage::Discover, false) => self.missed(&seen, "a limit is missed", now),
            (Stage::Sustain, is_kept) => self.sustain(&seen, is_kept, now),
            (Stage::Complete, _) => {}
        }
        if is_kept { Judged::Passed } else { Judged::Missed }
    }

    /// A window that says nothing: it is assessed again at the same value, a few times.
    fn void(&mut self, window: &Window, why: &str) -> Judged {
        self.void_windows += 1;
        self.void_in_a_row += 1;
        let seen = Seen { is_of_window: window.total() > 0, ..Seen::default() };
        self.note(Kind::Window, format!("void: {why}"), &seen);
        if self.void_in_a_row >= VOID_MAX {
            self.complete(Kind::Incomplete, CLIENT_LIMITED, &seen);
        }
        Judged::Void
    }

    fn raise(&mut self, seen: &Seen) {
        self.last_passing = Some(self.current);
        if self.current >= self.rules.maximum {
            self.complete(Kind::Incomplete, MAXIMUM_REACHED, seen);
            return;
        }
        let before = self.current;
        self.set(before + self.step(before, &seen.values));
        let step = Some(self.current - before);
        let seen = Seen { before: Some(before), step, ..seen.clone() };
        self.note(Kind::Decision, "every limit is kept: a step up".to_owned(), &seen);
    }

    /// A limit is missed for the first time, or nothing succeeded.
    fn missed(&mut self, seen: &Seen, why: &str, now: f64) {
        self.first_failing = Some(self.current);
        let Some(passing) = self.last_passing else {
            self.complete(Kind::Failed, "no_sustainable_concurrency_found", seen);
            return;
        };
        let before = self.current;
        self.set(passing);
        self.boundary = Some(self.current);
        self.stage = Stage::Sustain;
        self.sustained_since = Some(now);
        let started = Seen { before: Some(before), ..seen.without_values() };
        self.note(Kind::SustainStarted, format!("{passing} is held"), &started);
        let discovered = Seen { before: self.boundary, ..seen.without_values() };
        self.note(Kind::BoundaryDiscovered, why.to_owned(), &discovered);
    }

    fn sustain(&mut self, seen: &Seen, is_kept: bool, now: f64) {
        self.sustain_windows += 1;
        if !is_kept {
            self.recover(seen);
            return;
        }
        self.sustain_passed += 1;
        self.last_passing = Some(self.current);
        self.has_recovered = false;
        let kept = seen.without_values();
        self.note(Kind::Decision, "every limit is kept while the value is held".to_owned(), &kept);
        if self.sustained_since.is_some_and(|since| now - since >= self.rules.sustain_seconds) {
            self.complete(Kind::Completed, "sustain_duration_completed", &kept);
        }
    }

    /// A limit is missed while a value is held: one step down, once.
    fn recover(&mut self, seen: &Seen) {
        if self.has_recovered {
            self.complete(Kind::Failed, "sustain_failed_after_recovery", seen);
            return;
        }
        self.has_recovered = true;
        let (before, minimum) = (self.current, self.rules.minimum);
        let passing = self.last_passing.unwrap_or(minimum).max(minimum);
        let to =
            if passing < before { passing } else { (before - self.step(before, &seen.values)).max(minimum) };
        if to >= before && before <= minimum {
            self.complete(Kind::Failed, "sustain_failed_sla_unrecoverable", seen);
            return;
        }
        self.set(to);
        let seen = Seen { before: Some(before), step: Some((before - to).abs()), ..seen.clone() };
        self.note(Kind::Decision, "a limit is missed while the value is held: a step down".to_owned(), &seen);
    }

    fn step(&self, current: f64, values: &[f64]) -> f64 {
        match self.rules.step {
            Step::Percent(percent) => (current * (percent / 100.0)).ceil().max(1.0),
            Step::Margin { base, multiplier_max } => {
                let nearest = self.margins(values).map(|(_, margin)| margin).reduce(f64::min);
                let most = f64::from(multiplier_max);
                let multiplier =
                    nearest.map_or(1.0, |margin| (margin.max(0.0) * most).floor().min(most).max(1.0));
                f64::from(base) * multiplier
            }
        }
    }

    /// How far each number is on the right side of its limit, as a share of the threshold.
    fn margins<'a>(&'a self, values: &'a [f64]) -> impl Iterator<Item = (usize, f64)> + 'a {
        let limits = self.rules.limits.iter().zip(values).enumerate();
        limits.filter(|(_, (limit, _))| limit.threshold != 0.0).map(|(place, (limit, value))| {
            let above = match limit.op {
                Op::Lt | Op::Le => limit.threshold - value,
                Op::Gt | Op::Ge => value - limit.threshold,
            };
            (place, above / limit.threshold.abs())
        })
    }

    fn set(&mut self, value: f64) {
        let value = value.min(self.rules.maximum).max(self.rules.minimum);
        self.current = if self.rules.is_whole { value.trunc() } else { value };
    }

    fn complete(&mut self, kind: Kind, reason: &str, seen: &Seen) {
        if self.completed.is_some() {
            return;
        }
        self.stage = Stage::Complete;
        self.completed = Some(reason.to_owned());
        self.note(kind, reason.to_owned(), &seen.without_values());
    }

    fn note(&mut self, kind: Kind, reason: String, seen: &Seen) {
        let binding = self.margins(&seen.values).min_by(|one, other| one.1.total_cmp(&other.1));
        self.events.push(Event {
            kind,
            stage: self.stage,
            before: seen.before.unwrap_or(self.current),
            after: self.current,
            boundary: self.boundary,
            last_passing: self.last_passing,
            first_failing: self.first_failing,
            primary: seen.values.first().copied().or(seen.primary),
            binding: binding.map(|(place, _)| place),
            values: seen.values.clone(),
            passed: seen.passed,
            step: seen.step,
            reason,
            iteration: self.iteration,
            is_of_window: seen.is_of_window,
        });
    }
}

/// What an entry of the journal has besides the controller's state.
#[derive(Clone, Debug, Default)]
struct Seen {
    values: Vec<f64>,
    /// The first of them, where the others are left out.
    primary: Option<f64>,
    passed: Option<bool>,
    before: Option<f64>,
    step: Option<f64>,
    is_of_window: bool,
}

impl Seen {
    /// The same without the numbers that limits are on, except for the first one.
    fn without_values(&self) -> Self {
        let primary = self.values.first().copied().or(self.primary);
        Self { primary, passed: None, is_of_window: self.is_of_window, ..Self::default() }
    }
}

impl Stage {
    /// AIPerf's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Sustain => "sustain",
            Self::Complete => "complete",
        }
    }
}

impl Kind {
    /// AIPerf's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PhaseStarted => "adaptive_phase_started",
            Self::Window => "adaptive_window",
            Self::Decision => "adaptive_decision",
            Self::SustainStarted => "sustain_started",
            Self::BoundaryDiscovered => "boundary_discovered",
            Self::Completed => "adaptive_complete",
            Self::Incomplete => "adaptive_incomplete",
            Self::Failed => "adaptive_failed",
        }
    }
}

impl Judged {
    /// Why the value was not accepted, by AIPerf's name; none if it was.
    #[must_use]
    pub const fn rejection(self) -> Option<&'static str> {
        match self {
            Self::Passed => None,
            Self::Missed => Some("sla_miss"),
            Self::TooFew => Some("insufficient_samples"),
            Self::AllFailed => Some("error_threshold"),
            Self::Void => Some(CLIENT_LIMITED),
        }
    }
}

/// How a phase that ended for this reason ended, by AIPerf's name.
#[must_use]
pub fn status(reason: &str) -> &'static str {
    match reason {
        MAXIMUM_REACHED | CLIENT_LIMITED => "incomplete",
        "phase_cancelled"
        | "no_sustainable_concurrency_found"
        | "sustain_failed_sla_unrecoverable"
        | "sustain_failed_after_recovery" => "failed",
        _ if reason.starts_with("phase_failed:") => "failed",
        _ => "completed",
    }
}

/// The greatest value keeps every limit.
pub const MAXIMUM_REACHED: &str = "max_control_value_reached_without_saturation";
/// After so many void windows in a row, the client is the limit.
pub const VOID_MAX: u32 = 5;

#[cfg(test)]
mod tests;
