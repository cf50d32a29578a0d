//! Parses `--phases`: any number of phases, in the form of AIPerf's configuration.

use super::{Checked, refuse};
use serde::Deserialize;
use spec::{Cancellation, Curve, Phase, Ramp, RatePoint, Shape};

/// A phase as written by the user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: Option<String>,
    kind: Option<String>,
    #[serde(rename = "type")]
    shape: Option<Shape>,
    requests: Option<u64>,
    sessions: Option<u64>,
    duration: Option<f64>,
    grace_period: Option<f64>,
    concurrency: Option<u32>,
    concurrency_ramp: Option<Growth>,
    prefill_concurrency: Option<u32>,
    prefill_ramp: Option<Growth>,
    rate: Option<f64>,
    rate_ramp: Option<Growth>,
    rate_series: Option<Series>,
    smoothness: Option<f64>,
    users: Option<u32>,
    cancellation: Option<GivenUp>,
    #[serde(default)]
    seamless: bool,
    #[serde(default)]
    exclude_from_results: bool,
}

/// A ramp: its seconds, or seconds and a curve.
#[derive(Deserialize)]
#[serde(untagged)]
enum Growth {
    Seconds(f64),
    Curve { duration: f64, strategy: Option<String> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Series {
    points: Vec<RatePoint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenUp {
    rate: f64,
    delay: Option<f64>,
}

/// Parses a JSON list of phases: warm-ups, then measured ones.
///
/// # Errors
/// What is wrong, and in which phase.
pub(super) fn phases(json: &str) -> Checked<Vec<Phase>> {
    let written = serde_json::from_str::<Vec<Written>>(json);
    let written = written.or_else(|error| refuse(format!("--phases is not a list of phases: {error}")))?;
    let mut phases = Vec::new();
    for (number, phase) in written.into_iter().enumerate() {
        let name = phase.name.clone().unwrap_or_else(|| format!("phase {number}"));
        phases.push(phase.phase().or_else(|why| refuse(format!("phase `{name}`: {why}")))?);
    }
    for (number, phase) in phases.iter().enumerate() {
        if phases.iter().take(number).any(|before| before.name == phase.name) {
            return refuse(format!("phase `{}` is defined twice: give each phase a unique name", phase.name));
        }
    }
    let measured = phases.iter().skip_while(|phase| phase.is_warmup);
    if let Some(late) = measured.clone().find(|phase| phase.is_warmup) {
        return refuse(format!(
            "phase `{}` is not measured, but follows one that is: time between measured phases would count as \
             their time. Put it first, or measure the phases around it in runs of their own",
            late.name
        ));
    }
    if measured.count() == 0 {
        return refuse("no phase is measured: one needs `kind: profiling`");
    }
    check_users(&phases)?;
    Ok(phases)
}

/// Users stay from phase to phase, so all phases with users must have the same ones.
fn check_users(phases: &[Phase]) -> Checked<()> {
    let mut with_users = phases.iter().filter(|phase| phase.users.is_some());
    let Some(first) = with_users.next() else { return Ok(()) };
    let differs = |phase: &&Phase| (phase.users, phase.request_rate) != (first.users, first.request_rate);
    match with_users.find(differs) {
        Some(other) => refuse(format!(
            "phases `{}` and `{}` have different users: measure each in a separate run",
            first.name, other.name
        )),
        None => Ok(()),
    }
}

impl Written {
    fn phase(self) -> Result<Phase, String> {
        let is_warmup = match self.kind.as_deref() {
            Some("warmup") => true,
            Some("profiling") => self.exclude_from_results,
            None => self.exclude_from_results || self.name.as_deref() == Some("warmup"),
            Some(other) => return Err(format!("unknown kind `{other}`; available: warmup, profiling")),
        };
        let shape = self.shape.clone().unwrap_or(Shape::Concurrency);
        let has_rate = self.rate.is_some() || self.rate_series.is_some();
        match &shape {
            Shape::Concurrency if has_rate => {
                return Err("a rate needs `type` constant, poisson or gamma".to_owned());
            }
            Shape::Constant | Shape::Poisson | Shape::Gamma if !has_rate => {
                return Err(format!("`type: {shape}` needs a `rate`"));
            }
            Shape::UserCentric if self.rate.is_none() || self.users.is_none() => {
                return Err("`type: user_centric` needs `rate` and `users`".to_owned());
            }
            Shape::Other(name) => return Err(format!("unknown type `{name}`")),
            _ => {}
        }
        let is_usable = |rate: &f64| rate.is_finite() && *rate > 0.0;
        if self.rate.iter().chain(&self.duration).chain(&self.smoothness).any(|number| !is_usable(number)) {
            return Err("`rate`, `duration` and `smoothness` must be above 0".to_owned());
        }
        if [self.requests, self.sessions].contains(&Some(0))
            || [self.concurrency, self.prefill_concurrency, self.users].contains(&Some(0))
        {
            return Err("counts must be at least 1".to_owned());
        }
        if self.requests.is_some() && self.sessions.is_some() {
            return Err("`requests` and `sessions` exclude each other".to_owned());
        }
        if is_warmup && self.requests.is_none() && self.sessions.is_none() && self.duration.is_none() {
            return Err("it has no stop condition: give `requests`, `sessions` or `duration`".to_owned());
        }
        let concurrency =
            if shape == Shape::Concurrency { Some(self.concurrency.unwrap_or(1)) } else { self.concurrency };
        let name = self.name.unwrap_or_else(|| if is_warmup { "warmup" } else { "profiling" }.to_owned());
        if is_warmup && name == "profiling" {
            return Err("a phase that is not measured cannot be called `profiling`".to_owned());
        }
        Ok(Phase {
            is_warmup,
            request_rate: self.rate,
            arrival_smoothness: self.smoothness,
            request_rate_ramp_seconds: self
                .rate_ramp
                .map(|growth| growth.ramp())
                .transpose()?
                .map(|ramp| ramp.seconds),
            request_rate_series: self.rate_series.map(|series| series.points).unwrap_or_default(),
            concurrency,
            concurrency_ramp: self.concurrency_ramp.map(|growth| growth.ramp()).transpose()?,
            prefill_concurrency: self.prefill_concurrency,
            prefill_concurrency_ramp: self.prefill_ramp.map(|growth| growth.ramp()).transpose()?,
            users: self.users,
            request_count: self.requests,
            session_count: self.sessions,
            duration_seconds: self.duration,
            grace_period_seconds: self
                .duration
                .map(|_| self.grace_period.unwrap_or(super::load::DEFAULT_GRACE_S)),
            is_seamless: self.seamless,
            cancellation: self.cancellation.map(|given_up| Cancellation {
                rate_percent: given_up.rate,
                delay_seconds: given_up.delay.unwrap_or(0.0),
            }),
            ..Phase::new(&name, shape)
        })
    }
}

impl Growth {
    fn ramp(self) -> Result<Ramp, String> {
        let (seconds, strategy) = match self {
            Self::Seconds(seconds) => (seconds, None),
            Self::Curve { duration, strategy } => (duration, strategy),
        };
        let curve = match strategy.as_deref() {
            None | Some("linear") => Curve::Linear,
            Some("exponential") => Curve::Exponential,
            Some("poisson") => Curve::Poisson,
            Some(other) => return Err(format!("unknown ramp `{other}`")),
        };
        if seconds.is_finite() && seconds > 0.0 {
            Ok(Ramp { seconds, curve })
        } else {
            Err("a ramp's duration must be greater than 0".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: Result<&str, &str>) {
        let described = |phase: &Phase| {
            format!(
                "{} {} {}{}",
                phase.name,
                phase.shape,
                if phase.is_warmup { "warmup" } else { "measured" },
                if phase.is_seamless { " seamless" } else { "" }
            )
        };
        let found = phases(json).map(|phases| phases.iter().map(described).collect::<Vec<_>>().join("; "));
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{json}"),
            (Err(refusal), Err(expected)) => assert!(refusal.0.contains(expected), "{json}: {}", refusal.0),
            _ => panic!("{json}: {found:?}"),
        }
    }

    #[test]
    fn phases_have_names_and_follow_each_other() {
        check(
            r#"[{"name":"cold","kind":"warmup","requests":2},
                {"name":"ramp","type":"poisson","rate":5,"duration":1,"rate_ramp":{"duration":1},"exclude_from_results":true},
                {"name":"steady","type":"constant","rate":5,"duration":1,"seamless":true}]"#,
            Ok("cold concurrency warmup; ramp poisson warmup; steady constant measured seamless"),
        );
        check(
            r#"[{"name":"low","type":"poisson","rate":5,"duration":1},{"name":"high","type":"poisson","rate":9,"duration":1}]"#,
            Ok("low poisson measured; high poisson measured"),
        );
    }

    #[test]
    fn invalid_phases_are_refused_by_name() {
        check("{}", Err("not a list of phases"));
        check(r#"[{"name":"a","colour":1}]"#, Err("colour"));
        check(r#"[{"name":"a","kind":"warmup"}]"#, Err("phase `a`: it has no stop condition"));
        check(r#"[{"requests":1},{"requests":1}]"#, Err("`profiling` is defined twice"));
        check(
            r#"[{"kind":"warmup","requests":1},{"kind":"warmup","requests":1}]"#,
            Err("`warmup` is defined twice"),
        );
        check(r#"[{"name":"a","type":"poisson"}]"#, Err("phase `a`: `type: poisson` needs a `rate`"));
        check(
            r#"[{"name":"a","requests":1},{"kind":"warmup","requests":1}]"#,
            Err("phase `warmup` is not measured, but follows"),
        );
        check(
            r#"[{"name":"a","type":"user_centric","rate":1,"users":2},{"name":"b","type":"user_centric","rate":1,"users":3}]"#,
            Err("phases `a` and `b` have different users"),
        );
        check(r#"[{"name":"a","kind":"warmup","requests":1}]"#, Err("no phase is measured"));
        check(
            r#"[{"name":"a","requests":1,"concurrency_ramp":0}]"#,
            Err("phase `a`: a ramp's duration must be"),
        );
    }
}
