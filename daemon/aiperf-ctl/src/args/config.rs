//! Converts AIPerf's YAML configuration to flags.

use serde_json::{Map, Value};

/// A flag that a configuration file sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    /// The name with its dashes.
    pub(super) name: &'static str,
    /// One word per value; none for a switch.
    values: Vec<String>,
}

impl Flag {
    /// The equivalent words of the command line.
    pub(super) fn words(self) -> impl Iterator<Item = String> {
        let switch = self.values.is_empty().then(|| self.name.to_owned());
        let given = self.values.into_iter().map(move |value| format!("{}={value}", self.name));
        switch.into_iter().chain(given)
    }
}

/// The configuration of a file as flags. `variable` reads an environment variable.
///
/// # Errors
/// When the text is not valid YAML, or a key has no corresponding flag.
pub(super) fn flags(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Vec<Flag>, String> {
    let text = with_environment(text, variable)?;
    let value: Value = serde_saphyr::from_str(&text).map_err(|error| format!("not valid YAML: {error}"))?;
    let Value::Object(mut top) = value else { return Err("not a mapping".to_owned()) };
    for (key, why) in UNSUPPORTED_KEYS {
        if top.contains_key(*key) {
            return Err(format!("`{key}` is not supported: {why}"));
        }
    }
    for key in ["schema_version", "schemaVersion"] {
        top.remove(key);
    }
    let mut flags = Vec::new();
    if let Some(seed) = top.remove("random_seed") {
        put(&mut flags, "--random-seed", "random_seed", seed)?;
    }
    if let Some(runs) = top.remove("multi_run") {
        walk(&mut flags, "multi_run", runs)?;
    }
    let body = match top.remove("benchmark") {
        Some(Value::Object(body)) => {
            if let Some(key) = top.keys().next() {
                return Err(format!("`{key}` is not a known key next to `benchmark`"));
            }
            body
        }
        Some(_) => return Err("`benchmark` is not a mapping".to_owned()),
        None => top,
    };
    for (key, value) in body {
        part(&mut flags, &key, value)?;
    }
    Ok(flags)
}

fn part(flags: &mut Vec<Flag>, key: &str, value: Value) -> Result<(), String> {
    match (key, value) {
        ("models" | "model", Value::Object(models)) => self::models(flags, models),
        ("models" | "model", names) => put(flags, "--model", key, names),
        ("dataset", value) => walk(flags, "datasets", value),
        ("datasets", Value::Array(mut list)) if list.len() == 1 => walk(flags, "datasets", list.remove(0)),
        ("datasets", Value::Array(list)) => {
            Err(format!("`datasets` has {} entries; only one is supported", list.len()))
        }
        ("phases", Value::Array(list)) if are_several(&list) => {
            flags.push(Flag { name: "--phases", values: vec![Value::Array(list).to_string()] });
            Ok(())
        }
        ("phases", Value::Array(list)) => list.into_iter().try_for_each(|phase| {
            let name = phase
                .get("kind")
                .or_else(|| phase.get("name"))
                .and_then(Value::as_str)
                .unwrap_or("profiling");
            let name = name.to_owned();
            self::phase(flags, &name, phase)
        }),
        ("phases", Value::Object(phases)) if phases.values().all(Value::is_object) => {
            let named = phases.into_iter().map(|(name, mut phase)| {
                if let Some(fields) = phase.as_object_mut() {
                    fields.entry("name").or_insert_with(|| Value::from(name));
                }
                phase
            });
            part(flags, key, Value::Array(named.collect()))
        }
        ("phases", phase) => self::phase(flags, "profiling", phase),
        ("warmup" | "profiling", phase) => self::phase(flags, key, phase),
        ("slos", Value::Object(objectives)) => {
            let pairs = objectives.iter().map(|(tag, limit)| format!("{tag}:{limit}")).collect::<Vec<_>>();
            flags.push(Flag { name: "--goodput", values: vec![pairs.join(" ")] });
            Ok(())
        }
        (_, value) => walk(flags, key, value),
    }
}

/// Whether the phases are more than one warmup and one measured phase, which have flags of their own.
fn are_several(phases: &[Value]) -> bool {
    let text = |phase: &Value, key: &str| phase.get(key).and_then(Value::as_str).map(str::to_owned);
    let kinds = phases.iter().map(|phase| text(phase, "kind").or_else(|| text(phase, "name")));
    let mut kinds = kinds.map(|kind| kind.unwrap_or_else(|| "profiling".to_owned())).collect::<Vec<_>>();
    let count = kinds.len();
    let is_known = kinds.iter().all(|kind| ["warmup", "profiling"].contains(&kind.as_str()));
    kinds.sort_unstable();
    kinds.dedup();
    let is_special = |phase: &Value| {
        ["seamless", "exclude_from_results"].iter().any(|key| phase.get(*key) == Some(&Value::Bool(true)))
    };
    !is_known || kinds.len() < count || phases.iter().any(is_special)
}

/// Converts the warmup or the measured phase to flags.
fn phase(flags: &mut Vec<Flag>, name: &str, phase: Value) -> Result<(), String> {
    if !matches!(name, "warmup" | "profiling") {
        return Err(format!("phase `{name}` is not known; known phases: warmup, profiling"));
    }
    let Value::Object(phase) = phase else { return Err(format!("phase `{name}` is not a mapping")) };
    for (key, value) in phase {
        match (key.as_str(), &value) {
            ("name" | "kind", _) => {}
            ("type", Value::String(kind)) if kind == "concurrency" => {}
            ("type", Value::String(kind)) if kind == "fixed_schedule" => {
                flags.push(Flag { name: "--fixed-schedule", values: Vec::new() });
            }
            ("type", _) if name == "warmup" => {
                put(flags, "--warmup-arrival-pattern", "phases.warmup.type", value)?
            }
            ("type", _) => put(flags, "--arrival-pattern", "phases.profiling.type", value)?,
            _ => walk(flags, &format!("phases.{name}.{key}"), value)?,
        }
    }
    Ok(())
}

fn models(flags: &mut Vec<Flag>, mut models: Map<String, Value>) -> Result<(), String> {
    if let Some(strategy) = models.remove("strategy") {
        put(flags, "--model-selection-strategy", "models.strategy", strategy)?;
    }
    let Some(Value::Array(items)) = models.remove("items") else {
        return Err("`models` has no `items`".to_owned());
    };
    for item in &items {
        let name = item.as_str().or_else(|| item.get("name").and_then(Value::as_str));
        let Some(name) = name else { return Err("an item of `models` has no `name`".to_owned()) };
        flags.push(Flag { name: "--model", values: vec![name.to_owned()] });
        if let Some(weight) = item.get("weight") {
            put(flags, "--model-weights", "models.items.weight", weight.clone())?;
        }
    }
    Ok(())
}

fn walk(flags: &mut Vec<Flag>, path: &str, value: Value) -> Result<(), String> {
    if let Some((_, name)) = PATHS.iter().find(|(known, _)| *known == path) {
        return put(flags, name, path, value);
    }
    match value {
        Value::Object(map) => {
            map.into_iter().try_for_each(|(key, value)| walk(flags, &format!("{path}.{key}"), value))
        }
        Value::String(kind) if path == "datasets.type" && DATASET_TYPES.contains(&kind.as_str()) => Ok(()),
        Value::Bool(true) if path == "gpu_telemetry.enabled" || path == "server_metrics.enabled" => Ok(()),
        Value::Bool(false) if path == "gpu_telemetry.enabled" => switch(flags, "--no-gpu-telemetry"),
        Value::Bool(false) if path == "server_metrics.enabled" => switch(flags, "--no-server-metrics"),
        Value::Null => Ok(()),
        _ => Err(format!("`{path}` is not known, or has no corresponding flag")),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "its callers' arms are results")]
fn switch(flags: &mut Vec<Flag>, name: &'static str) -> Result<(), String> {
    flags.push(Flag { name, values: Vec::new() });
    Ok(())
}

fn put(flags: &mut Vec<Flag>, name: &'static str, path: &str, value: Value) -> Result<(), String> {
    let values = match value {
        Value::Null | Value::Bool(false) => return Ok(()),
        Value::Bool(true) => Vec::new(),
        Value::Object(map) if name == "--extra-inputs" => vec![Value::Object(map).to_string()],
        Value::Object(map) if name == "--header" => map
            .iter()
            .map(|(key, value)| scalar(path, value).map(|value| format!("{key}:{value}")))
            .collect::<Result<_, _>>()?,
        Value::Object(mut map) => {
            // A distribution: its mean sets the flag, its standard deviation sets the flag's counterpart.
            if let Some(spread) = map.remove("stddev") {
                let Some((_, sister)) = SPREADS.iter().find(|(mean, _)| *mean == name) else {
                    return Err(format!("`{path}` cannot have a standard deviation"));
                };
                put(flags, sister, path, spread)?;
            }
            let Some(mean) = map.remove("mean").or_else(|| map.remove("value")).filter(|_| map.is_empty())
            else {
                return Err(format!("`{path}`: only a number or {{mean, stddev}} is supported"));
            };
            vec![scalar(path, &mean)?]
        }
        Value::Array(items) => items.iter().map(|item| scalar(path, item)).collect::<Result<_, _>>()?,
        other => vec![scalar(path, &other)?],
    };
    flags.push(Flag { name, values });
    Ok(())
}

fn scalar(path: &str, value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        _ => Err(format!("`{path}` is not a string, number or boolean")),
    }
}

/// Replaces `${NAME}` and `${NAME:default}`.
fn with_environment(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((inside, after)) = after.split_once('}') else {
            return Err("`${` has no closing `}`".to_owned());
        };
        let (name, default) =
            inside.split_once(':').map_or((inside, None), |(name, default)| (name, Some(default)));
        let value = variable(name).or_else(|| default.map(str::to_owned));
        let Some(value) = value else { return Err(format!("`${{{name}}}` is not set in the environment")) };
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

const UNSUPPORTED_KEYS: &[(&str, &str)] = &[
    ("sweep", "one command measures one load; run it once for each value"),
    ("plot", "plots are not supported; `aiperf plot DIR` plots the artifact directory of a run"),
    ("variables", "write the values out, or set them in the environment and use ${NAME}"),
    ("no_sweep_table", "sweeps are not supported"),
];
const DATASET_TYPES: [&str; 3] = ["synthetic", "file", "public"];
const SPREADS: &[(&str, &str)] = &[
    ("--isl", "--isl-stddev"),
    ("--osl", "--osl-stddev"),
    ("--conversation-turn-mean", "--conversation-turn-stddev"),
    ("--conversation-turn-delay-mean", "--conversation-turn-delay-stddev"),
    ("--image-width-mean", "--image-width-stddev"),
    ("--image-height-mean", "--image-height-stddev"),
    ("--audio-length-mean", "--audio-length-stddev"),
    ("--rankings-passages-mean", "--rankings-passages-stddev"),
    ("--rankings-passages-prompt-token-mean", "--rankings-passages-prompt-token-stddev"),
    ("--rankings-query-prompt-token-mean", "--rankings-query-prompt-token-stddev"),
];
const PATHS: &[(&str, &str)] = &[
    ("random_seed", "--random-seed"),
    ("endpoint.url", "--url"),
    ("endpoint.urls", "--url"),
    ("endpoint.url_strategy", "--url-strategy"),
    ("endpoint.type", "--endpoint-type"),
    ("endpoint.path", "--endpoint"),
    ("endpoint.api_key", "--api-key"),
    ("endpoint.timeout", "--request-timeout-seconds"),
    ("endpoint.streaming", "--streaming"),
    ("endpoint.transport", "--transport"),
    ("endpoint.connection_reuse", "--connection-reuse-strategy"),
    ("endpoint.use_legacy_max_tokens", "--use-legacy-max-tokens"),
    ("endpoint.use_server_token_count", "--use-server-token-count"),
    ("endpoint.per_chunk_usage", "--per-chunk-usage"),
    ("endpoint.headers", "--header"),
    ("endpoint.extra", "--extra-inputs"),
    ("endpoint.download_video_content", "--download-video-content"),
    ("endpoint.request_content_type", "--request-content-type"),
    ("endpoint.session_header", "--session-header"),
    ("endpoint.uuid_and_strip", "--uuid-and-strip"),
    ("endpoint.wait_for_model_timeout", "--wait-for-model-timeout"),
    ("endpoint.wait_for_model_mode", "--wait-for-model-mode"),
    ("endpoint.wait_for_model_interval", "--wait-for-model-interval"),
    ("tokenizer.name", "--tokenizer"),
    ("tokenizer.revision", "--tokenizer-revision"),
    ("tokenizer.apply_chat_template", "--apply-chat-template"),
    ("datasets.entries", "--num-dataset-entries"),
    ("datasets.path", "--input-file"),
    ("datasets.format", "--custom-dataset-type"),
    ("datasets.dataset", "--public-dataset"),
    ("datasets.filters", "--dataset-filter"),
    ("datasets.sampling", "--dataset-sampling-strategy"),
    ("datasets.osl", "--osl"),
    ("datasets.block_size", "--isl-block-size"),
    ("datasets.system_prompt", "--system-prompt"),
    ("datasets.system_prompt_file", "--system-prompt-file"),
    ("datasets.prompts.isl", "--isl"),
    ("datasets.prompts.osl", "--osl"),
    ("datasets.prompts.block_size", "--isl-block-size"),
    ("datasets.prompts.batch_size", "--prompt-batch-size"),
    ("datasets.prompts.corpus", "--prompt-corpus"),
    ("datasets.prompts.cache_bust.target", "--cache-bust"),
    ("datasets.prompts.random_range_ratio", "--random-range-ratio"),
    ("datasets.prompts.random_corpus_style", "--random-corpus-style"),
    ("datasets.prefix_prompts.pool_size", "--prompt-prefix-pool-size"),
    ("datasets.prefix_prompts.length", "--prompt-prefix-length"),
    ("datasets.prefix_prompts.shared_system_length", "--shared-system-prompt-length"),
    ("datasets.prefix_prompts.user_context_length", "--user-context-prompt-length"),
    ("datasets.turns", "--conversation-turn-mean"),
    ("datasets.turn_delay", "--conversation-turn-delay-mean"),
    ("datasets.turn_delay_ratio", "--conversation-turn-delay-ratio"),
    ("datasets.images.batch_size", "--image-batch-size"),
    ("datasets.images.width", "--image-width-mean"),
    ("datasets.images.height", "--image-height-mean"),
    ("datasets.images.format", "--image-format"),
    ("datasets.images.source", "--image-source"),
    ("datasets.images.source_sampling", "--image-source-sampling"),
    ("datasets.audio.batch_size", "--audio-batch-size"),
    ("datasets.audio.length", "--audio-length-mean"),
    ("datasets.audio.format", "--audio-format"),
    ("datasets.audio.sample_rates", "--audio-sample-rates"),
    ("datasets.audio.depths", "--audio-depths"),
    ("datasets.audio.channels", "--audio-num-channels"),
    ("datasets.rankings.passages", "--rankings-passages-mean"),
    ("datasets.rankings.passage_tokens", "--rankings-passages-prompt-token-mean"),
    ("datasets.rankings.query_tokens", "--rankings-query-prompt-token-mean"),
    ("datasets.synthesis.speedup_ratio", "--synthesis-speedup-ratio"),
    ("datasets.synthesis.prefix_len_multiplier", "--synthesis-prefix-len-multiplier"),
    ("datasets.synthesis.prefix_root_multiplier", "--synthesis-prefix-root-multiplier"),
    ("datasets.synthesis.prompt_len_multiplier", "--synthesis-prompt-len-multiplier"),
    ("datasets.synthesis.output_len_multiplier", "--synthesis-output-len-multiplier"),
    ("datasets.synthesis.max_isl", "--synthesis-max-isl"),
    ("datasets.synthesis.max_osl", "--synthesis-max-osl"),
    ("phases.profiling.requests", "--request-count"),
    ("phases.profiling.duration", "--benchmark-duration"),
    ("phases.profiling.sessions", "--conversation-num"),
    ("phases.profiling.concurrency", "--concurrency"),
    ("phases.profiling.concurrency_ramp", "--concurrency-ramp-duration"),
    ("phases.profiling.concurrency_ramp.duration", "--concurrency-ramp-duration"),
    ("phases.profiling.prefill_concurrency", "--prefill-concurrency"),
    ("phases.profiling.rate", "--request-rate"),
    ("phases.profiling.rate_series.path", "--request-rate-series"),
    ("phases.profiling.smoothness", "--arrival-smoothness"),
    ("phases.profiling.users", "--num-users"),
    ("phases.profiling.auto_offset", "--fixed-schedule-auto-offset"),
    ("phases.profiling.start_offset", "--fixed-schedule-start-offset"),
    ("phases.profiling.end_offset", "--fixed-schedule-end-offset"),
    ("phases.profiling.grace_period", "--benchmark-grace-period"),
    ("phases.profiling.cancellation.rate", "--request-cancellation-rate"),
    ("phases.profiling.cancellation.delay", "--request-cancellation-delay"),
    ("phases.profiling.failed_request_threshold", "--failed-request-threshold"),
    ("phases.warmup.requests", "--warmup-request-count"),
    ("phases.warmup.duration", "--warmup-duration"),
    ("phases.warmup.sessions", "--num-warmup-sessions"),
    ("phases.warmup.concurrency", "--warmup-concurrency"),
    ("phases.warmup.prefill_concurrency", "--warmup-prefill-concurrency"),
    ("phases.warmup.rate", "--warmup-request-rate"),
    ("phases.warmup.grace_period", "--warmup-grace-period"),
    ("artifacts.dir", "--artifact-dir"),
    ("artifacts.prefix", "--profile-export-prefix"),
    ("artifacts.slice_duration", "--slice-duration"),
    ("artifacts.show_trace_timing", "--show-trace-timing"),
    ("artifacts.trace", "--export-http-trace"),
    ("artifacts.export_outputs_json", "--export-outputs-json"),
    ("network_latency.enabled", "--network-latency-automatic"),
    ("network_latency.ping_interval", "--network-latency-ping-interval"),
    ("network_latency.mean_ms", "--network-latency-mean"),
    ("multi_run.num_runs", "--num-profile-runs"),
    ("multi_run.cooldown_seconds", "--profile-run-cooldown-seconds"),
    ("multi_run.confidence_level", "--confidence-level"),
    ("multi_run.convergence.metric", "--convergence-metric"),
    ("multi_run.convergence.stat", "--convergence-stat"),
    ("multi_run.convergence.mode", "--convergence-mode"),
    ("multi_run.convergence.threshold", "--convergence-threshold"),
    ("gpu_telemetry.collector", "--gpu-telemetry"),
    ("gpu_telemetry.metrics_file", "--gpu-telemetry"),
    ("gpu_telemetry.urls", "--gpu-telemetry"),
    ("server_metrics.urls", "--server-metrics"),
    ("server_metrics.formats", "--server-metrics-formats"),
    ("otel.metrics_url", "--otel-url"),
    ("mlflow.tracking_uri", "--mlflow-tracking-uri"),
    ("mlflow.experiment", "--mlflow-experiment"),
    ("mlflow.run_name", "--mlflow-run-name"),
    ("mlflow.parent_run_id", "--mlflow-parent-run-id"),
    ("otel.gen_ai_provider", "--gen-ai-provider"),
    ("runtime.ui", "--ui"),
    ("runtime.workers", "--workers"),
    ("logging.level", "--log-level"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<String, String> {
        let variable = |name: &str| (name == "KEY").then(|| "k".to_owned());
        let flags = flags(text, variable)?;
        Ok(flags.into_iter().flat_map(Flag::words).collect::<Vec<_>>().join(" "))
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).as_deref(), Ok(expected), "{text}");
    }

    fn check_refused(text: &str, expected: &str) {
        let why = words(text).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
    }

    #[test]
    fn keys_become_flags() {
        check(
            "benchmark:\n  models: [a, b]\n  endpoint: {type: chat, streaming: true, api_key: \"${KEY}\", extra: {min_tokens: 3}}\n  \
             datasets:\n  - {type: synthetic, entries: 7, prompts: {isl: {mean: 100, stddev: 5}, osl: 9}}\n  phases:\n  - {name: \
             warmup, type: concurrency, requests: 2}\n  - {name: profiling, type: poisson, rate: 2.5, duration: 10}\nrandom_seed: 4\n",
            "--random-seed=4 --model=a --model=b --endpoint-type=chat --streaming --api-key=k --extra-inputs={\"min_tokens\":3} \
             --num-dataset-entries=7 --isl-stddev=5 --isl=100 --osl=9 --warmup-request-count=2 --arrival-pattern=poisson \
             --request-rate=2.5 --benchmark-duration=10",
        );
        check("model: m\nprofiling: {concurrency: 3}\n", "--model=m --concurrency=3");
        check(
            "phases:\n  cold: {kind: warmup, requests: 3}\n  steady: {kind: profiling, requests: 9, seamless: true}\n",
            "--phases=[{\"kind\":\"warmup\",\"requests\":3,\"name\":\"cold\"},{\"kind\":\"profiling\",\"requests\":9,\"seamless\":true,\
             \"name\":\"steady\"}]",
        );
        check("model: ${NONE:d}\n", "--model=d");
        check(
            "benchmark: {model: m}\nmulti_run: {num_runs: 5, convergence: {metric: request_latency, threshold: 0.2}}\n",
            "--num-profile-runs=5 --convergence-metric=request_latency --convergence-threshold=0.2 --model=m",
        );
    }

    #[test]
    fn what_has_no_flag_is_refused_by_name() {
        check_refused("model: ${NONE}\n", "`${NONE}` is not set in the environment");
        check_refused("sweep: {}\n", "`sweep` is not supported");
        check_refused("model: m\nendpoint: {colour: 3}\n", "`endpoint.colour` is not known");
        check_refused("model: [", "not valid YAML");
    }
}
