//! Defines in which runs each flag has an effect. A flag without effect is never ignored silently: it is an error or, where
//! scripts written for NVIDIA AIPerf may use it because AIPerf accepts it, a warning.

use super::{Planned, refuse};
use crate::args::ProfileArgs;
use endpoint::Metadata;
use spec::DatasetFormat;
use std::path::Path;

/// Refuses flags that contradict the run; returns warnings about flags without effect.
pub(super) fn check(args: &ProfileArgs) -> Planned<Vec<String>> {
    let run = Run::of(args);
    let mut warnings = Vec::new();
    for rule in RULES {
        let given = rule.flags.iter().find_map(|flag| args.given.get(*flag));
        let Some(flag) = given.filter(|_| !(rule.works)(&run)) else { continue };
        match rule.otherwise {
            Refused(why) => return refuse(format!("{flag} {}", run.filled(why))),
            Warned(why) => warnings.push(format!("{flag} has no effect: {}", run.filled(why))),
        }
    }
    Ok(warnings)
}

/// The properties of a run that decide which flags have an effect.
struct Run<'a> {
    args: &'a ProfileArgs,
    endpoint: Option<&'static Metadata>,
    /// The format of the user's file, or `auto`.
    format: &'a str,
}

/// A condition for flags to have an effect.
struct Rule {
    works: fn(&Run<'_>) -> bool,
    otherwise: Otherwise,
    /// The flags' first names.
    flags: &'static [&'static str],
}

/// What happens when a flag without effect is given.
enum Otherwise {
    Refused(&'static str),
    Warned(&'static str),
}
use Otherwise::{Refused, Warned};

impl<'a> Run<'a> {
    fn of(args: &'a ProfileArgs) -> Self {
        let endpoint = endpoint::by_name(&args.endpoint.endpoint_type).map(endpoint::Endpoint::metadata);
        Self { args, endpoint, format: super::input::format(args) }
    }

    fn has(&self, flag: &str) -> bool {
        self.args.given.contains_key(flag)
    }

    fn is_synthetic(&self) -> bool {
        self.args.input.is_synthetic()
    }

    /// Whether the file is, or may be, in one of these formats.
    fn is_file_of(&self, formats: &[&str]) -> bool {
        self.args.input.has_file() && (formats.contains(&self.format) || self.format == "auto")
    }

    /// Whether the file has lengths in place of texts, or may have.
    fn has_lengths(&self) -> bool {
        let known = DatasetFormat::named(self.format);
        self.args.input.has_file()
            && (known.is_some_and(|format| format.has_lengths) || self.format == "auto")
    }

    fn is_pool(&self) -> bool {
        self.args.input.has_file() && self.format == "random_pool"
    }

    fn is(&self, what: impl Fn(&Metadata) -> bool) -> bool {
        self.endpoint.is_none_or(what)
    }

    /// Whether a configuration file sets a distribution in the place of this flag.
    fn is_drawn(&self, flag: &str) -> bool {
        self.args.input.distributions.iter().any(|(name, _)| name == flag)
    }

    fn has_rate(&self) -> bool {
        self.has("request-rate") || self.has("request-rate-series") || self.has("user-centric-rate")
    }

    fn warms_up(&self) -> bool {
        ["warmup-request-count", "warmup-duration", "num-warmup-sessions"].iter().any(|flag| self.has(flag))
    }

    fn has_images(&self) -> bool {
        self.is_synthetic() && super::input::shapes_images(self.args)
    }

    fn has_audio(&self) -> bool {
        self.is_synthetic()
            && (self.args.audio.audio_length_mean.is_some_and(|mean| mean > 0.0)
                || self.is_drawn("audio-length-mean"))
    }

    fn has_video(&self) -> bool {
        self.is_synthetic() && self.args.video.video_width.is_some()
    }

    fn ranks(&self) -> bool {
        self.is_synthetic() && self.args.endpoint.endpoint_type.ends_with("_rankings")
    }

    /// A reason with its placeholders replaced by this run's values.
    fn filled(&self, why: &str) -> String {
        let input =
            if self.args.input.public_dataset.is_some() { "--public-dataset" } else { "--input-file" };
        let endpoint = &self.args.endpoint.endpoint_type;
        why.replace("{input}", input).replace("{endpoint}", endpoint).replace("{format}", self.format)
    }
}

/// Whether a file's extension means that it is a table of recorded completions.
pub(super) fn is_columnar(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ["parquet", "arrow", "ipc"].iter().any(|known| ending == *known))
}

const SYNTHETIC_ONLY: &str = "is for synthetic prompts and contradicts {input}: leave one of them out";
const NO_TEXT: &str = "is for text, which {endpoint} requests do not contain";

/// Every flag that does not have an effect in all runs.
const RULES: &[Rule] = &[
    // Plots.
    Rule {
        works: |run| (run.has("auto-plot") || run.args.output.plot.is_some()) && !run.has("no-auto-plot"),
        otherwise: Warned("nothing is plotted without --auto-plot"),
        flags: &["plot-required"],
    },
    // Synthetic prompts and media.
    Rule {
        works: |run| run.is_synthetic(),
        otherwise: Refused(SYNTHETIC_ONLY),
        flags: &[
            "prompt-input-tokens-mean",
            "prompt-input-tokens-stddev",
            "seq-dist",
            "random-range-ratio",
            "random-corpus-style",
            "shared-system-prompt-length",
            "user-context-prompt-length",
            "prompt-prefix-pool-size",
            "prompt-prefix-length",
            "conversation-turn-mean",
            "conversation-turn-stddev",
            "conversation-turn-delay-mean",
            "conversation-turn-delay-stddev",
            "image-source",
            "image-source-sampling",
        ],
    },
    Rule {
        works: |run| run.is_synthetic() || run.is_pool(),
        otherwise: Refused(
            "is for synthetic prompts and for --custom-dataset-type random_pool, and contradicts {input}: \
             leave one of them out",
        ),
        flags: &["prompt-batch-size", "image-batch-size", "audio-batch-size", "video-batch-size"],
    },
    Rule {
        works: |run| run.is_synthetic(),
        otherwise: Warned("the contents of requests are read from {input}"),
        flags: &[
            "image-width-mean",
            "image-width-stddev",
            "image-height-mean",
            "image-height-stddev",
            "audio-length-mean",
            "audio-length-stddev",
            "video-width",
            "video-height",
        ],
    },
    Rule {
        works: |run| run.has_images(),
        otherwise: Warned("no synthetic images are sent; they need a flag such as --image-width-mean"),
        flags: &["image-format"],
    },
    Rule {
        works: |run| run.has_audio() || run.is_pool(),
        otherwise: Warned("no synthetic audio is sent; it needs --audio-length-mean"),
        flags: &[
            "audio-batch-size",
            "audio-format",
            "audio-depths",
            "audio-sample-rates",
            "audio-num-channels",
        ],
    },
    Rule {
        works: |run| run.has_video() || run.is_pool(),
        otherwise: Warned("no synthetic videos are sent; they need --video-width and --video-height"),
        flags: &[
            "video-batch-size",
            "video-duration",
            "video-fps",
            "video-synth-type",
            "video-format",
            "video-codec",
            "video-audio-num-channels",
        ],
    },
    Rule {
        works: |run| {
            run.has_video() && run.args.video.video_audio_num_channels.is_some_and(|count| count > 0)
        },
        otherwise: Warned("synthetic videos have no audio; it needs --video-audio-num-channels"),
        flags: &["video-audio-sample-rate", "video-audio-codec", "video-audio-depth"],
    },
    Rule {
        works: |run| run.ranks(),
        otherwise: Warned("no synthetic rankings are sent; they need a rankings --endpoint-type"),
        flags: &[
            "rankings-passages-mean",
            "rankings-passages-stddev",
            "rankings-passages-prompt-token-mean",
            "rankings-passages-prompt-token-stddev",
            "rankings-query-prompt-token-mean",
            "rankings-query-prompt-token-stddev",
        ],
    },
    Rule {
        works: |run| run.has("prompt-prefix-pool-size") && run.has("prompt-prefix-length"),
        otherwise: Warned("prefixes need both --prompt-prefix-pool-size and --prompt-prefix-length"),
        flags: &["prompt-prefix-pool-size", "prompt-prefix-length"],
    },
    Rule {
        works: |run| !run.is_synthetic() || run.has("random-range-ratio"),
        otherwise: Warned("it changes the meaning of --random-range-ratio, which is not given"),
        flags: &["random-corpus-style"],
    },
    Rule {
        works: |run| run.is_synthetic() || run.has_lengths(),
        otherwise: Warned("texts are read from {input}"),
        flags: &["prompt-corpus"],
    },
    Rule {
        works: |run| {
            !["image_retrieval", "audio_transcription"].contains(&run.args.endpoint.endpoint_type.as_str())
        },
        otherwise: Refused(NO_TEXT),
        flags: &[
            "prompt-input-tokens-mean",
            "prompt-input-tokens-stddev",
            "prompt-input-tokens-block-size",
            "prompt-batch-size",
            "seq-dist",
            "random-range-ratio",
            "prompt-prefix-pool-size",
            "prompt-prefix-length",
            "shared-system-prompt-length",
            "user-context-prompt-length",
            "tokenizer",
            "tokenizer-revision",
        ],
    },
    Rule {
        works: |run| run.is(|endpoint| endpoint.consumes_system_message) || run.format == "raw_payload",
        otherwise: Refused("is not supported by {endpoint} requests, which have no system prompt"),
        flags: &["system-prompt", "system-prompt-file", "shared-system-prompt-length"],
    },
    Rule {
        works: |run| run.is(|endpoint| endpoint.produces_tokens),
        otherwise: Warned("{endpoint} responses contain no tokens"),
        flags: &["prompt-output-tokens-mean", "prompt-output-tokens-stddev"],
    },
    // Rows of files and public datasets.
    Rule {
        works: |run| !run.is_synthetic(),
        otherwise: Warned("it is for rows of --input-file or --public-dataset"),
        flags: &[
            "ignore-trace-delays",
            "inter-turn-delay-cap-seconds",
            "synthesis-speedup-ratio",
            "synthesis-prefix-len-multiplier",
            "synthesis-prefix-root-multiplier",
            "synthesis-prompt-len-multiplier",
            "synthesis-output-len-multiplier",
            "synthesis-max-isl",
            "synthesis-max-osl",
        ],
    },
    Rule {
        works: |run| run.is_synthetic() || run.has_lengths() || run.args.input.public_dataset.is_some(),
        otherwise: Warned("it changes the lengths of a trace, which rows of {format} do not have"),
        flags: &[
            "synthesis-prefix-len-multiplier",
            "synthesis-prefix-root-multiplier",
            "synthesis-prompt-len-multiplier",
            "synthesis-max-isl",
        ],
    },
    Rule {
        works: |run| run.has_lengths(),
        otherwise: Refused(
            "is for the blocks of a trace: it needs --input-file with rows that have `hash_ids`",
        ),
        flags: &["prompt-input-tokens-block-size"],
    },
    Rule {
        works: |run| run.args.input.public_dataset.is_some(),
        otherwise: Refused("is for rows of --public-dataset"),
        flags: &["dataset-filter"],
    },
    Rule {
        works: |run| run.is_file_of(&["baseten_trace"]),
        otherwise: Refused("is for --input-file with --custom-dataset-type baseten_trace"),
        flags: BASETEN,
    },
    Rule {
        works: |run| run.format != "auto",
        otherwise: Warned("it is for --custom-dataset-type baseten_trace"),
        flags: BASETEN,
    },
    Rule {
        works: |run| run.format != "baseten_trace",
        otherwise: Refused(
            "contradicts baseten_trace, whose prompts are sent as recorded: see --replay-speedup",
        ),
        flags: &[
            "synthesis-speedup-ratio",
            "synthesis-prefix-len-multiplier",
            "synthesis-prefix-root-multiplier",
            "synthesis-prompt-len-multiplier",
        ],
    },
    Rule {
        works: |run| run.args.schedule.fixed_schedule,
        otherwise: Refused("needs --fixed-schedule"),
        flags: &["fixed-schedule-auto-offset", "fixed-schedule-start-offset", "fixed-schedule-end-offset"],
    },
    Rule {
        works: |run| run.args.endpoint.endpoint_type == "chat",
        otherwise: Refused("is for --endpoint-type chat"),
        flags: &["uuid-and-strip", "per-chunk-usage"],
    },
    // Requests and the server.
    Rule {
        works: |run| run.args.endpoint.use_server_token_count,
        otherwise: Refused("needs --use-server-token-count"),
        flags: &["per-chunk-usage"],
    },
    Rule {
        works: |run| run.args.endpoint.streaming,
        otherwise: Refused("needs --streaming: only streams have chunks"),
        flags: &["per-chunk-usage"],
    },
    Rule {
        works: |run| run.is(|endpoint| endpoint.supports_streaming),
        otherwise: Warned("{endpoint} does not stream"),
        flags: &["streaming"],
    },
    Rule {
        works: |run| run.args.endpoint.endpoint_type == "chat",
        otherwise: Warned("it is for --endpoint-type chat"),
        flags: &["use-legacy-max-tokens"],
    },
    Rule {
        works: |run| run.is(|endpoint| endpoint.requires_polling),
        otherwise: Warned("{endpoint} has no jobs to poll"),
        flags: &["download-video-content", "video-poll-interval"],
    },
    Rule {
        works: |run| run.args.endpoint.wait_for_model_timeout > 0.0,
        otherwise: Refused("needs --wait-for-model-timeout"),
        flags: &["wait-for-model-mode", "wait-for-model-interval"],
    },
    // When requests are sent.
    Rule {
        works: |run| {
            let most = [run.args.load.request_count, run.args.conversation.conversation_num]
                .into_iter()
                .flatten()
                .min();
            let at_once = run.args.load.concurrency.map(u64::from);
            most.zip(at_once).is_none_or(|(most, at_once)| at_once <= most)
        },
        otherwise: Warned("it exceeds --request-count or --conversation-num, so it is never reached"),
        flags: &["concurrency"],
    },
    Rule {
        works: |run| run.has_rate() || run.has("phases"),
        otherwise: Warned("it needs --request-rate"),
        flags: &["arrival-pattern"],
    },
    Rule {
        works: |run| run.has("request-rate") || run.has("user-centric-rate"),
        otherwise: Refused("needs --request-rate"),
        flags: &["request-rate-ramp-duration"],
    },
    Rule {
        works: |run| run.has("concurrency"),
        otherwise: Warned("it needs --concurrency"),
        flags: &["concurrency-ramp-duration"],
    },
    Rule {
        works: |run| run.has("prefill-concurrency"),
        otherwise: Warned("it needs --prefill-concurrency"),
        flags: &["prefill-concurrency-ramp-duration"],
    },
    Rule {
        works: |run| {
            let ramps = [
                "concurrency-ramp-duration",
                "prefill-concurrency-ramp-duration",
                "request-rate-ramp-duration",
                "warmup-concurrency-ramp-duration",
                "warmup-prefill-concurrency-ramp-duration",
                "warmup-request-rate-ramp-duration",
            ];
            ramps.iter().any(|ramp| run.has(ramp))
        },
        otherwise: Warned("there is no ramp; it needs a flag such as --concurrency-ramp-duration"),
        flags: &["ramp-strategy"],
    },
    Rule {
        works: |run| run.has("warmup-duration"),
        otherwise: Refused("needs --warmup-duration"),
        flags: &["warmup-grace-period"],
    },
    Rule {
        works: |run| run.warms_up(),
        otherwise: Warned(
            "there is no warm-up; it needs --warmup-request-count, --warmup-duration or --num-warmup-sessions",
        ),
        flags: &[
            "warmup-concurrency",
            "warmup-prefill-concurrency",
            "warmup-request-rate",
            "warmup-arrival-pattern",
            "warmup-concurrency-ramp-duration",
            "warmup-prefill-concurrency-ramp-duration",
            "warmup-request-rate-ramp-duration",
        ],
    },
    Rule {
        works: |run| !run.warms_up() || run.has("warmup-request-rate") || run.has("request-rate"),
        otherwise: Refused("needs --warmup-request-rate or --request-rate"),
        flags: &["warmup-arrival-pattern", "warmup-request-rate-ramp-duration"],
    },
    // Sweeps.
    Rule {
        works: |run| run.args.is_of_sweep,
        otherwise: Refused(
            "is for a sweep: it needs a list of values, such as --concurrency 8,16, --variant, or `sweep` in --config",
        ),
        flags: &[
            "sweep-type",
            "variant",
            "parameter-sweep-mode",
            "parameter-sweep-cooldown-seconds",
            "parameter-sweep-same-seed",
            "no-parameter-sweep-same-seed",
            "no-sweep-table",
            "restart",
        ],
    },
    // Several runs.
    Rule {
        works: |run| run.args.multi_run.num_profile_runs > 1,
        otherwise: Refused("is for several runs: it needs --num-profile-runs"),
        flags: &[
            "profile-run-cooldown-seconds",
            "profile-run-disable-warmup-after-first",
            "no-profile-run-disable-warmup-after-first",
            "set-consistent-seed",
            "no-set-consistent-seed",
            "convergence-metric",
        ],
    },
    Rule {
        works: |run| run.args.multi_run.num_profile_runs > 1,
        otherwise: Warned("it is for several runs: it needs --num-profile-runs"),
        flags: &["confidence-level"],
    },
    Rule {
        works: |run| run.has("convergence-metric"),
        otherwise: Warned("it needs --convergence-metric"),
        flags: &["convergence-stat", "convergence-mode", "convergence-threshold"],
    },
    Rule {
        works: |run| run.has("plugin"),
        otherwise: Warned("has no effect without --plugin"),
        flags: &["plugin-allow", "plugin-python", "plugin-timeout"],
    },
    // Telemetry and exporters.
    Rule {
        works: |run| run.has("otel-url"),
        otherwise: Refused("needs --otel-url"),
        flags: &["otel-resource-attributes"],
    },
    Rule {
        works: |run| run.has("otel-url") || run.has("mlflow-tracking-uri"),
        otherwise: Refused("needs --otel-url"),
        // The provider is also a tag of an MLflow run.
        flags: &["stream", "gen-ai-provider"],
    },
    Rule {
        works: |run| run.has("mlflow-tracking-uri"),
        otherwise: Refused("needs --mlflow-tracking-uri"),
        flags: &[
            "mlflow-experiment",
            "mlflow-run-name",
            "mlflow-tag",
            "mlflow-parent-run-id",
            "mlflow-artifact-glob",
        ],
    },
    Rule {
        works: |run| run.args.telemetry.network_latency_automatic,
        otherwise: Refused("needs --network-latency-automatic"),
        flags: &["network-latency-ping-interval"],
    },
    Rule {
        works: |run| !run.args.telemetry.no_server_metrics,
        otherwise: Warned("no server metrics are collected with --no-server-metrics"),
        flags: &["server-metrics-formats"],
    },
    Rule {
        works: |_| false,
        otherwise: Warned("one thread counts tokens"),
        flags: &["record-processor-service-count"],
    },
    Rule {
        works: |_| false,
        otherwise: Warned("progress is shown as it is received"),
        flags: &["stats-interval"],
    },
];

const BASETEN: &[&str] = &[
    "trace-session-sample-ratio",
    "replay-speedup",
    "max-idle-gap-cap-seconds",
    "open-loop-replay",
    "no-open-loop-replay",
    "open-loop-strict",
    "omit-kv-hints",
    "force-min-tokens",
    "no-force-min-tokens",
];

/// Flags that have an effect in every run, or are refused elsewhere when they do not.
#[cfg(test)]
const ALWAYS: &[&str] = &[
    "api-key",
    "apply-chat-template",
    "arrival-smoothness",
    "artifact-dir",
    "auto-plot",
    "benchmark-duration",
    "benchmark-grace-period",
    "bo-constraint-mode",
    "ca-certificate",
    "cache",
    "cache-bust",
    "c-max",
    "c-min",
    "concurrency-max",
    "concurrency-min",
    "concurrency-steps",
    "config",
    "connection-reuse-strategy",
    "console",
    "conversation-num",
    "conversation-turn-delay-ratio",
    "cpus",
    "custom-dataset-type",
    "dataset-path",
    "dataset-sampling-strategy",
    "degradation-metric-tag",
    "degradation-stat",
    "degradation-threshold",
    "dry-run",
    "e2e-sla-ms",
    "endpoint",
    "endpoint-type",
    "error-rate-sla",
    "export-http-trace",
    "export-level",
    "export-outputs-json",
    "extra-inputs",
    "extra-verbose",
    "fail-on",
    "failed-request-threshold",
    "fixed-schedule",
    "goodput",
    "gpu-sample-interval",
    "gpu-telemetry",
    "header",
    "input-file",
    "insecure",
    "isl-max",
    "isl-min",
    "isl-osl-pairs",
    "isl-steps",
    "itl-sla-ms",
    "log-level",
    "mlflow-tracking-uri",
    "model",
    "model-selection-strategy",
    "model-weights",
    "network-latency-automatic",
    "network-latency-mean",
    "no-auto-plot",
    "no-fixed-schedule",
    "no-gpu-telemetry",
    "no-report-html",
    "no-server-metrics",
    "num-dataset-entries",
    "num-profile-runs",
    "num-users",
    "num-warmup-sessions",
    "optuna-acquisition",
    "optuna-sampler",
    "optuna-terminator",
    "osl-max",
    "osl-min",
    "osl-steps",
    "otel-url",
    "phases",
    "plugin",
    "prefill-concurrency",
    "profile-export-prefix",
    "public-dataset",
    "random-seed",
    "request-cancellation-delay",
    "request-cancellation-rate",
    "request-content-type",
    "request-count",
    "request-rate",
    "request-rate-series",
    "request-timeout-seconds",
    "reset-kv-cache",
    "reset-kv-cache-path",
    "reset-kv-cache-timeout-seconds",
    "search-clock",
    "search-direction",
    "search-initial-points",
    "search-max-iterations",
    "search-metric",
    "search-percentile-pooling",
    "search-planner",
    "search-random-seed",
    "search-recipe",
    "search-sla",
    "search-sla-tier",
    "search-space",
    "search-stat",
    "search-style",
    "server-metrics",
    "server-profiler",
    "server-profiler-start-path",
    "server-profiler-stop-path",
    "server-profiler-timeout-seconds",
    "session-header",
    "show-trace-timing",
    "slice-duration",
    "slo-attainment-fraction",
    "socket",
    "spin",
    "steady-state",
    "stopping-scope",
    "synthesis-max-osl",
    "synthesis-output-len-multiplier",
    "timestamps",
    "transport",
    "ttft-sla-ms",
    "ui",
    "url",
    "url-strategy",
    "use-server-token-count",
    "user-centric-rate",
    "verbose",
    "wait-for-model-timeout",
    "warmup-duration",
    "warmup-request-count",
    "web",
    "workers",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse, profile_command};
    use std::ffi::OsString;

    fn checked(line: &str) -> Planned<Vec<String>> {
        let words = format!("aiperf-ctl profile -m m {line}");
        let words = words.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        let Ok(Command::Profile(args)) = parse(&words).map(|args| args.command) else { panic!("{line}") };
        check(&args)
    }

    #[track_caller]
    fn check_refused(line: &str, expected: &str) {
        let refused = checked(line).expect_err(line);
        assert!(refused.0.contains(expected), "{line}: {refused}");
    }

    #[track_caller]
    fn check_warned(line: &str, expected: &str) {
        let warnings = checked(line).expect(line);
        assert!(warnings.iter().any(|warning| warning.contains(expected)), "{line}: {warnings:?}");
    }

    #[test]
    fn every_flag_defines_in_which_runs_it_has_an_effect() {
        let command = profile_command();
        let flags = command.get_arguments().filter_map(clap::Arg::get_long).collect::<Vec<_>>();
        let ruled = RULES.iter().flat_map(|rule| rule.flags).chain(ALWAYS).collect::<Vec<_>>();
        let missing = flags.iter().filter(|flag| !ruled.contains(flag)).collect::<Vec<_>>();
        assert!(missing.is_empty(), "neither in RULES nor in ALWAYS: {missing:?}");
        let unknown = ruled.iter().filter(|flag| !flags.contains(flag)).collect::<Vec<_>>();
        assert!(unknown.is_empty(), "no such flags: {unknown:?}");
    }

    #[test]
    fn what_contradicts_the_run_is_refused_by_name() {
        check_refused(
            "--input-file x --isl 5",
            "--isl is for synthetic prompts and contradicts --input-file",
        );
        check_refused("--public-dataset aimo --session-turn-delay-mean 5", "contradicts --public-dataset");
        check_refused("--input-file x --session-turns-stddev 1", "--session-turns-stddev is for synthetic");
        check_refused("--input-file x --prefix-prompt-length=5", "--prefix-prompt-length is for synthetic");
        check_refused("--input-file x --image-batch-size 2", "--custom-dataset-type random_pool");
        check_refused("--input-file x --dataset-filter a=b", "is for rows of --public-dataset");
        check_refused("--replay-speedup 2", "baseten_trace");
        check_refused(
            "--input-file x --custom-dataset-type mooncake_trace --open-loop-strict",
            "baseten_trace",
        );
        check_refused(
            "--input-file x --custom-dataset-type baseten_trace --synthesis-speedup-ratio 2",
            "--replay-speedup",
        );
        check_refused("--input-file x --fixed-schedule-end-offset 5", "needs --fixed-schedule");
        check_refused("--per-chunk-usage --streaming", "needs --use-server-token-count");
        check_refused("--per-chunk-usage --use-server-token-count", "needs --streaming");
        check_refused(
            "--per-chunk-usage --use-server-token-count --streaming --endpoint-type completions",
            "is for --endpoint-type chat",
        );
        check_refused("--system-prompt x --endpoint-type completions", "have no system prompt");
        check_refused("--endpoint-type image_retrieval --isl 5", "is for text");
        check_refused("--endpoint-type image_retrieval --tokenizer none", "is for text");
        check_refused("--wait-for-model-mode both", "needs --wait-for-model-timeout");
        check_refused("--warmup-request-count 2 --warmup-grace-period 3", "needs --warmup-duration");
        check_refused(
            "--warmup-request-count 2 --warmup-arrival-pattern gamma",
            "needs --warmup-request-rate",
        );
        check_refused("--profile-run-cooldown-seconds 2", "needs --num-profile-runs");
        check_refused("--parameter-sweep-cooldown-seconds 2", "is for a sweep");
        check_refused("--stream metrics", "--stream needs --otel-url");
        check_refused("--gen-ai-provider x", "needs --otel-url");
        check_refused("--mlflow-tag a:b", "needs --mlflow-tracking-uri");
        check_refused("--network-latency-ping-interval 1", "needs --network-latency-automatic");
    }

    #[test]
    fn flags_without_effect_are_named_in_a_warning() {
        check_warned(
            "--arrival-pattern constant",
            "--arrival-pattern has no effect: it needs --request-rate",
        );
        check_warned("--request-rate 5 --concurrency-ramp-duration 5", "it needs --concurrency");
        check_warned("--warmup-concurrency 5", "there is no warm-up");
        check_warned(
            "--input-file x --image-width-mean 10",
            "the contents of requests are read from --input-file",
        );
        check_warned("--image-format jpeg", "no synthetic images are sent");
        check_warned("--audio-format mp3", "no synthetic audio is sent");
        check_warned("--video-fps 3", "no synthetic videos are sent");
        check_warned("--rankings-passages-mean 4", "no synthetic rankings are sent");
        check_warned("--streaming --endpoint-type embeddings", "embeddings does not stream");
        check_warned("--osl 5 --endpoint-type embeddings", "embeddings responses contain no tokens");
        check_warned("--concurrency 50 --request-count 5", "it exceeds --request-count");
        check_warned("--confidence-level 0.9", "it is for several runs");
        check_warned("--convergence-threshold 0.1", "it needs --convergence-metric");
        check_warned("--input-file x --replay-speedup 2", "it is for --custom-dataset-type baseten_trace");
        check_warned("--server-metrics-formats json --no-server-metrics", "no server metrics are collected");
    }

    #[test]
    fn flags_with_an_effect_are_accepted_silently() {
        let nothing = Ok(Vec::new());
        assert_eq!(checked("--isl 5 --osl 5 --concurrency 2 --streaming"), nothing, "synthetic");
        assert_eq!(checked("--image-batch-size 2 --image-format png"), nothing, "images of the default size");
        assert_eq!(
            checked(
                "--input-file x --custom-dataset-type random_pool --image-batch-size 2 --prompt-batch-size 0"
            ),
            nothing,
            "media of a pool"
        );
        assert_eq!(
            checked("--input-file x.parquet --replay-speedup 2"),
            nothing,
            "a table is a baseten_trace"
        );
        assert_eq!(
            checked("--otel-url a --stream metrics timing --gen-ai-provider x"),
            nothing,
            "with a collector"
        );
    }
}
