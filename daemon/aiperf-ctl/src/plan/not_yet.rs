//! Flags that are understood but do nothing yet: a run with one is refused, so that none is silently ignored.

use super::Refusal;
use std::collections::BTreeSet;

/// Whether a flag, by its first long name, is understood but does nothing yet.
pub(crate) fn is_not_yet(flag: &str) -> bool {
    NOT_YET.iter().any(|(_, flags)| flags.contains(&flag))
}

/// Names those of the given flags that do nothing yet.
pub(crate) fn check(given: &BTreeSet<String>) -> Result<(), Refusal> {
    let not_yet =
        given.iter().filter(|flag| is_not_yet(flag)).map(|flag| format!("--{flag}")).collect::<Vec<_>>();
    if not_yet.is_empty() {
        return Ok(());
    }
    Err(Refusal(format!("{}: not offered yet; leave it out", not_yet.join(", "))))
}

/// By subject.
const NOT_YET: &[(&str, &[&str])] = &[
    ("connections", &["model-selection-strategy", "model-weights"]),
    (
        "endpoint",
        &[
            "wait-for-model-timeout",
            "wait-for-model-mode",
            "wait-for-model-interval",
            "reset-kv-cache",
            "reset-kv-cache-timeout-seconds",
            "reset-kv-cache-path",
            "server-profiler",
            "server-profiler-timeout-seconds",
            "server-profiler-start-path",
            "server-profiler-stop-path",
            "per-chunk-usage",
            "download-video-content",
            "request-content-type",
            "uuid-and-strip",
        ],
    ),
    ("tokenizer", &["apply-chat-template", "tokenizer-revision"]),
    (
        "datasets",
        &[
            "public-dataset",
            "dataset-path",
            "dataset-filter",
            "ignore-trace-delays",
            "trace-session-sample-ratio",
            "inter-turn-delay-cap-seconds",
            "max-idle-gap-cap-seconds",
            "replay-speedup",
            "open-loop-replay",
            "no-open-loop-replay",
            "open-loop-strict",
            "omit-kv-hints",
            "force-min-tokens",
            "no-force-min-tokens",
            "prompt-input-tokens-block-size",
            "synthesis-speedup-ratio",
            "synthesis-prefix-len-multiplier",
            "synthesis-prefix-root-multiplier",
            "synthesis-prompt-len-multiplier",
            "synthesis-output-len-multiplier",
            "synthesis-max-isl",
            "synthesis-max-osl",
        ],
    ),
    (
        "made-up prompts",
        &[
            "conversation-turn-mean",
            "conversation-turn-stddev",
            "conversation-turn-delay-mean",
            "conversation-turn-delay-stddev",
            "conversation-turn-delay-ratio",
            "seq-dist",
            "random-range-ratio",
            "random-corpus-style",
            "prompt-batch-size",
            "prompt-corpus",
            "cache-bust",
            "system-prompt",
            "system-prompt-file",
            "prompt-prefix-pool-size",
            "prompt-prefix-length",
            "shared-system-prompt-length",
            "user-context-prompt-length",
        ],
    ),
    (
        "made-up media",
        &[
            "audio-batch-size",
            "audio-length-mean",
            "audio-length-stddev",
            "audio-format",
            "audio-depths",
            "audio-sample-rates",
            "audio-num-channels",
            "image-width-mean",
            "image-width-stddev",
            "image-height-mean",
            "image-height-stddev",
            "image-batch-size",
            "image-format",
            "image-source",
            "image-source-sampling",
            "video-batch-size",
            "video-duration",
            "video-fps",
            "video-width",
            "video-height",
            "video-synth-type",
            "video-format",
            "video-codec",
            "video-audio-sample-rate",
            "video-audio-num-channels",
            "video-audio-codec",
            "video-audio-depth",
            "rankings-passages-mean",
            "rankings-passages-stddev",
            "rankings-passages-prompt-token-mean",
            "rankings-passages-prompt-token-stddev",
            "rankings-query-prompt-token-mean",
            "rankings-query-prompt-token-stddev",
        ],
    ),
    (
        "telemetry",
        &[
            "otel-url",
            "stream",
            "otel-resource-attributes",
            "gen-ai-provider",
            "mlflow-tracking-uri",
            "mlflow-experiment",
            "mlflow-run-name",
            "mlflow-tag",
            "mlflow-parent-run-id",
            "mlflow-artifact-glob",
            "gpu-telemetry",
            "server-metrics",
            "server-metrics-formats",
            "network-latency-automatic",
            "network-latency-mean",
            "network-latency-ping-interval",
        ],
    ),
    ("programs", &["log-level", "verbose", "extra-verbose"]),
];
