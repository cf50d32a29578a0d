//! Generates `docs/METRICS.md` from the registry.

use crate::aiperf::{INJECTED, REGISTERED, Registered};
use crate::metric::{Group, Injected, Kind, Metric, Origin};
use crate::registry::{METRICS, find};
use statistics::least_sample;
use std::fmt::Write;

/// The text of `docs/METRICS.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(HEAD);
    section(&mut text, "AIPerf's metrics", Origin::Aiperf, AIPERF);
    section(&mut text, "aiperfd's metrics", Origin::Ours, OURS);
    same(&mut text);
    disputed(&mut text);
    statistics(&mut text);
    text
}

fn section(text: &mut String, title: &str, origin: Origin, about: &str) {
    put(text, format_args!("\n## {title}\n\n{about}\n\n"));
    put(text, format_args!("| tag | name | unit | kind | console | flags | definition |\n"));
    put(text, format_args!("| --- | --- | --- | --- | --- | --- | --- |\n"));
    let is_measured = |metric: &&&Metric| !matches!(metric.kind, Kind::Absent(_));
    for metric in METRICS.iter().filter(|metric| metric.origin == origin).filter(is_measured) {
        let flags = metric.flags.names().collect::<Vec<_>>().join(", ");
        put(
            text,
            format_args!(
                "| `{}` | {} | {} | {} | {} | {} | {} |\n",
                metric.tag,
                name(metric),
                metric.display.name(),
                kind(metric.kind),
                group(metric.group),
                if flags.is_empty() { "–" } else { &flags },
                metric.text,
            ),
        );
    }
}

/// Every tag of AIPerf, and whether its value is the same here.
fn same(text: &mut String) {
    put(text, format_args!("\n## Every tag of AIPerf 0.13.0\n\n{SAME}\n\n"));
    put(text, format_args!("| tag | name | unit | flags | here |\n| --- | --- | --- | --- | --- |\n"));
    for Registered { tag, header, unit, flags } in REGISTERED {
        put(text, format_args!("| `{tag}` | {header} | {unit} | {} | {} |\n", flags.join(", "), here(tag)));
    }
    for tag in INJECTED {
        put(text, format_args!("| `{tag}` | | | | {} |\n", here(tag)));
    }
}

fn here(tag: &str) -> String {
    match find(tag) {
        None => "not registered".to_owned(),
        Some(Metric { kind: Kind::Absent(why), .. }) => format!("no value: {why}"),
        Some(metric) if metric.is_hidden() => "same, not exported by either".to_owned(),
        Some(Metric { group: Group::HttpTrace, .. }) => {
            "same meaning, from kernel and client timestamps".to_owned()
        }
        Some(metric) if FOREIGN_ONLY.contains(&metric.tag) => {
            "same in reports of AIPerf's runs; not yet recorded in runs of aiperfd".to_owned()
        }
        Some(_) => "same".to_owned(),
    }
}

fn name(metric: &Metric) -> String {
    if metric.short == metric.header {
        metric.header.to_owned()
    } else {
        format!("{} ({})", metric.header, metric.short)
    }
}

const fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Record(_) => "per request",
        Kind::List(_) => "per event",
        Kind::Sum(_) => "sum",
        Kind::Minimum(_) => "least",
        Kind::Maximum(_) => "greatest",
        Kind::Derived(_) => "derived",
        Kind::Injected(Injected::Adjusted(_)) => "error-adjusted",
        Kind::Injected(Injected::TimeWeighted(_) | Injected::ActiveTimeWeighted(_)) => "time-weighted",
        Kind::Injected(Injected::DueToStart | Injected::DueToEnd) => "per request, failed too",
        Kind::Injected(Injected::NetworkAdjusted(_)) => "per request",
        Kind::Injected(Injected::NetworkRtt) => "per run",
        Kind::Injected(Injected::ReplayLag(_) | Injected::ReplayDegraded) => "per run",
        Kind::Injected(Injected::Gpu) => "from GPU telemetry",
        Kind::Absent(_) => "none",
    }
}

const fn group(group: Group) -> &'static str {
    match group {
        Group::Main => "main",
        Group::Effective => "effective",
        Group::Active => "active",
        Group::Usage => "usage",
        Group::SpecDecode => "spec decode",
        Group::Kernel => "kernel",
        Group::Client => "client",
        Group::NvidiaEfficiency => "GPU efficiency (NVIDIA)",
        Group::AmdEfficiency => "GPU efficiency (AMD)",
        Group::Gpu => "GPU",
        Group::HttpTrace => "HTTP trace",
        Group::Hidden => "–",
    }
}

fn disputed(text: &mut String) {
    put(text, format_args!("\n## Definitions that differ between tools\n\n{DISPUTED}\n\n"));
    put(text, format_args!("| definition | aiperfd's tag | same value as |\n| --- | --- | --- |\n"));
    for (question, tag, whose) in WHOSE {
        put(text, format_args!("| {question} | `{tag}` | {whose} |\n"));
    }
}

fn statistics(text: &mut String) {
    put(
        text,
        format_args!(
            "\n## Statistics\n\n{STATISTICS}\n\n| percentile | minimum number of requests |\n| --- | --- |\n"
        ),
    );
    for (name, share) in [("p50", 0.50), ("p75", 0.75), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99)] {
        put(text, format_args!("| {name} | {} |\n", least_sample(share)));
    }
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string cannot fail");
}

const HEAD: &str = "# Metrics

Generated by `cargo xtask docs` from `daemon/metric`; do not edit. Timestamps are named as in `docs/DATA.md`: `due`
(scheduled), `submitted` (passed to the kernel), `kernel_sent_last` (last byte sent), `*_kernel` (arrived), `*_reaped` (read).
";

const AIPERF: &str = "Tag, unit, formula and value are those of NVIDIA AIPerf 0.13.0. Its timestamps are the client's: \
`submitted` and `*_reaped`. Its end of a failed request is the last response event or, without any, the start; in \
aiperfd it is the time at which the request ended.";

const OURS: &str = "Metrics that no other tool has, and other tools' definitions of the same names. Kernel \
metrics are absent where a timestamp is absent.";

const SAME: &str = "The metrics of its registry, then those that its analyses add. Real runs of AIPerf, recomputed by \
`aiperf-ctl report`, give the same values to 1e-9 (`tests/golden_runs.rs`).";

/// Metrics in AIPerf's files that our own records do not have.
const FOREIGN_ONLY: &[&str] = &[
    "audio_duration",
    "rtfx",
    "usage_prompt_audio_seconds",
    "total_usage_prompt_audio_seconds",
    "video_inference_time",
    "video_peak_memory",
    "spec_decode_acceptance_length",
    "spec_decode_draft_acceptance_rate",
    "spec_decode_accepted_per_verified",
    "spec_decode_steps",
    "spec_decode_accepted_draft_tokens",
    "spec_decode_draft_tokens",
    "total_spec_decode_steps",
    "total_accepted_draft_tokens",
    "total_draft_tokens",
    "spec_decode_token_weighted_acceptance_length",
    "spec_decode_overall_draft_acceptance_rate",
];

const DISPUTED: &str =
    "Tools use the same name for different definitions. Each definition has a separate tag here.";

const WHOSE: &[(&str, &str, &str)] = &[
    (
        "TTFT: first event with text, tool call or reasoning",
        "time_to_first_token",
        "AIPerf, GuideLLM since #742, inference-perf (first non-empty token)",
    ),
    (
        "TTFT: first event of any kind, including an empty role chunk",
        "time_to_first_chunk",
        "vLLM's chat benchmark",
    ),
    (
        "TTFT: first token of the answer, without reasoning",
        "time_to_first_output_token",
        "AIPerf's TTFO, GuideLLM's TTFOT",
    ),
    (
        "TTFT from the scheduled time",
        "time_to_first_token_from_due",
        "MLPerf endpoints (issue of the sample), wrk2 and oha -q by their method",
    ),
    ("TTFT without the client", "kernel_time_to_first_token", "no other tool"),
    ("gap between chunks", "inter_chunk_latency", "AIPerf's ICL; vLLM's and sglang's ITL"),
    (
        "mean time per token after the first",
        "inter_token_latency",
        "AIPerf's and GuideLLM's ITL; TPOT of vLLM, inference-perf, genai-bench and MLPerf LoadGen",
    ),
    ("mean time per token, including the first", "time_per_output_token_including_first", "GuideLLM's TPOT"),
    ("end of a request: last token", "request_latency", "AIPerf, vLLM"),
    ("end of a request: close of the stream", "http_req_duration", "inference-perf, genai-bench, k6"),
    ("latency from the scheduled time", "request_latency_from_due", "wrk2, MLPerf LoadGen's server scenario"),
    ("latency from the scheduled time, including failed requests", "effective_latency", "AIPerf"),
];

const STATISTICS: &str = "Percentiles are NumPy's (linear interpolation at index share * (n - 1)), the standard \
deviation divides by n. A percentile of too small a sample is marked `*` on the console, and has no interval: another run may \
well differ. Requests are counted, for the gaps of one request depend on each other, and by MLPerf LoadGen's bound, share^n + n (1 - \
share) share^(n-1) <= 1 %; more are needed where requests depend on each other. How 95 % confidence intervals are computed, what \
they cover, and how runs are compared is in STATISTICS.md. Per-event metrics are exact up to \
32 million gaps (`inter_chunk_latency`) or 2 million values (aiperfd's), and beyond that come from a histogram with four \
significant digits. With more than a million gaps, the time-weighted metrics distribute decoding evenly from first \
token to end, as AIPerf does without gaps.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_in_the_text() {
        let text = markdown();
        for metric in METRICS {
            assert!(text.contains(&format!("| `{}` |", metric.tag)), "{} is missing", metric.tag);
        }
        assert!(!text.contains("not registered"), "every tag of AIPerf is registered");
        for (_, tag, _) in WHOSE {
            assert!(find(tag).is_some(), "{tag} is not a metric");
        }
    }
}
