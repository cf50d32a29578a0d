//! Parts that several JSON exports share: metrics, the input's configuration, dates, and the redaction of secrets.

use crate::artifacts::Artifacts;
use common::clock::RealNs;
use metric::{Interval, MetricResult, Needs, Stat, Stats};
use record::Run;
use serde_json::{Map, Value, json};
use spec::url::shown;
use spec::{Capability, Form, Input, Length, Output, Peak, Phase, Plan, Shape, Tokenizer};

/// A metric as AIPerf writes it: unit, then statistics, `count` before `sum`; a missing value has no key.
pub(crate) fn metric(result: &MetricResult) -> Value {
    statistics(result.metric.display.name(), &result.stats)
}

/// Statistics in that form.
pub(crate) fn statistics(unit: &str, stats: &Stats) -> Value {
    let mut object = Map::new();
    object.insert("unit".to_owned(), unit.into());
    for stat in Stat::ALL {
        if stat == Stat::Sum
            && let Some(count) = stats.count()
        {
            object.insert("count".to_owned(), count.into());
        }
        if let Some(value) = stats.get(stat) {
            object.insert(stat.name().to_owned(), value.get().into());
        }
    }
    Value::Object(object)
}

/// The metrics by tag.
pub(crate) fn metrics(results: &[MetricResult]) -> Map<String, Value> {
    results.iter().map(|result| (result.metric.tag.to_owned(), metric(result))).collect()
}

/// The 95 % confidence intervals by tag and statistic, or why there is none and how many more requests it would take.
pub(crate) fn intervals(results: &[MetricResult]) -> Value {
    let of_result = |result: &MetricResult| {
        let of = |stat: Stat| {
            let precision = result.stats.precision(stat)?;
            let value = precision.map_or_else(|needs| unknown(&needs), |known| known_interval(&known));
            Some((stat.name().to_owned(), value))
        };
        let found = Stat::ALL.into_iter().filter_map(of).collect::<Map<_, _>>();
        (!found.is_empty()).then(|| (result.metric.tag.to_owned(), found.into()))
    };
    Value::Object(results.iter().filter_map(of_result).collect())
}

fn known_interval(interval: &Interval) -> Value {
    json!({
        "low": interval.low,
        "high": interval.high,
        "n_eff": f64::from(interval.effective).round(),
        "method": interval.method.name(),
    })
}

fn unknown(needs: &Needs) -> Value {
    let mut object = Map::new();
    object.insert("reason".to_owned(), needs.to_string().into());
    if let Some(more) = needs.more_requests {
        object.insert("more_requests".to_owned(), more.into());
    }
    Value::Object(object)
}

/// The ends of a statistic's 95 % confidence interval.
pub(crate) fn interval(result: &MetricResult, stat: Stat) -> Option<[f64; 2]> {
    let (low, high) = result.stats.interval(stat)?;
    Some([low.get(), high.get()])
}

/// The percentiles with too few samples, by tag.
pub(crate) fn too_few(results: &[MetricResult]) -> Value {
    let of_result = |result: &MetricResult| {
        let is_doubtful = |stat: &Stat| result.stats.get(*stat).is_some() && !result.stats.supports(*stat);
        let doubtful = Stat::ALL.into_iter().filter(is_doubtful).map(Stat::name).collect::<Vec<_>>();
        (!doubtful.is_empty()).then(|| (result.metric.tag.to_owned(), doubtful.into()))
    };
    Value::Object(results.iter().filter_map(of_result).collect())
}

/// The user's configuration, in the structure of AIPerf's.
pub(crate) fn input_config(artifacts: &Artifacts<'_>) -> Value {
    let foreign = artifacts.foreign.and_then(|foreign| foreign.get("input_config")).cloned();
    foreign
        .unwrap_or_else(|| config_of(artifacts.run, artifacts.report.requests, artifacts.settings.capability))
}

/// The configuration of a run that sent this many requests, at an endpoint with this capability.
fn config_of(run: &Run, requests: u64, capability: Capability) -> Value {
    let plan = &run.plan;
    let models = plan.endpoint.models.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    let urls = plan.endpoint.urls.iter().map(|url| shown(url)).collect::<Vec<_>>();
    let mut endpoint = Map::new();
    endpoint.insert("urls".to_owned(), urls.into());
    endpoint.insert("type".to_owned(), plan.endpoint.kind.clone().into());
    if plan.endpoint.streaming {
        endpoint.insert("streaming".to_owned(), true.into());
    }
    if plan.endpoint.use_server_token_count {
        endpoint.insert("use_server_token_count".to_owned(), true.into());
    }
    if let Some(body) = &plan.endpoint.dialect.template {
        endpoint.insert("template".to_owned(), json!({ "body": body }));
    }
    let tokenizer = match &plan.tokenizer {
        Tokenizer::None => Value::Null,
        Tokenizer::Builtin => "builtin".into(),
        Tokenizer::File { name } => name.clone().into(),
    };
    let mut config = json!({
        "models": { "items": models },
        "endpoint": endpoint,
        "datasets": [dataset(plan)],
        "phases": plan.load.phases.iter().map(|planned| phase(planned, requests)).collect::<Vec<_>>(),
        "artifacts": output(&plan.output),
    });
    if let Value::Object(config) = &mut config {
        if !plan.output.goodput.is_empty() {
            config.insert("slos".to_owned(), json!(plan.output.goodput));
        }
        // AIPerf's models accept none for an endpoint without tokens.
        if capability.produces_tokens || capability.tokenizes_input {
            config.insert("tokenizer".to_owned(), json!({ "name": tokenizer }));
        }
    }
    config
}

fn output(output: &Output) -> Value {
    let mut artifacts = Map::new();
    artifacts.insert("dir".to_owned(), output.artifact_dir.clone().into());
    if let Some(seconds) = output.slice_duration_seconds {
        artifacts.insert("slice_duration".to_owned(), seconds.into());
    }
    if output.show_trace_timing {
        artifacts.insert("show_trace_timing".to_owned(), true.into());
    }
    Value::Object(artifacts)
}

fn dataset(plan: &Plan) -> Value {
    match &plan.input {
        Input::File { format, name, .. } => {
            let mut file =
                json!({ "name": "main", "type": "file", "path": name, "random_seed": plan.random_seed });
            // AIPerf has no format that is still to be detected.
            if let Value::Object(file) = &mut file
                && format != "auto"
            {
                file.insert("format".to_owned(), format.clone().into());
            }
            file
        }
        Input::Synthetic { entries, input_tokens, output_tokens, .. } => json!({
            "name": "main",
            "type": "synthetic",
            "entries": entries,
            "random_seed": plan.random_seed,
            "prompts": {
                "isl": distribution(input_tokens),
                "osl": output_tokens.as_ref().map(distribution),
            },
        }),
    }
}

/// A distribution in AIPerf's form.
fn distribution(length: &Length) -> Value {
    let mut written = match &length.form {
        None => json!({ "mean": length.mean, "stddev": length.stddev }),
        Some(Form::LogNormal { median }) => json!({ "mean": length.mean, "median": median }),
        Some(Form::Peaks(peaks)) => {
            let peak =
                |peak: &Peak| json!({ "distribution": distribution(&peak.length), "weight": peak.weight });
            json!({ "peaks": peaks.iter().map(peak).collect::<Vec<_>>() })
        }
        Some(Form::Points(points)) => json!({ "points": points }),
    };
    if let Some(written) = written.as_object_mut() {
        let bounds = [("min", length.min), ("max", length.max)];
        written.extend(bounds.into_iter().filter_map(|(name, bound)| Some((name.to_owned(), bound?.into()))));
    }
    written
}

fn phase(planned: &Phase, requests: u64) -> Value {
    let mut phase = Map::new();
    phase.insert("name".to_owned(), planned.name.clone().into());
    phase.insert("kind".to_owned(), if planned.is_warmup { "warmup" } else { "profiling" }.into());
    phase.insert("type".to_owned(), planned.shape.name().into());
    let has_end = planned.session_count.is_some()
        || planned.duration_seconds.is_some()
        || planned.request_count.is_some();
    // A file is sent once; AIPerf's phases need an explicit stop condition.
    let count = if has_end { planned.request_count } else { Some(requests.max(1)) };
    let facts = [
        ("requests", count.map(Value::from)),
        ("sessions", planned.session_count.map(Value::from)),
        ("rate", planned.request_rate.map(Value::from)),
        ("users", planned.users.filter(|_| planned.shape == Shape::UserCentric).map(Value::from)),
        ("concurrency", planned.concurrency.map(Value::from)),
        ("prefill_concurrency", planned.prefill_concurrency.map(Value::from)),
        ("duration", planned.duration_seconds.map(Value::from)),
    ];
    phase.extend(facts.into_iter().filter_map(|(key, fact)| Some((key.to_owned(), fact?))));
    Value::Object(phase)
}

/// A date as AIPerf writes it: local, without a zone, with microseconds rounded as a float of seconds.
pub(crate) fn date(time: RealNs, utc_offset_seconds: i64) -> String {
    let seconds = metric::float(time.0) / 1e9;
    let micros = metric::whole((seconds.fract() * 1e6).round_ties_even());
    let whole = metric::whole(seconds.trunc()) + micros / 1_000_000;
    let local = whole.saturating_add_signed(utc_offset_seconds);
    let (days, second) = (local / 86_400, local % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let micros = micros % 1_000_000;
    let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if micros == 0 { date } else { format!("{date}.{micros:06}") }
}

/// Converts days since 1970-01-01 to year, month and day, in eras of 400 years that start on 1 March.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_match_pythons() {
        let table = [
            (1_795_355_382_511_604_493, 0, "2026-11-22T13:49:42.511605"),
            (1_795_355_382_000_000_000, 3600, "2026-11-22T14:49:42"),
            (951_782_400_500_000_000, 0, "2000-02-29T00:00:00.500000"),
            (0, 0, "1970-01-01T00:00:00"),
        ];
        for (time, offset, expected) in table {
            assert_eq!(date(RealNs(time), offset), expected, "{time} at {offset}");
        }
    }
}
