//! A phase that changes its own load, as AIPerf's configuration describes it: flat keys, or a block `adaptive_scale`.

use super::phases::{Described, lenient, seconds};
use super::{Planned, refuse};
use crate::args::{Clock, ProfileArgs};
use experiment::adaptive_scale::{Quantity, fault};
use experiment::search::{Limit, Op};
use metric::{Stat, can_give};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use spec::{AdaptiveScale, Control, Load, Phase, Plan, ScaleClock, ScaleLimit, ScaleStep, Shape};
use std::collections::BTreeMap;

/// What a phase says of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Scaled {
    #[serde(deserialize_with = "seconds")]
    adaptive_sustain_duration: Option<f64>,
    #[serde(deserialize_with = "seconds")]
    adaptive_assessment_period: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    adaptive_min_completed_requests: Option<u64>,
    adaptive_control_variable: Option<Control>,
    #[serde(deserialize_with = "lenient")]
    adaptive_control_min: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    adaptive_control_max: Option<f64>,
    adaptive_scale_strategy_type: Option<Strategy>,
    adaptive_scale_step_policy: Option<Policy>,
    #[serde(deserialize_with = "lenient")]
    adaptive_scale_base_step: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    adaptive_scale_max_step_multiplier: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    adaptive_scale_step_percent: Option<f64>,
    sla: Vec<Limit>,
}

/// What is done: only this.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Strategy {
    RampUntilFail,
}

/// What the size of a step depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    #[default]
    SlaMargin,
    FixedPercentStep,
}

/// Takes the keys of a phase that are about it.
///
/// # Errors
/// The key that is wrong, and why.
pub(super) fn taken(phase: &mut Map<String, Value>) -> Result<Option<Scaled>, String> {
    let is_on = enabled(phase.get("adaptive_scale"))?;
    let mut fields = Map::new();
    for (key, usual) in KEYS {
        if let Some(value) = phase.remove(*key).filter(|value| !value.is_null()) {
            if !is_on && *key != "adaptive_scale" && !usual.contains(&value.to_string().as_str()) {
                return Err(format!("`{key}` has no effect without `adaptive_scale: true`"));
            }
            fields.insert((*key).to_owned(), value);
        }
    }
    let block = fields.remove("adaptive_scale");
    if !is_on {
        return Ok(None);
    }
    if let Some(Value::Object(block)) = block {
        lower(block, &mut fields)?;
    }
    let limits = fields.remove("sla").map(|limits| listed(&limits)).transpose()?;
    // The field is what fails alone as well.
    let alone = |(key, value): (&String, &Value)| {
        let field = Value::Object(Map::from_iter([(key.clone(), value.clone())]));
        serde_json::from_value::<Scaled>(field).err().map(|error| format!("`{key}`: {error}"))
    };
    if let Some(why) = fields.iter().find_map(alone) {
        return Err(why);
    }
    let scaled =
        serde_json::from_value::<Scaled>(Value::Object(fields)).map_err(|error| error.to_string())?;
    Ok(Some(Scaled { sla: limits.unwrap_or_default(), ..scaled }))
}

/// Whether a list of phases has one that does it.
fn is_in(phases: &str) -> bool {
    let Ok(Value::Array(phases)) = serde_json::from_str(phases) else { return false };
    phases.iter().any(|phase| enabled(phase.get("adaptive_scale")) == Ok(true))
}

fn enabled(value: Option<&Value>) -> Result<bool, String> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_on)) => Ok(*is_on),
        Some(Value::Object(block)) => match block.get("enabled") {
            None | Some(Value::Null) => Ok(true),
            Some(Value::Object(_)) => Err(NO_SWITCH.to_owned()),
            value => enabled(value),
        },
        Some(Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Ok(true),
            "false" | "no" | "off" | "0" => Ok(false),
            _ => Err(NO_SWITCH.to_owned()),
        },
        Some(_) => Err(NO_SWITCH.to_owned()),
    }
}

/// The keys of a block as those of the phase.
fn lower(mut block: Map<String, Value>, fields: &mut Map<String, Value>) -> Result<(), String> {
    block.remove("enabled");
    if let Some(limits) = block.remove("sla") {
        fields.insert("sla".to_owned(), limits);
    }
    let mut of = |mut block: Map<String, Value>, place: &str, known: &[(&str, &str)]| {
        for (key, flat) in known {
            if let Some(value) = block.remove(*key) {
                fields.insert((*flat).to_owned(), value);
            }
        }
        let unknown = block.keys().next();
        unknown.map_or(Ok(()), |key| Err(format!("`{place}.{key}` is not a known key")))
    };
    for (name, known) in [("control", CONTROL), ("strategy", STRATEGY)] {
        match block.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::Object(inner)) => of(inner, &format!("adaptive_scale.{name}"), known)?,
            Some(_) => return Err(format!("`adaptive_scale.{name}` is not a mapping")),
        }
    }
    of(block, "adaptive_scale", BLOCK)
}

/// Limits as a list, or as a mapping of metrics to statistics to operators to thresholds.
fn listed(limits: &Value) -> Result<Vec<Limit>, String> {
    let one = |value: Value, place: &str| {
        serde_json::from_value::<Limit>(value).map_err(|error| format!("`{place}`: {error}"))
    };
    let inner = |value: &Value, place: &str| {
        value
            .as_object()
            .cloned()
            .ok_or_else(|| format!("`{place}` is neither a list of limits nor a mapping"))
    };
    if let Value::Array(items) = limits {
        let items = items.iter().enumerate();
        return items.map(|(place, item)| one(item.clone(), &format!("sla[{place}]"))).collect();
    }
    let mut all = Vec::new();
    for (tag, stats) in inner(limits, "sla")? {
        for (stat, ops) in inner(&stats, &format!("sla.{tag}"))? {
            for (op, threshold) in inner(&ops, &format!("sla.{tag}.{stat}"))? {
                let limit = json!({"metric_tag": tag, "stat": stat, "op": op, "threshold": threshold});
                all.push(one(limit, &format!("sla.{tag}.{stat}.{op}"))?);
            }
        }
    }
    Ok(all)
}

impl Scaled {
    /// What the phase does, whose own fields are these. Whether it can is checked with the plan.
    ///
    /// # Errors
    /// What is missing, or contradicts it.
    pub(super) fn of(&self, phase: &Described) -> Result<AdaptiveScale, String> {
        let control = self.adaptive_control_variable.unwrap_or(Control::Concurrency);
        let Some(sustain_seconds) = self.adaptive_sustain_duration else {
            return Err("`adaptive_sustain_duration`: adaptive_scale needs one".to_owned());
        };
        if let Some((place, why)) = fault(&self.sla) {
            return Err(format!("`sla[{place}]`: {why}"));
        }
        let min = self.adaptive_control_min.unwrap_or(1.0);
        let own = match control {
            Control::Concurrency => phase.concurrency.map(f64::from),
            Control::PrefillConcurrency => phase.prefill_concurrency.map(f64::from),
            Control::RequestRate => phase.rate,
            Control::Users => phase.users.map(f64::from),
        };
        if matches!(control, Control::RequestRate | Control::Users) && own.is_none() {
            let (key, kind) = match control {
                Control::Users => ("users", "user_centric"),
                _ => ("rate", "constant, poisson or gamma"),
            };
            return Err(format!(
                "`{key}`: adaptive_scale of {} needs a phase of the type {kind} with one",
                control.name()
            ));
        }
        if control == Control::Concurrency
            && let Some(own) = own
            && min > own
        {
            return Err(format!(
                "`adaptive_control_min`: {min} must not be more than the concurrency, {own}"
            ));
        }
        let Some(max) = self.adaptive_control_max.or(own) else {
            return Err(format!(
                "`adaptive_control_max`: adaptive_scale needs it, or the phase's {}",
                control.name()
            ));
        };
        let step = match self.adaptive_scale_step_policy.unwrap_or_default() {
            Policy::SlaMargin => ScaleStep::SlaMargin {
                base: self.adaptive_scale_base_step.unwrap_or(10),
                multiplier_max: self.adaptive_scale_max_step_multiplier.unwrap_or(4),
            },
            Policy::FixedPercentStep => {
                ScaleStep::FixedPercentStep { percent: self.adaptive_scale_step_percent.unwrap_or(25.0) }
            }
        };
        Ok(AdaptiveScale {
            control,
            min,
            max,
            window_seconds: self.adaptive_assessment_period.unwrap_or(WINDOW_S),
            completed_min: self.adaptive_min_completed_requests.unwrap_or(1),
            sustain_seconds,
            step,
            limits: self.sla.iter().map(limit).collect(),
            clock: ScaleClock::Kernel,
        })
    }
}

/// The phase with its greatest load as its own, by which everything is allocated.
pub(super) fn with_greatest(phase: Phase, scale: Option<AdaptiveScale>) -> Phase {
    let Some(scale) = scale else { return phase };
    let max = scale.max;
    let mut phase = Phase { adaptive_scale: Some(scale.clone()), ..phase };
    match scale.control {
        Control::Concurrency => phase.concurrency = whole(max).or(phase.concurrency),
        Control::PrefillConcurrency => phase.prefill_concurrency = whole(max).or(phase.prefill_concurrency),
        Control::RequestRate if phase.shape != Shape::UserCentric => phase.request_rate = Some(max),
        Control::RequestRate => {}
        Control::Users => phase.users = whole(max).or(phase.users),
    }
    phase
}

/// Whose time limits are judged by.
pub(super) const fn clock(args: &ProfileArgs) -> ScaleClock {
    match args.search.search_clock {
        Clock::Kernel => ScaleClock::Kernel,
        Clock::Client => ScaleClock::Client,
    }
}

/// The settings that a run is repeated by. A clock that is of a phase is one of them.
pub(super) fn stored(args: &ProfileArgs, load: &Load) -> BTreeMap<String, Vec<String>> {
    let mut stored = args.stored.clone();
    if args.search.search_clock == Clock::Client
        && load.phases.iter().any(|phase| phase.adaptive_scale.is_some())
    {
        stored.insert(CLOCK.to_owned(), vec!["client".to_owned()]);
    }
    stored
}

/// The flag whose value is of a phase, where one changes its own load, and else of a whole sweep.
pub(crate) const CLOCK: &str = "search-clock";

/// Whether a phase of a run changes its own load.
pub(crate) fn is_of(args: &ProfileArgs) -> bool {
    let load = &args.load;
    load.phases.as_deref().or(load.base_phases.as_deref()).is_some_and(is_in)
}

/// Refuses limits on what no request of a plan has.
pub(super) fn check_limits(plan: &Plan) -> Planned<()> {
    for phase in &plan.load.phases {
        for limit in phase.adaptive_scale.iter().flat_map(|scale| &scale.limits) {
            let tag = match Quantity::of(&limit.metric_tag) {
                Some(Quantity::FirstToken) => "time_to_first_token",
                Some(Quantity::BetweenTokens) => "inter_token_latency",
                Some(Quantity::OutputTokens) => "output_token_throughput",
                _ => continue,
            };
            if !metric::find(tag).is_some_and(|metric| can_give(plan, metric, Stat::Avg)) {
                return refuse(format!(
                    "phase `{}`: `sla`: no request of this endpoint and these flags has {tag}; it may need --streaming",
                    phase.name
                ));
            }
        }
    }
    Ok(())
}

fn limit(limit: &Limit) -> ScaleLimit {
    let op = match limit.op {
        Op::Lt => "lt",
        Op::Le => "le",
        Op::Gt => "gt",
        Op::Ge => "ge",
    };
    let Limit { metric_tag, stat, threshold, .. } = limit.clone();
    ScaleLimit { metric_tag, stat, op: op.to_owned(), threshold }
}

/// A whole number of a plan; what is none is refused with the plan.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be whole and in range"
)]
fn whole(value: f64) -> Option<u32> {
    (value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)).then_some(value as u32)
}

const NO_SWITCH: &str = "`adaptive_scale` is neither true nor false, nor a mapping";
/// AIPerf's default of the length of a window, in seconds.
const WINDOW_S: f64 = 30.0;
/// The keys of a phase, with AIPerf's defaults, which have no effect.
const KEYS: &[(&str, &[&str])] = &[
    ("adaptive_scale", &[]),
    ("adaptive_sustain_duration", &[]),
    ("adaptive_assessment_period", &[]),
    ("adaptive_min_completed_requests", &["1"]),
    ("adaptive_control_variable", &["\"concurrency\""]),
    ("adaptive_control_min", &["1", "1.0"]),
    ("adaptive_control_max", &[]),
    ("adaptive_scale_strategy_type", &["\"ramp_until_fail\""]),
    ("adaptive_scale_step_policy", &["\"sla_margin\""]),
    ("adaptive_scale_base_step", &["10"]),
    ("adaptive_scale_max_step_multiplier", &["4"]),
    ("adaptive_scale_step_percent", &["25", "25.0"]),
    ("sla", &["[]", "{}"]),
];
/// Keys of the block.
const BLOCK: &[(&str, &str)] = &[
    ("control_variable", "adaptive_control_variable"),
    ("control_min", "adaptive_control_min"),
    ("control_max", "adaptive_control_max"),
    ("min_concurrency", "adaptive_control_min"),
    ("max_concurrency", "adaptive_control_max"),
    ("window", "adaptive_assessment_period"),
    ("assessment_period", "adaptive_assessment_period"),
    ("min_completed_requests", "adaptive_min_completed_requests"),
    ("sustain_duration", "adaptive_sustain_duration"),
];
/// Keys of its `control`.
const CONTROL: &[(&str, &str)] = &[
    ("variable", "adaptive_control_variable"),
    ("min", "adaptive_control_min"),
    ("max", "adaptive_control_max"),
];
/// Keys of its `strategy`.
const STRATEGY: &[(&str, &str)] = &[
    ("type", "adaptive_scale_strategy_type"),
    ("step_policy", "adaptive_scale_step_policy"),
    ("base_step", "adaptive_scale_base_step"),
    ("max_step_multiplier", "adaptive_scale_max_step_multiplier"),
    ("step_percent", "adaptive_scale_step_percent"),
];

#[cfg(test)]
mod tests {
    use super::super::testing::profile_of;
    use super::*;

    /// The plan's phase of a phase with these keys.
    fn phase(keys: &str, flags: &str) -> Result<Phase, String> {
        let json = format!(r#"[{{"name":"profiling",{keys}}}]"#).split_whitespace().collect::<String>();
        let planned = profile_of(&format!("--model m {flags} --phases {json}"));
        planned.map(|(_, profile)| profile.plan.load.phases[0].clone())
    }

    const LIMIT: &str = r#""sla":[{"metric_tag":"request_latency","op":"lt","threshold":200}]"#;
    const USUAL: &str =
        r#""duration":60,"concurrency":64,"adaptive_scale":true,"adaptive_sustain_duration":9"#;

    #[track_caller]
    fn refused(keys: &str, expected: &str) {
        let why = phase(keys, "").expect_err(keys);
        assert!(why.contains(expected), "{keys}: {why}");
    }

    #[test]
    fn a_phase_has_aiperfs_defaults() {
        let phase = phase(&format!("{USUAL},{LIMIT}"), "").unwrap();
        let scale = phase.adaptive_scale.expect("it scales");
        let limit = ScaleLimit {
            metric_tag: "request_latency".to_owned(),
            stat: "p95".to_owned(),
            op: "lt".to_owned(),
            threshold: 200.0,
        };
        let expected = AdaptiveScale {
            control: Control::Concurrency,
            min: 1.0,
            max: 64.0,
            window_seconds: 30.0,
            completed_min: 1,
            sustain_seconds: 9.0,
            step: ScaleStep::SlaMargin { base: 10, multiplier_max: 4 },
            limits: vec![limit],
            clock: ScaleClock::Kernel,
        };
        assert_eq!(scale, expected);
    }

    #[test]
    fn a_block_is_the_same_as_flat_keys() {
        let block = r#""duration":60,"concurrency":4,"adaptive_scale":{"control":{"variable":"concurrency","min":2,"max":32},
            "window":"2s","min_completed_requests":3,"sustain_duration":9,
            "strategy":{"type":"ramp_until_fail","step_policy":"fixed_percent_step","step_percent":50},
            "sla":{"request_latency":{"p95":{"lt":200}}}}"#;
        let flat = format!(
            r#""duration":60,"concurrency":4,"adaptive_scale":"yes","adaptive_control_min":2,"adaptive_control_max":32.0,
            "adaptive_assessment_period":2,"adaptive_min_completed_requests":3,"adaptive_sustain_duration":9,
            "adaptive_scale_step_policy":"fixed_percent_step","adaptive_scale_step_percent":50,{LIMIT}"#
        );
        let (block, flat) = (phase(block, "").unwrap(), phase(&flat, "").unwrap());
        assert_eq!(block, flat);
        assert_eq!(block.concurrency, Some(32), "everything is allocated for the greatest value");
    }

    #[test]
    fn every_control_has_its_phase() {
        let of = |keys: &str, flags: &str| {
            let keys = format!(
                r#"{keys},"duration":60,"adaptive_scale":true,"adaptive_sustain_duration":9,{LIMIT}"#
            );
            phase(&keys, flags)
        };
        let rate =
            of(r#""type":"poisson","rate":9.5,"adaptive_control_variable":"request_rate""#, "").unwrap();
        assert_eq!(rate.request_rate, Some(9.5));
        let prefill =
            r#""concurrency":8,"prefill_concurrency":4,"adaptive_control_variable":"prefill_concurrency""#;
        assert_eq!(of(prefill, "--streaming").unwrap().prefill_concurrency, Some(4));
        assert!(of(prefill, "").unwrap_err().contains("needs --streaming"), "no first token to wait for");
        let users = r#""type":"user_centric","rate":9,"users":8,"adaptive_control_variable":"users","adaptive_control_max":16"#;
        assert_eq!(of(users, "--session-turns-mean 3").unwrap().users, Some(16));
        let why = of(r#""concurrency":8,"adaptive_control_variable":"request_rate""#, "").unwrap_err();
        assert!(why.contains("`rate`: adaptive_scale of request_rate needs"), "{why}");
        let why = of(r#""concurrency":8,"adaptive_control_variable":"users""#, "").unwrap_err();
        assert!(why.contains("`users`: adaptive_scale of users needs"), "{why}");
    }

    #[test]
    fn what_cannot_be_is_refused_by_its_key() {
        refused(&format!(r#""requests":9,{LIMIT}"#), "`sla` has no effect without `adaptive_scale: true`");
        refused(r#""requests":9,"adaptive_scale":3"#, "neither true nor false");
        refused(USUAL, "`sla`: 1 to 64 limits are needed");
        let with = |more: &str| format!("{USUAL},{LIMIT},{more}");
        refused(&with(r#""adaptive_control_min":65"#), "must not be more than the concurrency, 64");
        refused(&with(r#""adaptive_control_min":1.5"#), "`adaptive_control_min`: 1.5 is not a whole number");
        refused(&with(r#""adaptive_control_max":1"#), "`adaptive_control_max`: 1 must be greater than");
        refused(
            &with(r#""adaptive_assessment_period":0.5"#),
            "`adaptive_assessment_period`: must be at least 1",
        );
        refused(
            &with(r#""adaptive_scale_strategy_type":"x""#),
            "`adaptive_scale_strategy_type`: unknown variant",
        );
        refused(
            &with(r#""adaptive_scale_base_step":0"#),
            "`adaptive_scale_step_policy`: must be greater than 0",
        );
        refused(&with(r#""concurrency_ramp":3"#), "`concurrency_ramp`: contradicts adaptive_scale");
        refused(&with(r#""seamless":true"#), "`seamless`: contradicts adaptive_scale");
        refused(&format!(r#""concurrency":4,"adaptive_scale":true,{LIMIT}"#), "`adaptive_sustain_duration`");
        let no_end =
            format!(r#""concurrency":4,"adaptive_scale":true,"adaptive_sustain_duration":9,{LIMIT}"#);
        refused(&no_end, "`duration`: a phase with adaptive_scale needs one");
        refused(
            &format!(r#"{USUAL},"sla":[{{"metric_tag":"gpu","op":"lt","threshold":1}}]"#),
            "`sla[0]`: `gpu` cannot be judged during a run",
        );
        refused(
            &format!(r#"{USUAL},"sla":{{"time_to_first_token":{{"p95":{{"lt":9}}}}}}"#),
            "has time_to_first_token; it may need --streaming",
        );
        refused(&format!(r#"{USUAL},"sla":{{"ttft":{{"p95":9}}}}"#), "`sla.ttft.p95` is neither a list");
        refused(
            r#""duration":60,"adaptive_scale":{"colour":1}"#,
            "`adaptive_scale.colour` is not a known key",
        );
    }

    #[test]
    fn limits_are_judged_by_the_clock_that_the_user_chooses() {
        let keys = format!("{USUAL},{LIMIT}");
        let clock = |flags: &str| phase(&keys, flags).unwrap().adaptive_scale.map(|scale| scale.clock);
        assert_eq!(clock(""), Some(ScaleClock::Kernel));
        assert_eq!(clock("--search-clock client"), Some(ScaleClock::Client));
        let why = phase(r#""requests":9"#, "--search-clock client").unwrap_err();
        assert!(why.contains("--search-clock is of a sweep or a search"), "{why}");
    }
}
