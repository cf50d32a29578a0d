//! A phase that changes its own load while it runs: between which values, and what it looks at.

use crate::{Fault, Phase, Shape};
use serde::{Deserialize, Serialize};

/// A load that rises until a limit is missed, and is held below that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveScale {
    /// What is changed.
    pub control: Control,
    /// The value that the phase starts with, and the least.
    pub min: f64,
    /// The greatest value: that of the phase's own field, by which everything is allocated before the run.
    pub max: f64,
    /// Seconds of a window, at whose end the limits are looked at.
    pub window_seconds: f64,
    /// Requests that must complete in a window.
    pub completed_min: u64,
    /// Seconds for which the value is held that keeps the limits.
    pub sustain_seconds: f64,
    /// How large a step is.
    pub step: ScaleStep,
    /// The limits.
    pub limits: Vec<ScaleLimit>,
    /// Whose time the limits are judged by.
    pub clock: ScaleClock,
}

/// What a phase changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// Most sessions at once.
    Concurrency,
    /// Most requests at once that wait for their first token.
    PrefillConcurrency,
    /// Requests per second.
    RequestRate,
    /// Users.
    Users,
}

/// How large a step is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleStep {
    /// The nearer the nearest limit, the smaller.
    SlaMargin {
        /// The smallest step.
        base: u32,
        /// The greatest one, in multiples of it.
        multiplier_max: u32,
    },
    /// A percentage of the value.
    FixedPercentStep {
        /// The percentage.
        percent: f64,
    },
}

/// A limit on a number of a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleLimit {
    /// The metric.
    pub metric_tag: String,
    /// Its statistic.
    pub stat: String,
    /// How the number and the threshold compare: `lt`, `le`, `gt`, `ge`.
    pub op: String,
    /// The threshold, in the unit in which the metric is shown.
    pub threshold: f64,
}

/// Whose time limits are judged by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleClock {
    /// The kernel's, where it was measured.
    #[default]
    Kernel,
    /// The client's.
    Client,
}

impl Control {
    /// Its name in AIPerf's configuration and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::PrefillConcurrency => "prefill_concurrency",
            Self::RequestRate => "request_rate",
            Self::Users => "users",
        }
    }

    /// Whether its values are whole numbers.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::RequestRate)
    }
}

impl AdaptiveScale {
    /// Whether the phase may be set to this value.
    #[must_use]
    pub fn allows(&self, value: f64) -> bool {
        (self.min..=self.max).contains(&value) && (!self.control.is_whole() || value.fract() == 0.0)
    }

    /// Whether a phase can do this; paths are those of the phase's fields.
    pub(crate) fn check(&self, phase: &Phase) -> Result<(), Fault> {
        self.check_numbers()?;
        let fault = |field: &str, why: &str| Err(Fault::new(format!("adaptive_scale.{field}"), why));
        if phase.duration_seconds.is_none() {
            return Err(Fault::new("duration_seconds", "a phase with adaptive_scale needs one"));
        }
        if phase.shape == Shape::FixedSchedule {
            return fault("control", "a fixed schedule has its own times, which no control changes");
        }
        if phase.is_seamless {
            return Err(Fault::new(
                "is_seamless",
                "contradicts adaptive_scale, whose windows begin with the phase",
            ));
        }
        if !is_plain(&phase.name) {
            return Err(Fault::new(
                "name",
                "of a phase with adaptive_scale must be letters, digits, _ and - only: a directory is called so",
            ));
        }
        match self.control {
            Control::Concurrency if phase.concurrency_ramp.is_some() => Err(Fault::new(
                "concurrency_ramp",
                "contradicts adaptive_scale, which changes the concurrency",
            )),
            Control::Concurrency => self.is_limit("concurrency", phase.concurrency.map(f64::from)),
            Control::PrefillConcurrency if phase.prefill_concurrency_ramp.is_some() => Err(Fault::new(
                "prefill_concurrency_ramp",
                "contradicts adaptive_scale, which changes the prefill concurrency",
            )),
            Control::PrefillConcurrency if phase.concurrency.is_none() => {
                Err(Fault::new("concurrency", "adaptive_scale of prefill_concurrency needs one"))
            }
            Control::PrefillConcurrency => {
                self.is_limit("prefill_concurrency", phase.prefill_concurrency.map(f64::from))
            }
            Control::RequestRate if !phase.shape.has_rate() => {
                fault("control", "request_rate needs a phase of the type constant, poisson or gamma")
            }
            Control::RequestRate if phase.request_rate_ramp_seconds.is_some() => Err(Fault::new(
                "request_rate_ramp_seconds",
                "contradicts adaptive_scale, which changes the rate",
            )),
            Control::RequestRate if !phase.request_rate_series.is_empty() => {
                Err(Fault::new("request_rate_series", "contradicts adaptive_scale, which changes the rate"))
            }
            Control::RequestRate => self.is_limit("request_rate", phase.request_rate),
            Control::Users if phase.shape != Shape::UserCentric => {
                fault("control", "users needs a phase of the type user_centric")
            }
            Control::Users => self.is_limit("users", phase.users.map(f64::from)),
        }
    }

    /// The phase's own field is the greatest value: by it everything is allocated.
    fn is_limit(&self, field: &str, limit: Option<f64>) -> Result<(), Fault> {
        let is_so = limit.is_some_and(|limit| limit.total_cmp(&self.max).is_eq());
        if is_so { Ok(()) } else { Err(Fault::new(field, "must be adaptive_scale's greatest value")) }
    }

    fn check_numbers(&self) -> Result<(), Fault> {
        let fault = |field: &str, why: String| Err(Fault::new(format!("adaptive_scale.{field}"), why));
        let positive =
            [("min", self.min), ("max", self.max), ("sustain_seconds", self.sustain_seconds)].into_iter();
        if let Some((field, _)) = positive.into_iter().find(|(_, value)| !value.is_finite() || *value <= 0.0)
        {
            return fault(field, "must be greater than 0".to_owned());
        }
        if self.max <= self.min {
            return fault("max", format!("{} must be greater than the least value, {}", self.max, self.min));
        }
        if self.control.is_whole()
            && let Some((field, value)) =
                [("min", self.min), ("max", self.max)].into_iter().find(|(_, value)| value.fract() != 0.0)
        {
            return fault(field, format!("{value} is not a whole number, which {} is", self.control.name()));
        }
        if !self.window_seconds.is_finite() || self.window_seconds < WINDOW_SECONDS_MIN {
            return fault("window_seconds", format!("must be at least {WINDOW_SECONDS_MIN}"));
        }
        if self.completed_min == 0 {
            return fault("completed_min", "must be at least 1".to_owned());
        }
        let is_step = match self.step {
            ScaleStep::SlaMargin { base, multiplier_max } => base > 0 && multiplier_max > 0,
            ScaleStep::FixedPercentStep { percent } => percent.is_finite() && percent > 0.0,
        };
        if !is_step {
            return fault("step", "must be greater than 0".to_owned());
        }
        if self.limits.is_empty() || self.limits.len() > LIMITS_MAX {
            return fault("limits", format!("1 to {LIMITS_MAX} limits are needed"));
        }
        match self.limits.iter().find(|limit| !OPS.contains(&limit.op.as_str())) {
            Some(limit) => fault("limits", format!("`{}` is none of {}", limit.op, OPS.join(", "))),
            None => Ok(()),
        }
    }
}

impl Phase {
    /// The phase as it starts: with the least value of what it changes.
    #[must_use]
    pub fn at_start(&self) -> Self {
        let mut phase = self.clone();
        if let Some(AdaptiveScale { control: Control::Users, min, .. }) = &self.adaptive_scale {
            phase.users = phase.users.map(|users| whole(*min).min(users));
        }
        phase
    }

    /// The least number of sessions, requests or users at once that it is limited to, if it is.
    #[must_use]
    pub fn fewest_at_once(&self) -> Option<u32> {
        let scaled = self.adaptive_scale.as_ref().filter(|scale| scale.control.is_whole());
        let least = scaled.map(|scale| whole(scale.min));
        [self.concurrency, self.prefill_concurrency, self.users, least].into_iter().flatten().min()
    }
}

/// A whole number that was checked to be one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float cast saturates")]
const fn whole(value: f64) -> u32 {
    value as u32
}

/// Whether a name is one of AIPerf's for phases.
fn is_plain(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(is_letter)
        && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit() || letter == '-')
}

const OPS: &[&str] = &["lt", "le", "gt", "ge"];
/// A window is not shorter, as in AIPerf.
const WINDOW_SECONDS_MIN: f64 = 1.0;
const LIMITS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled() -> Phase {
        let limit = ScaleLimit {
            metric_tag: "request_latency".to_owned(),
            stat: "p95".to_owned(),
            op: "lt".to_owned(),
            threshold: 100.0,
        };
        let scale = AdaptiveScale {
            control: Control::Concurrency,
            min: 2.0,
            max: 8.0,
            window_seconds: 1.0,
            completed_min: 1,
            sustain_seconds: 3.0,
            step: ScaleStep::SlaMargin { base: 1, multiplier_max: 4 },
            limits: vec![limit],
            clock: ScaleClock::Kernel,
        };
        let phase = Phase { duration_seconds: Some(9.0), ..Phase::closed(8, 1) };
        Phase { request_count: None, adaptive_scale: Some(scale), ..phase }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Phase), path: &str, why: &str) {
        let mut phase = scaled();
        change(&mut phase);
        let fault = phase.check().expect_err(path);
        assert!(fault.path == path && fault.why.contains(why), "{fault}");
    }

    fn scale(phase: &mut Phase) -> &mut AdaptiveScale {
        phase.adaptive_scale.as_mut().expect("it scales")
    }

    #[test]
    fn what_no_phase_can_do_is_refused() {
        scaled().check().unwrap();
        check(|phase| phase.duration_seconds = None, "duration_seconds", "needs one");
        check(|phase| phase.concurrency = Some(9), "concurrency", "greatest value");
        check(|phase| scale(phase).max = 2.0, "adaptive_scale.max", "must be greater than the least");
        check(|phase| scale(phase).min = 2.5, "adaptive_scale.min", "not a whole number");
        check(|phase| scale(phase).min = f64::NAN, "adaptive_scale.min", "greater than 0");
        check(|phase| scale(phase).window_seconds = 0.5, "adaptive_scale.window_seconds", "at least 1");
        check(|phase| scale(phase).limits.clear(), "adaptive_scale.limits", "are needed");
        check(|phase| scale(phase).limits[0].op = "eq".to_owned(), "adaptive_scale.limits", "none of lt");
        check(|phase| scale(phase).control = Control::Users, "adaptive_scale.control", "user_centric");
        check(|phase| scale(phase).control = Control::RequestRate, "adaptive_scale.control", "constant");
        check(|phase| phase.name = "../x".to_owned(), "name", "letters");
        check(|phase| phase.is_seamless = true, "is_seamless", "contradicts");
        let ramp = crate::Ramp { seconds: 1.0, curve: crate::Curve::Linear };
        check(|phase| phase.concurrency_ramp = Some(ramp), "concurrency_ramp", "contradicts");
    }

    #[test]
    fn only_values_between_the_bounds_are_allowed() {
        let phase = scaled();
        let scale = phase.adaptive_scale.as_ref().expect("it scales");
        let allowed = [1.0, 2.0, 3.5, 8.0, 9.0, f64::NAN, f64::INFINITY].map(|value| scale.allows(value));
        assert_eq!(allowed, [false, true, false, true, false, false, false]);
        assert_eq!(phase.fewest_at_once(), Some(2), "what it starts with");
    }
}
