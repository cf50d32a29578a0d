//! What a plan must be: the client checks its own before anything is touched, the daemon those of any process that connects.
//!
//! What needs the inputs (formats, templates) is checked by the load generator, which has no privileges.

use crate::{Input, Length, Load, Phase, Plan, Shape, Watch};
use common::kernel_event::capture::{PORTS_MAX, SNAP_MAX};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

/// What is wrong with a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where in the plan: `load.phases[1].request_rate`.
    pub path: String,
    /// Why it cannot be carried out, as the end of a sentence.
    pub why: String,
}

impl Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "`{}` of the plan: {}", self.path, self.why)
    }
}

impl std::error::Error for Fault {}

impl Fault {
    /// What is wrong at a path.
    pub fn new(path: impl Into<String>, why: impl Display) -> Self {
        Self { path: path.into(), why: why.to_string() }
    }
}

type Result = std::result::Result<(), Fault>;

impl Plan {
    /// Whether a run can be carried out by this plan.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result {
        let tree = serde_json::to_value(self).map_err(|error| Fault::new("", error))?;
        walk("", &tree)?;
        match &self.watch {
            Some(watch) => watched(watch)?,
            None => {
                urls(self)?;
                lengths(&self.input)?;
                self.load.check()?;
                self.load.check_rates()?;
            }
        }
        workers(self)?;
        output(self)
    }
}

/// Every number and every text of the plan, whatever it is for.
fn walk(path: &str, value: &Value) -> Result {
    match value {
        Value::Number(number) => {
            let value = number.as_f64().unwrap_or(f64::INFINITY);
            let limit = if path == "random_seed" { f64::MAX } else { NUMBER_MAX };
            if !(0.0..=limit).contains(&value) {
                return Err(Fault::new(path, format_args!("{number} is not between 0 and {limit}")));
            }
        }
        Value::String(text) => {
            let is_text = TEXTS.iter().any(|text| path.starts_with(text));
            let limit = if is_text { TEXT_MAX } else { NAME_MAX };
            if text.len() > limit {
                return Err(Fault::new(path, format_args!("{} bytes are more than {limit}", text.len())));
            }
            if !is_text && text.chars().any(char::is_control) {
                return Err(Fault::new(path, "control characters are no part of a name"));
            }
        }
        Value::Array(items) => {
            if items.len() > ITEMS_MAX {
                return Err(Fault::new(
                    path,
                    format_args!("{} items are more than {ITEMS_MAX}", items.len()),
                ));
            }
            for (place, item) in items.iter().enumerate() {
                walk(&format!("{path}[{place}]"), item)?;
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                // The user's own addition to request bodies may be any JSON.
                if path != "endpoint.extra_inputs" {
                    walk(&path, field)?;
                }
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

fn workers(plan: &Plan) -> Result {
    let workers = &plan.workers;
    if plan.watch.is_none() && workers.cpus.is_empty() && workers.workers == 0 {
        return Err(Fault::new("workers.workers", "at least one worker is required"));
    }
    if workers.cpus.len() > CPUS_MAX || workers.workers as usize > CPUS_MAX {
        return Err(Fault::new("workers", format_args!("more than {CPUS_MAX} workers")));
    }
    let distinct = workers.cpus.iter().collect::<BTreeSet<_>>().len();
    if distinct < workers.cpus.len() {
        return Err(Fault::new("workers.cpus", "a core is listed twice"));
    }
    Ok(())
}

fn output(plan: &Plan) -> Result {
    match &plan.output.export_prefix {
        Some(prefix) if !is_file_name(prefix) => {
            Err(Fault::new("output.export_prefix", "must be the name of a file, without a path"))
        }
        _ => Ok(()),
    }
}

fn watched(watch: &Watch) -> Result {
    if watch.ports.len() > PORTS_MAX {
        return Err(Fault::new("watch.ports", format_args!("more than {PORTS_MAX} ports")));
    }
    if !(SNAP_MIN..=SNAP_MAX).contains(&watch.snap_length) {
        return Err(Fault::new("watch.snap_length", format_args!("not between {SNAP_MIN} and {SNAP_MAX}")));
    }
    Ok(())
}

fn urls(plan: &Plan) -> Result {
    let urls = &plan.endpoint.urls;
    if urls.is_empty() {
        return Err(Fault::new("endpoint.urls", "at least one URL is required"));
    }
    match urls.iter().find(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        Some(url) => {
            Err(Fault::new("endpoint.urls", format_args!("`{url}` starts with none of {SCHEMES:?}")))
        }
        None => Ok(()),
    }
}

fn lengths(input: &Input) -> Result {
    let check = |path: &str, length: &Length| length.check().map_err(|why| Fault::new(path, why));
    let output = match input {
        Input::File { output_tokens, .. } => output_tokens,
        Input::Synthetic { input_tokens, output_tokens, made, .. } => {
            check("input.input_tokens", input_tokens)?;
            check("input.made.turns", &made.turns)?;
            made.turn_delay_ms.iter().try_for_each(|delay| check("input.made.turn_delay_ms", delay))?;
            for pair in &made.pairs {
                check("input.made.pairs", &pair.input)?;
                check("input.made.pairs", &pair.output)?;
            }
            if let Some(images) = &made.images {
                check("input.made.images.width", &images.width)?;
                check("input.made.images.height", &images.height)?;
            }
            made.audios.iter().try_for_each(|audios| check("input.made.audios.seconds", &audios.seconds))?;
            output_tokens
        }
    };
    output.iter().try_for_each(|length| check("input.output_tokens", length))
}

impl Load {
    /// Whether its phases can follow each other.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result {
        let phases = &self.phases;
        if phases.is_empty() || phases.len() > PHASES_MAX {
            return Err(Fault::new("load.phases", format_args!("must have 1 to {PHASES_MAX} phases")));
        }
        for (place, phase) in phases.iter().enumerate() {
            phase.check().map_err(|fault| Fault::new(at(place, &fault.path), fault.why))?;
            let is_known = phases.iter().take(place).any(|before| before.name == phase.name);
            if is_known {
                let why = format_args!("`{}` is defined twice: give each phase a unique name", phase.name);
                return Err(Fault::new(at(place, "name"), why));
            }
        }
        if phases.iter().all(|phase| phase.is_warmup) {
            return Err(Fault::new("load.phases", "no phase is measured: one needs `kind: profiling`"));
        }
        let late = phases
            .iter()
            .enumerate()
            .skip_while(|(_, phase)| phase.is_warmup)
            .find(|(_, phase)| phase.is_warmup);
        if let Some((place, late)) = late {
            let why = format_args!(
                "`{}` is not measured, but follows one that is: time between measured phases would count as their time. Put it \
                 first, or measure the phases around it in runs of their own",
                late.name
            );
            return Err(Fault::new(at(place, "is_warmup"), why));
        }
        self.check_users()
    }

    /// Whether every phase whose shape needs a rate has one: once every file is read.
    fn check_rates(&self) -> Result {
        self.phases.iter().enumerate().try_for_each(|(place, phase)| {
            phase.check_rate().map_err(|fault| Fault::new(at(place, &fault.path), fault.why))
        })
    }

    /// Users stay from phase to phase, so all phases with users must have the same ones.
    fn check_users(&self) -> Result {
        let mut with_users = self.phases.iter().enumerate().filter(|(_, phase)| phase.users.is_some());
        let Some((_, first)) = with_users.next() else { return Ok(()) };
        let differs = |phase: &Phase| (phase.users, phase.request_rate) != (first.users, first.request_rate);
        match with_users.find(|(_, phase)| differs(phase)) {
            Some((place, other)) => {
                let why = format_args!(
                    "`{}` and `{}` have different users: measure each in a separate run",
                    first.name, other.name
                );
                Err(Fault::new(at(place, "users"), why))
            }
            None => Ok(()),
        }
    }
}

fn at(place: usize, field: &str) -> String {
    format!("load.phases[{place}].{field}")
}

impl Phase {
    /// Whether it can be carried out; paths are those of its fields.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result {
        if self.name.is_empty() || self.name.len() > PHASE_NAME_MAX {
            return Err(Fault::new("name", format_args!("must have 1 to {PHASE_NAME_MAX} bytes")));
        }
        if self.is_warmup && self.name == "profiling" {
            return Err(Fault::new("name", "a phase that is not measured cannot be called `profiling`"));
        }
        self.check_counts()?;
        self.check_numbers()?;
        self.check_series()?;
        self.check_shape()?;
        if let Some(scale) = &self.adaptive_scale {
            scale.check(self)?;
        }
        let ends =
            self.request_count.is_some() || self.session_count.is_some() || self.duration_seconds.is_some();
        if self.is_warmup && !ends {
            return Err(Fault::new("request_count", "there is no stop condition: a warm-up needs one"));
        }
        Ok(())
    }

    fn check_counts(&self) -> Result {
        let whole = [
            ("concurrency", self.concurrency.map(u64::from)),
            ("prefill_concurrency", self.prefill_concurrency.map(u64::from)),
            ("users", self.users.map(u64::from)),
            ("request_count", self.request_count),
            ("session_count", self.session_count),
        ];
        if let Some((field, _)) = whole.iter().find(|(_, value)| *value == Some(0)) {
            return Err(Fault::new(*field, "must be at least 1"));
        }
        let limits = [("concurrency", self.concurrency), ("users", self.users)];
        if let Some((field, limit)) =
            limits.iter().find(|(_, limit)| limit.is_some_and(|limit| limit > STREAMS_MAX))
        {
            return Err(Fault::new(
                *field,
                format_args!("{} is more than {STREAMS_MAX}", limit.unwrap_or(0)),
            ));
        }
        if let (Some(prefill), Some(concurrency)) = (self.prefill_concurrency, self.concurrency)
            && prefill > concurrency
        {
            return Err(Fault::new(
                "prefill_concurrency",
                format_args!("must not be more than the concurrency, {concurrency}"),
            ));
        }
        let users = self.users.map(u64::from);
        for (field, count, what) in [
            ("session_count", self.session_count, "session"),
            ("request_count", self.request_count, "request"),
        ] {
            if let (Some(users), Some(count)) = (users, count)
                && count < users
            {
                return Err(Fault::new(
                    field,
                    format_args!("is less than {users} users: each user needs at least one {what}"),
                ));
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result {
        let positive = [
            ("duration_seconds", self.duration_seconds),
            ("request_rate", self.request_rate),
            ("arrival_smoothness", self.arrival_smoothness),
            ("request_rate_ramp_seconds", self.request_rate_ramp_seconds),
            ("concurrency_ramp", self.concurrency_ramp.map(|ramp| ramp.seconds)),
            ("prefill_concurrency_ramp", self.prefill_concurrency_ramp.map(|ramp| ramp.seconds)),
        ];
        if let Some((field, _)) =
            positive.iter().find(|(_, value)| value.is_some_and(|value| !value.is_finite() || value <= 0.0))
        {
            return Err(Fault::new(*field, "must be greater than 0"));
        }
        if self.grace_period_seconds.is_some_and(|seconds| !seconds.is_finite() || seconds < 0.0) {
            return Err(Fault::new("grace_period_seconds", "must not be negative"));
        }
        if let Some(cancellation) = self.cancellation {
            let (rate, delay) = (cancellation.rate_percent, cancellation.delay_seconds);
            if !(rate > 0.0 && rate <= 100.0) {
                return Err(Fault::new(
                    "cancellation.rate_percent",
                    format_args!("{rate} is not a percentage above 0"),
                ));
            }
            if !delay.is_finite() || delay < 0.0 {
                return Err(Fault::new("cancellation.delay_seconds", "must not be negative"));
            }
        }
        Ok(())
    }

    fn check_series(&self) -> Result {
        let (field, points) = ("request_rate_series", &self.request_rate_series);
        let is_usable = |number: f64| number.is_finite() && number >= 0.0;
        if let Some(bad) = points.iter().position(|point| !is_usable(point.time_s) || !is_usable(point.qps)) {
            return Err(Fault::new(field, format_args!("point {bad} has a time or a rate below 0")));
        }
        if let Some(bad) = points.windows(2).position(|pair| pair[1].time_s <= pair[0].time_s) {
            return Err(Fault::new(
                field,
                format_args!("point {} is not later than the one before it", bad + 1),
            ));
        }
        if !points.is_empty() && points.iter().all(|point| point.qps == 0.0) {
            return Err(Fault::new(field, "no point has a rate above 0"));
        }
        Ok(())
    }

    fn check_shape(&self) -> Result {
        let has_rate = self.request_rate.is_some() || !self.request_rate_series.is_empty();
        match &self.shape {
            Shape::Concurrency if has_rate => Err(Fault::new(
                "request_rate",
                "a rate needs the type constant, poisson or gamma, not concurrency",
            )),
            Shape::Concurrency if self.concurrency.is_none() => {
                Err(Fault::new("concurrency", "a closed loop needs one"))
            }
            Shape::UserCentric if self.request_rate.is_none() || self.users.is_none() => {
                Err(Fault::new("users", "the type user_centric needs a rate and users"))
            }
            Shape::Other(name) => {
                let known = Shape::ALL.iter().map(Shape::name).collect::<Vec<_>>().join(", ");
                Err(Fault::new("shape", format_args!("`{name}` is not known; available: {known}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether it has a rate, where its shape needs one: once every file is read.
    ///
    /// # Errors
    /// When it has none.
    pub fn check_rate(&self) -> Result {
        let has_rate = self.request_rate.is_some() || !self.request_rate_series.is_empty();
        if self.shape.has_rate() && !has_rate {
            return Err(Fault::new("request_rate", format_args!("the type {} needs a rate", self.shape)));
        }
        Ok(())
    }
}

/// Whether a text is the name of a file and nothing else.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= FILE_NAME_MAX
        && !name.starts_with('-')
        && name != "."
        && name != ".."
        && !name.chars().any(|letter| letter == '/' || letter.is_control())
}

/// What a name may be in an ext4 or XFS folder, less the endings that files get.
const FILE_NAME_MAX: usize = 200;
/// More than any time, rate or count of a load.
const NUMBER_MAX: f64 = 1e15;
/// Longest name, URL or flag.
pub const NAME_MAX: usize = 64 << 10;
/// Longest text of the user's own.
pub const TEXT_MAX: usize = 4 << 20;
/// What may be as long as that, and may hold ends of lines.
const TEXTS: &[&str] = &[
    "command_line",
    "endpoint.dialect.template",
    "given",
    "input.change.system_prompt",
    "input.made.system_prompt",
    "observers.stream.mlflow.tags",
    "observers.stream.otlp.resource_attributes",
    "output.other",
];
/// Items of a list.
pub const ITEMS_MAX: usize = 100_000;
const PHASES_MAX: usize = 1000;
const PHASE_NAME_MAX: usize = 64;
const CPUS_MAX: usize = 4096;
const STREAMS_MAX: u32 = 1 << 20;
const SNAP_MIN: u32 = 64;
const SCHEMES: [&str; 3] = ["http://", "https://", "unix://"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn usual() -> Plan {
        let mut plan = Plan::unknown();
        plan.endpoint.urls = vec!["http://127.0.0.1:8000".to_owned()];
        plan.workers.workers = 1;
        plan.load = Load::of(Phase::closed(4, 100));
        plan
    }

    /// Puts a value at a JSON pointer of a usual plan; returns what is wrong with it.
    #[track_caller]
    fn refused(pointer: &str, value: Value, path: &str) -> String {
        let mut tree = serde_json::to_value(usual()).unwrap();
        *tree.pointer_mut(pointer).unwrap() = value;
        let fault = serde_json::from_value::<Plan>(tree).unwrap().check().expect_err(pointer);
        assert_eq!(fault.path, path, "{pointer}: {fault}");
        fault.why
    }

    #[test]
    fn a_usual_plan_passes() {
        assert_eq!(usual().check(), Ok(()), "a closed loop");
    }

    #[test]
    fn absurd_plans_are_refused_with_their_place() {
        refused("/load/phases", json!([]), "load.phases");
        assert!(
            refused("/load/phases/0/is_warmup", json!(true), "load.phases[0].name").contains("profiling")
        );
        refused("/load/phases/0/name", json!(""), "load.phases[0].name");
        refused("/load/phases/0/name", json!("x".repeat(1 << 20)), "load.phases[0].name");
        refused("/load/phases/0/name", json!("a\u{0}b"), "load.phases[0].name");
        refused("/load/phases/0/duration_seconds", json!(-1.0), "load.phases[0].duration_seconds");
        refused("/load/phases/0/duration_seconds", json!(1e308), "load.phases[0].duration_seconds");
        refused("/load/phases/0/duration_seconds", json!(0.0), "load.phases[0].duration_seconds");
        refused("/load/phases/0/request_rate", json!(-0.5), "load.phases[0].request_rate");
        refused("/load/phases/0/request_rate", json!(5.0), "load.phases[0].request_rate");
        refused("/load/phases/0/concurrency", json!(0), "load.phases[0].concurrency");
        refused("/load/phases/0/concurrency", json!(u32::MAX), "load.phases[0].concurrency");
        refused("/load/phases/0/concurrency", json!(null), "load.phases[0].concurrency");
        refused("/load/phases/0/prefill_concurrency", json!(5), "load.phases[0].prefill_concurrency");
        refused("/load/phases/0/request_count", json!(0), "load.phases[0].request_count");
        refused("/load/phases/0/shape", json!("gamma"), "load.phases[0].request_rate");
        refused("/load/phases/0/shape", json!("user_centric"), "load.phases[0].users");
        refused("/load/phases/0/shape", json!("sawtooth"), "load.phases[0].shape");
        let cancelled = json!({"rate_percent": 101.0, "delay_seconds": 0.0});
        refused("/load/phases/0/cancellation", cancelled, "load.phases[0].cancellation.rate_percent");
        refused("/workers/workers", json!(0), "workers.workers");
        refused("/workers/cpus", json!([1, 1]), "workers.cpus");
        refused("/endpoint/urls", json!([]), "endpoint.urls");
        refused("/endpoint/urls", json!(["file:///etc/passwd"]), "endpoint.urls");
        refused("/input/input_tokens/stddev", json!(-1.0), "input.input_tokens.stddev");
        let form = json!({"mean": 1.0, "stddev": 0.0, "form": {"log_normal": {"median": 2.0}}});
        refused("/input/input_tokens", form, "input.input_tokens");
        refused("/output/export_prefix", json!("../../etc/cron.d/x"), "output.export_prefix");
        refused("/output/export_prefix", json!("-rf"), "output.export_prefix");
    }

    #[test]
    fn phases_follow_each_other() {
        let warmup = |name: &str| Phase { is_warmup: true, name: name.to_owned(), ..Phase::closed(1, 1) };
        let measured = |name: &str| Phase { name: name.to_owned(), ..Phase::closed(1, 1) };
        let users = |name: &str, users| Phase {
            users: Some(users),
            request_rate: Some(1.0),
            request_count: None,
            ..Phase::new(name, Shape::UserCentric)
        };
        let check = |phases: Vec<Phase>, expected: &str| {
            let load = Load { phases, ..Load::of(measured("a")) };
            let found = load.check().map_or_else(|fault| fault.to_string(), |()| "sound".to_owned());
            assert!(found.contains(expected), "{found}");
        };
        check(vec![warmup("cold"), measured("low"), measured("high")], "sound");
        check(vec![warmup("cold")], "no phase is measured");
        check(vec![measured("a"), measured("a")], "`load.phases[1].name` of the plan: `a` is defined twice");
        check(vec![measured("a"), warmup("b")], "`b` is not measured, but follows one that is");
        check(vec![users("a", 2), users("b", 2)], "sound");
        check(vec![users("a", 2), users("b", 3)], "`a` and `b` have different users");
    }

    #[test]
    fn names_of_files_are_no_paths() {
        for name in ["run", "run-1.2", "prefix é"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", ".", "..", "a/b", "/etc/passwd", "a\u{0}", "-x", "a\nb"] {
            assert!(!is_file_name(name), "{name:?}");
        }
        assert!(!is_file_name(&"x".repeat(300)), "too long");
    }
}
