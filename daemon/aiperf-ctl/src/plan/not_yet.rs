//! Flags that are understood but do nothing yet: a run with one is refused, so that none is silently ignored.

use super::Refusal;
use common::plan::Endpoint;
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

/// Whether requests of the endpoint can be sent as it wants.
pub(crate) fn check_endpoint(plan: &Endpoint) -> Result<(), Refusal> {
    match endpoint::by_name(&plan.kind) {
        Some(known) if known.metadata().requires_polling => Err(Refusal(format!(
            "--endpoint-type {}: not offered yet, for its jobs have to be asked after until they are done",
            plan.kind
        ))),
        _ => Ok(()),
    }
}

/// By subject.
const NOT_YET: &[(&str, &[&str])] = &[
    ("endpoint", &["download-video-content", "uuid-and-strip"]),
    ("tokenizer", &["apply-chat-template"]),
    ("datasets", &["no-open-loop-replay"]),
    (
        "made-up media",
        &[
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
        ],
    ),
    (
        "telemetry",
        &[
            "mlflow-tracking-uri",
            "mlflow-experiment",
            "mlflow-run-name",
            "mlflow-tag",
            "mlflow-parent-run-id",
            "mlflow-artifact-glob",
        ],
    ),
    ("programs", &["log-level", "verbose", "extra-verbose"]),
];
