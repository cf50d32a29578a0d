//! Says what is wrong with a plan in the words with which the user set it: a flag, or a key of a configuration file.

use super::Refusal;
use crate::args::ProfileArgs;
use spec::{Fault, Phase};

/// The refusal of a plan with this fault.
pub(crate) fn refusal(args: &ProfileArgs, phases: &[Phase], fault: &Fault) -> Refusal {
    let of_phase = fault.path.strip_prefix("load.phases[").and_then(|rest| rest.split_once("]."));
    let phase = of_phase.and_then(|(place, field)| Some((phases.get(place.parse::<usize>().ok()?)?, field)));
    let name = match phase {
        Some((phase, field)) => of_field(args, phase, field),
        None => PLACES.iter().find(|(place, _)| is_at(&fault.path, place)).map(|(_, flag)| named(args, flag)),
    };
    let text = name.map_or_else(|| fault.to_string(), |name| format!("{name}: {}", fault.why));
    Refusal(args.in_their_words(&text))
}

/// What the user calls a field of a phase.
fn of_field(args: &ProfileArgs, phase: &Phase, field: &str) -> Option<String> {
    let (_, key, flag, warmup_flag) = FIELDS.iter().find(|(known, ..)| is_at(field, known))?;
    let flag = if phase.is_warmup { warmup_flag } else { flag };
    let is_listed = args.load.phases.is_some() || args.load.base_phases.is_some();
    let is_of_list = flag.is_empty() || (is_listed && !args.given.contains_key(*flag));
    Some(if is_of_list { format!("phase `{}`: `{key}`", phase.name) } else { named(args, flag) })
}

/// Whether a path is this place, or below it.
fn is_at(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// A flag as the user wrote it.
fn named(args: &ProfileArgs, flag: &str) -> String {
    args.given.get(flag).cloned().unwrap_or_else(|| format!("--{flag}"))
}

/// Places of a plan that flags set, the first that fits.
const PLACES: &[(&str, &str)] = &[
    ("endpoint.extra_inputs", "extra-inputs"),
    ("endpoint.header_names", "header"),
    ("endpoint.kind", "endpoint-type"),
    ("endpoint.models", "model"),
    ("endpoint.path", "endpoint"),
    ("endpoint.request_timeout_seconds", "request-timeout-seconds"),
    ("endpoint.session_header", "session-header"),
    ("endpoint.urls", "url"),
    ("gpu", "gpu-telemetry"),
    ("input.change.system_prompt", "system-prompt"),
    ("input.entries", "num-dataset-entries"),
    ("input.input_tokens", "prompt-input-tokens-mean"),
    ("input.made.audios", "audio-length-mean"),
    ("input.made.images", "image-width-mean"),
    ("input.made.pairs", "seq-dist"),
    ("input.made.system_prompt", "system-prompt"),
    ("input.made.turn_delay_ms", "conversation-turn-delay-mean"),
    ("input.made.turns", "conversation-turn-mean"),
    ("input.name", "input-file"),
    ("input.output_tokens", "prompt-output-tokens-mean"),
    ("load.failed_request_threshold", "failed-request-threshold"),
    ("load.phases", "phases"),
    ("observers.gpu_exporters", "gpu-telemetry"),
    ("observers.network_latency", "network-latency-ping-interval"),
    ("observers.profiler", "server-profiler"),
    ("observers.server_metrics", "server-metrics"),
    ("observers.stream.mlflow", "mlflow-tracking-uri"),
    ("observers.stream.otlp", "otel-url"),
    ("observers.stream.provider", "gen-ai-provider"),
    ("output.artifact_dir", "artifact-dir"),
    ("output.export_prefix", "profile-export-prefix"),
    ("output.goodput", "goodput"),
    ("output.slice_duration_seconds", "slice-duration"),
    ("preparation.reset_kv_cache", "reset-kv-cache"),
    ("preparation.wait_for_model", "wait-for-model-timeout"),
    ("tokenizer.name", "tokenizer"),
    ("workers.cpus", "cpus"),
    ("workers", "workers"),
];

/// The fields of a phase: in the plan, as keys of AIPerf's configuration, as flags, and as flags of a warm-up.
pub(crate) const FIELDS: &[(&str, &str, &str, &str)] = &[
    ("name", "name", "", ""),
    ("is_warmup", "kind", "", ""),
    ("shape", "type", "arrival-pattern", "warmup-arrival-pattern"),
    ("request_rate", "rate", "request-rate", "warmup-request-rate"),
    (
        "request_rate_ramp_seconds",
        "rate_ramp",
        "request-rate-ramp-duration",
        "warmup-request-rate-ramp-duration",
    ),
    ("request_rate_series", "rate_series", "request-rate-series", ""),
    ("arrival_smoothness", "smoothness", "arrival-smoothness", ""),
    ("concurrency", "concurrency", "concurrency", "warmup-concurrency"),
    ("concurrency_ramp", "concurrency_ramp", "concurrency-ramp-duration", "warmup-concurrency-ramp-duration"),
    ("prefill_concurrency", "prefill_concurrency", "prefill-concurrency", "warmup-prefill-concurrency"),
    (
        "prefill_concurrency_ramp",
        "prefill_ramp",
        "prefill-concurrency-ramp-duration",
        "warmup-prefill-concurrency-ramp-duration",
    ),
    ("users", "users", "num-users", ""),
    ("request_count", "requests", "request-count", "warmup-request-count"),
    ("session_count", "sessions", "conversation-num", "num-warmup-sessions"),
    ("duration_seconds", "duration", "benchmark-duration", "warmup-duration"),
    ("grace_period_seconds", "grace_period", "benchmark-grace-period", "warmup-grace-period"),
    ("cancellation.rate_percent", "cancellation", "request-cancellation-rate", ""),
    ("cancellation.delay_seconds", "cancellation", "request-cancellation-delay", ""),
    ("is_seamless", "seamless", "", ""),
    ("adaptive_scale.completed_min", "adaptive_min_completed_requests", "", ""),
    ("adaptive_scale.control", "adaptive_control_variable", "", ""),
    ("adaptive_scale.limits", "sla", "", ""),
    ("adaptive_scale.max", "adaptive_control_max", "", ""),
    ("adaptive_scale.min", "adaptive_control_min", "", ""),
    ("adaptive_scale.step", "adaptive_scale_step_policy", "", ""),
    ("adaptive_scale.sustain_seconds", "adaptive_sustain_duration", "", ""),
    ("adaptive_scale.window_seconds", "adaptive_assessment_period", "", ""),
];

#[cfg(test)]
mod tests {
    use super::super::testing::profile_of;

    #[track_caller]
    fn check(flags: &str, expected: &str) {
        let refused = profile_of(flags).map(|_| ()).expect_err(flags);
        assert!(refused.contains(expected), "{flags}: {refused}");
    }

    #[test]
    fn faults_are_named_by_the_users_own_flags() {
        check("--model a\nb", "--model: control characters are no part of a name");
        check("--model m --artifact-dir a\u{7}", "--artifact-dir: control characters");
        check("--model m --request-timeout-seconds 1e16", "--request-timeout-seconds: 1e+16 is not between");
        check(
            "--model m --num-sessions 2 --user-centric-rate 5 --num-users 3 --session-turns-mean 2",
            "--num-sessions: is less",
        );
        check("--model m --request-rate 1e16", "--request-rate: 1e+16 is not between 0 and");
    }
}
