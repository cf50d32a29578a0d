//! A phase as the user describes it, in AIPerf's terms: flags, `--phases` and configuration files all make this form, and this
//! makes the phases of the plan. Whether they are sound is checked once, by `common/spec/src/check.rs`.

use super::adaptive::{self, Scaled};
use super::{Planned, Refusal, refuse};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use spec::{Cancellation, Curve, Phase, Ramp, RatePoint, Shape};
use std::path::PathBuf;

/// A phase of which only what the user set is known.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Described {
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    #[serde(rename = "type")]
    pub(super) shape: Option<Shape>,
    #[serde(deserialize_with = "lenient")]
    pub(super) requests: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) sessions: Option<u64>,
    #[serde(deserialize_with = "seconds")]
    pub(super) duration: Option<f64>,
    #[serde(deserialize_with = "seconds")]
    pub(super) grace_period: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) concurrency: Option<u32>,
    #[serde(deserialize_with = "growth")]
    pub(super) concurrency_ramp: Option<Ramp>,
    #[serde(deserialize_with = "lenient")]
    pub(super) prefill_concurrency: Option<u32>,
    #[serde(deserialize_with = "growth")]
    pub(super) prefill_ramp: Option<Ramp>,
    #[serde(deserialize_with = "lenient")]
    pub(super) rate: Option<f64>,
    #[serde(deserialize_with = "growth")]
    pub(super) rate_ramp: Option<Ramp>,
    pub(super) rate_series: Option<Series>,
    #[serde(deserialize_with = "lenient")]
    pub(super) smoothness: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) users: Option<u32>,
    pub(super) cancellation: Option<Cancelled>,
    #[serde(deserialize_with = "lenient")]
    pub(super) seamless: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(super) exclude_from_results: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(super) auto_offset: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    pub(super) start_offset: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) end_offset: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) failed_request_threshold: Option<f64>,
    /// How it changes its own load.
    #[serde(skip)]
    pub(super) scaled: Option<Scaled>,
}

/// The rate over time: a file, or its points.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Series {
    pub(super) path: Option<PathBuf>,
    pub(super) points: Vec<RatePoint>,
}

/// Requests that are cancelled on purpose.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Cancelled {
    #[serde(deserialize_with = "lenient")]
    pub(super) rate: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    pub(super) delay: Option<f64>,
}

/// Parses a JSON list of phases.
///
/// # Errors
/// What is wrong, and in which phase.
pub(super) fn listed(json: &str) -> Planned<Vec<Described>> {
    let Ok(Value::Array(items)) = serde_json::from_str(json) else {
        return refuse("--phases is not a list of phases");
    };
    let phase = |(place, mut item): (usize, Value)| {
        let name = item.get("name").and_then(Value::as_str).map_or_else(|| place.to_string(), str::to_owned);
        let scaled = item.as_object_mut().map_or(Ok(None), adaptive::taken);
        let scaled = scaled.map_err(|why| Refusal(format!("phase `{name}`: {why}")))?;
        let described = serde_json::from_value::<Described>(item.clone()).or_else(|error| {
            // The field is what fails alone as well.
            let fields = item.as_object().into_iter().flatten();
            let mut wrong = fields.filter_map(|(key, value)| {
                let alone = Value::Object([(key.clone(), value.clone())].into_iter().collect());
                let error = serde_json::from_value::<Described>(alone).err()?;
                Some(format!("phase `{name}`: `{key}`: {error}"))
            });
            refuse(wrong.next().unwrap_or_else(|| format!("phase `{name}`: {error}")))
        })?;
        Ok(Described { scaled, ..described })
    };
    items.into_iter().enumerate().map(phase).collect()
}

impl Described {
    /// What is set here, over what is set there.
    pub(super) fn over(self, below: Self) -> Self {
        Self {
            name: self.name.or(below.name),
            kind: self.kind.or(below.kind),
            shape: self.shape.or(below.shape),
            requests: self.requests.or(below.requests),
            sessions: self.sessions.or(below.sessions),
            duration: self.duration.or(below.duration),
            grace_period: self.grace_period.or(below.grace_period),
            concurrency: self.concurrency.or(below.concurrency),
            concurrency_ramp: self.concurrency_ramp.or(below.concurrency_ramp),
            prefill_concurrency: self.prefill_concurrency.or(below.prefill_concurrency),
            prefill_ramp: self.prefill_ramp.or(below.prefill_ramp),
            rate: self.rate.or(below.rate),
            rate_ramp: self.rate_ramp.or(below.rate_ramp),
            rate_series: self.rate_series.or(below.rate_series),
            smoothness: self.smoothness.or(below.smoothness),
            users: self.users.or(below.users),
            cancellation: self.cancellation.or(below.cancellation),
            seamless: self.seamless.or(below.seamless),
            exclude_from_results: self.exclude_from_results.or(below.exclude_from_results),
            auto_offset: self.auto_offset.or(below.auto_offset),
            start_offset: self.start_offset.or(below.start_offset),
            end_offset: self.end_offset.or(below.end_offset),
            failed_request_threshold: self.failed_request_threshold.or(below.failed_request_threshold),
            scaled: self.scaled.or(below.scaled),
        }
    }

    /// Whether it is left out of the results.
    pub(super) fn is_warmup(&self) -> bool {
        match self.kind.as_deref() {
            Some("warmup") => true,
            Some(_) => self.exclude_from_results == Some(true),
            None => self.exclude_from_results == Some(true) || self.name.as_deref() == Some("warmup"),
        }
    }

    /// The phase of the plan, with defaults.
    ///
    /// # Errors
    /// What no phase can be.
    pub(super) fn phase(&self) -> Result<Phase, String> {
        if let Some(kind) = self.kind.as_deref().filter(|kind| !["warmup", "profiling"].contains(kind)) {
            return Err(format!("unknown kind `{kind}`; available: warmup, profiling"));
        }
        let is_warmup = self.is_warmup();
        if self.grace_period.is_some() && self.duration.is_none() {
            return Err("`grace_period` needs a `duration`".to_owned());
        }
        let has_rate = self.rate.is_some() || self.rate_series.is_some();
        let shape = match self.shape.clone().unwrap_or(Shape::Concurrency) {
            // As in AIPerf, users and traces have no warm-up of their own kind.
            Shape::UserCentric | Shape::FixedSchedule if is_warmup && has_rate => Shape::Poisson,
            Shape::UserCentric | Shape::FixedSchedule if is_warmup => Shape::Concurrency,
            shape => shape,
        };
        let name =
            self.name.clone().unwrap_or_else(|| if is_warmup { "warmup" } else { "profiling" }.to_owned());
        let series = self.rate_series.clone().unwrap_or_default();
        let scaled = self.scaled.as_ref().map(|scaled| scaled.of(self)).transpose()?;
        let phase = Phase {
            is_warmup,
            request_rate: self.rate,
            arrival_smoothness: self.smoothness,
            request_rate_ramp_seconds: self.rate_ramp.map(|ramp| ramp.seconds),
            request_rate_series: series.points,
            concurrency: self.concurrency.or_else(|| (shape == Shape::Concurrency).then_some(1)),
            concurrency_ramp: self.concurrency_ramp,
            prefill_concurrency: self.prefill_concurrency,
            prefill_concurrency_ramp: self.prefill_ramp,
            users: self.users.filter(|_| !is_warmup),
            request_count: self.requests,
            session_count: self.sessions,
            duration_seconds: self.duration,
            grace_period_seconds: self.grace(is_warmup),
            is_seamless: self.seamless == Some(true),
            cancellation: self.cancellation.as_ref().map(|cancelled| Cancellation {
                rate_percent: cancelled.rate.unwrap_or(0.0),
                delay_seconds: cancelled.delay.unwrap_or(0.0),
            }),
            ..Phase::new(&name, shape)
        };
        Ok(adaptive::with_greatest(phase, scaled))
    }

    /// How long requests in flight are waited for after the duration, as in AIPerf: those of a warm-up until they have
    /// completed (`None`), measured ones not at all unless it is set.
    fn grace(&self, is_warmup: bool) -> Option<f64> {
        self.duration?;
        match self.grace_period {
            Some(seconds) => Some(seconds).filter(|seconds| seconds.is_finite()),
            None => (!is_warmup).then_some(0.0),
        }
    }
}

/// A number or a boolean, also as text, which is what a variable of the environment is.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let value = match Value::deserialize(from)? {
        Value::String(text) => read(text.trim()),
        // 8.0 of a count.
        Value::Number(number) => read(&number.to_string()),
        other => other,
    };
    serde_json::from_value(value).map_err(D::Error::custom)
}

/// The value that a text is.
fn read(text: &str) -> Value {
    let whole = text.strip_suffix(".0").filter(|whole| whole.parse::<i64>().is_ok()).unwrap_or(text);
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Value::Bool(true),
        "false" | "no" | "off" => Value::Bool(false),
        _ => serde_json::from_str(whole).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
}

/// Seconds as a number, or with a unit.
pub(super) fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(from)?;
    if value.is_null() {
        return Ok(None);
    }
    duration(&value).map(Some).map_err(D::Error::custom)
}

/// A duration in AIPerf's forms: `30`, `"30s"`, `"5m"`, `"2h"` or `"inf"`.
///
/// # Errors
/// When it is none of these.
pub(crate) fn duration(value: &Value) -> Result<f64, String> {
    let text = match value {
        Value::Number(number) => return number.as_f64().ok_or_else(|| "is not a number".to_owned()),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        _ => return Err("is not a duration such as 30, 30s, 5m or 2h".to_owned()),
    };
    if ["inf", "infinity"].contains(&text.as_str()) {
        return Ok(f64::INFINITY);
    }
    let split = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "" | "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        "h" | "hr" | "hour" => 3600.0,
        _ => return Err(format!("`{text}` is not a duration such as 30, 30s, 5m or 2h")),
    };
    let number = number.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    number
        .map(|number| number * factor)
        .ok_or_else(|| format!("`{text}` is not a duration such as 30, 30s, 5m or 2h"))
}

/// A ramp: its seconds, or its seconds and its curve.
fn growth<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ramp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Growth {
        duration: Value,
        strategy: Option<Curve>,
    }
    let (seconds, curve) = match Value::deserialize(from)? {
        Value::Null => return Ok(None),
        Value::Object(fields) => {
            let growth: Growth = serde_json::from_value(Value::Object(fields)).map_err(D::Error::custom)?;
            (growth.duration, growth.strategy)
        }
        seconds => (seconds, None),
    };
    let seconds = duration(&seconds).map_err(D::Error::custom)?;
    Ok(Some(Ramp { seconds, curve: curve.unwrap_or(Curve::Linear) }))
}

#[cfg(test)]
mod tests {
    use super::super::testing::profile_of;
    use super::*;

    fn described(phase: &Phase) -> String {
        let kind = if phase.is_warmup { "warmup" } else { "measured" };
        format!("{} {} {kind}{}", phase.name, phase.shape, if phase.is_seamless { " seamless" } else { "" })
    }

    #[track_caller]
    fn check(json: &str, expected: Result<&str, &str>) {
        let json = json.split_whitespace().collect::<String>();
        let planned = profile_of(&format!("--model m --phases {json}"));
        let found = planned.map(|(_, profile)| {
            profile.plan.load.phases.iter().map(described).collect::<Vec<_>>().join("; ")
        });
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{json}"),
            (Err(refusal), Err(expected)) => assert!(refusal.contains(expected), "{json}: {refusal}"),
            _ => panic!("{json}: {found:?}"),
        }
    }

    #[test]
    fn phases_have_names_and_follow_each_other() {
        check(
            r#"[{"name":"cold","kind":"warmup","requests":2},
                {"name":"ramp","type":"poisson","rate":5,"duration":1,"rate_ramp":{"duration":1},"exclude_from_results":true},
                {"name":"steady","type":"constant","rate":5,"duration":"1s","seamless":true}]"#,
            Ok("cold concurrency warmup; ramp poisson warmup; steady constant measured seamless"),
        );
        check(
            r#"[{"name":"low","type":"poisson","rate":5,"duration":1},{"name":"high","type":"poisson","rate":9,"duration":1}]"#,
            Ok("low poisson measured; high poisson measured"),
        );
    }

    #[test]
    fn invalid_phases_are_refused_by_name_and_key() {
        check("{}", Err("not a list of phases"));
        check(r#"[{"name":"a","colour":1}]"#, Err("phase `a`: `colour`: unknown field `colour`"));
        check(r#"[{"name":"a","kind":"warmup"}]"#, Err("phase `a`: `requests`: there is no stop condition"));
        check(r#"[{"requests":1},{"requests":1}]"#, Err("`profiling` is defined twice"));
        check(r#"[{"name":"a","type":"poisson"}]"#, Err("phase `a`: `rate`: the type poisson needs a rate"));
        check(
            r#"[{"name":"a","requests":1},{"kind":"warmup","requests":1}]"#,
            Err("`warmup` is not measured, but follows"),
        );
        check(r#"[{"name":"a","requests":0}]"#, Err("phase `a`: `requests`: must be at least 1"));
        check(r#"[{"name":"a","requests":"many"}]"#, Err("phase `a`: `requests`: invalid type"));
        check(r#"[{"name":"a","type":"sawtooth"}]"#, Err("phase `a`: `type`: `sawtooth` is not known"));
        check(r#"[{"name":"a","duration":"2y"}]"#, Err("phase `a`: `duration`: `2y` is not a duration"));
        check(r#"[{"name":"a","grace_period":1}]"#, Err("phase `a`: `grace_period` needs a `duration`"));
        check(
            r#"[{"name":"a","requests":1,"concurrency_ramp":0}]"#,
            Err("phase `a`: `concurrency_ramp`: must be greater than 0"),
        );
        check(r#"[{"name":"a","kind":"cooldown"}]"#, Err("phase `a`: unknown kind `cooldown`"));
    }

    #[test]
    fn texts_are_numbers_where_numbers_are_needed() {
        let phase: Described = serde_json::from_str(
            r#"{"requests":"16","concurrency":8.0,"rate":"2.5","seamless":"yes","duration":"2m"}"#,
        )
        .unwrap();
        assert_eq!(
            (phase.requests, phase.concurrency, phase.rate),
            (Some(16), Some(8), Some(2.5)),
            "numbers"
        );
        assert_eq!((phase.seamless, phase.duration), (Some(true), Some(120.0)), "the others");
    }

    #[test]
    fn the_grace_period_of_a_file_is_aiperfs() {
        let grace = |json: &str| {
            let phase: Described = serde_json::from_str(json).unwrap();
            phase.phase().unwrap().grace_period_seconds
        };
        assert_eq!(grace(r#"{"duration":5}"#), Some(0.0), "measured requests are cancelled at the end");
        assert_eq!(grace(r#"{"duration":5,"kind":"warmup"}"#), None, "those of a warm-up complete");
        assert_eq!(grace(r#"{"duration":5,"grace_period":"inf"}"#), None, "as set");
        assert_eq!(grace(r#"{"duration":5,"grace_period":3}"#), Some(3.0), "as set");
    }

    #[test]
    fn flags_change_the_phases_of_a_file() {
        let base = r#"[{"name":"warmup","requests":4,"concurrency":2},{"name":"profiling","type":"gamma","rate":5,"duration":9}]"#;
        let phases = |flags: &str| {
            let (mut args, _) = profile_of(&format!("--model m {flags}"))?;
            args.load.base_phases = Some(base.to_owned());
            super::super::plan(&args, &[])
                .map(|checked| checked.profile.plan.load.phases.clone())
                .map_err(|why| why.0)
        };
        let [warmup, measured] = &phases("").unwrap()[..] else { panic!("two phases") };
        assert_eq!((warmup.request_rate, &warmup.shape), (None, &Shape::Concurrency), "nothing is inherited");
        assert_eq!((measured.request_rate, &measured.shape), (Some(5.0), &Shape::Gamma), "as in the file");
        let changed = phases("--request-rate 7 --warmup-request-count 8 --warmup-concurrency 3").unwrap();
        assert_eq!(
            (changed[1].request_rate, &changed[1].shape),
            (Some(7.0), &Shape::Gamma),
            "the same arrivals"
        );
        assert_eq!((changed[0].request_count, changed[0].concurrency), (Some(8), Some(3)), "of the warm-up");
        let refused = phases("--prefill-concurrency 2 --streaming --concurrency 1").unwrap_err();
        assert!(
            refused.contains("--prefill-concurrency: must not be more than the concurrency, 1"),
            "{refused}"
        );
    }
}
