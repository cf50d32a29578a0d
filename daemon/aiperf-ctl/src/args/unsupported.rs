//! Lists the flags and subcommands of AIPerf that are not supported, with the reason that the error states.

/// Why this flag of AIPerf is not supported, if it is one of those.
pub(crate) fn why_not(flag: &str) -> Option<&'static str> {
    UNSUPPORTED_FLAGS.iter().find(|(flags, _)| flags.contains(&flag)).map(|(_, why)| *why)
}

/// What to use instead of a subcommand of AIPerf that is not supported, if it is one of those.
pub(crate) fn instead_of(subcommand: &str) -> Option<&'static str> {
    UNSUPPORTED_SUBCOMMANDS.iter().find(|(name, _)| *name == subcommand).map(|(_, instead)| *instead)
}

/// Subcommands of AIPerf 0.13 that are not supported, with what to use instead.
pub(super) const UNSUPPORTED_SUBCOMMANDS: &[(&str, &str)] = &[
    (
        "analyze",
        "the Parquet files of a run hold every request and token; DuckDB, pandas or Polars read them (docs/DATA.md)",
    ),
    ("chat", "interactive chat is not supported; use `curl`, or any chat client of the OpenAI API"),
    ("kube", "run aiperf-ctl in a pod of your own; Kubernetes is not supported directly"),
    ("proxy", "there is no message bus between the programs"),
    (
        "service",
        "`aiperfd` is the only service; `aiperf-ctl profile` starts a private one when none is running",
    ),
    ("speed-bench-report", "`compare DIR DIR ...` compares runs"),
    (
        "synthesize",
        "`profile` generates synthetic prompts itself (--isl, --osl), and changes traces \
         (--synthesis-speedup-ratio and others)",
    ),
    (
        "validate",
        "`profile --dry-run` checks a command line and its files, `report DIR` rereads a run's artifacts",
    ),
];

pub(super) const UNSUPPORTED_FLAGS: &[(&[&str], &str)] = &[
    (
        &[
            "--accuracy-benchmark",
            "--accuracy-tasks",
            "--accuracy-n-shots",
            "--accuracy-enable-cot",
            "--accuracy-no-enable-cot",
            "--accuracy-grader",
            "--accuracy-system-prompt",
            "--accuracy-verbose",
        ],
        "the quality of responses is not measured; use an evaluation harness such as lm-evaluation-harness",
    ),
    (
        &["--wandb-project", "--wandb-entity", "--wandb-run-name", "--wandb-tag"],
        "results are not sent to Weights & Biases; upload the artifact directory with `wandb artifact put`",
    ),
    (
        &[
            "--scenario",
            "--unsafe-override",
            "--trajectory-start-min-ratio",
            "--trajectory-start-max-ratio",
            "--burst-phase-starts",
            "--trace-idle-gap-cap-seconds",
            "--system-idle-gap-cap-seconds",
            "--agentic-cache-warmup-duration",
            "--agentic-warmup-grace-period",
            "--allow-dataset-wrap",
            "--no-allow-dataset-wrap",
            "--hf-weka-dataset",
            "--use-think-time-only",
            "--max-context-length",
        ],
        "agentic replay (weka and tracelab traces, locked scenarios) is not supported; mooncake_trace and dag_jsonl replay \
         sessions",
    ),
    (
        &["--hf-subset"],
        "nothing is downloaded; choose the subset when making the local copy for --dataset-path",
    ),
    (
        &["--tokenizer-trust-remote-code"],
        "code from tokenizers is never executed; give a directory with tokenizer.json",
    ),
    (
        &["--api-port", "--api-host"],
        "progress is available over the daemon's control socket (docs/api/openapi.json), not over a TCP port",
    ),
    (
        &["--zmq-host", "--zmq-ipc-path", "--zmq-dual-bind"],
        "there is no message bus between the programs to configure",
    ),
    (
        &["--vary-seed-per-trial", "--no-vary-seed-per-trial"],
        "with --no-set-consistent-seed each run has its own seed",
    ),
];
