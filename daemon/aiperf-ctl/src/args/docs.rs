//! Generates `docs/FLAGS.md` from the flags themselves: how each of AIPerf's flags is supported.

use super::Args;
use super::parse::{canonical, profile_command};
use super::unsupported::why_not;
use crate::terminal::PROGRAM;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The command line, from which man pages and completions are generated.
#[must_use]
pub fn command() -> clap::Command {
    without_hidden(&<Args as clap::CommandFactory>::command(), PROGRAM)
}

/// A command line without its internal subcommands, which only other programs call.
pub(crate) fn without_hidden(whole: &clap::Command, name: &'static str) -> clap::Command {
    let shown = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let bare = clap::Command::new(name)
        .about(whole.get_about().cloned().unwrap_or_default())
        .after_help(whole.get_after_help().cloned().unwrap_or_default())
        .disable_version_flag(true)
        .subcommand_required(whole.is_subcommand_required_set());
    bare.args(whole.get_arguments().cloned()).subcommands(shown)
}

/// The text of `docs/FLAGS.md`.
///
/// # Panics
/// When a flag of AIPerf is neither defined nor listed as unsupported, or when one of its names is missing.
#[must_use]
pub fn markdown() -> String {
    let profile = profile_command();
    let mut text = String::from(HEAD);
    let mut theirs = BTreeSet::new();
    for line in AIPERF_FLAGS.lines().skip(1).filter(|line| !line.is_empty()) {
        match line.strip_prefix("# ") {
            Some(group) => {
                put(
                    &mut text,
                    format_args!(
                        "\n## {group}\n\n| AIPerf | aiperf-ctl | difference |\n| --- | --- | --- |\n"
                    ),
                );
            }
            None => theirs.extend(row(&mut text, profile, line)),
        }
    }
    put(
        &mut text,
        format_args!("\n## Flags that AIPerf does not have\n\n| flag | what it does |\n| --- | --- |\n"),
    );
    for flag in
        profile.get_arguments().filter(|flag| flag.get_long().is_some_and(|long| !theirs.contains(long)))
    {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        put(&mut text, format_args!("| `--{}` | {} |\n", flag.get_long().unwrap_or_default(), cell(&help)));
    }
    text
}

/// Writes the table row of a flag; returns the name of the corresponding flag of aiperf-ctl.
fn row(text: &mut String, profile: &clap::Command, line: &str) -> Option<String> {
    let names = line.split(' ').collect::<Vec<_>>();
    let shown = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let first = names.first().copied().unwrap_or_default();
    if let Some(why) = why_not(first) {
        put(text, format_args!("| {shown} | not supported | {} |\n", cell(why)));
        return None;
    }
    let ours = canonical(first);
    let flag = profile.get_arguments().find(|flag| flag.get_long() == Some(ours.as_str()));
    let Some(flag) = flag else { panic!("AIPerf's {first} is neither defined nor listed as unsupported") };
    for name in &names {
        let known = name
            .strip_prefix("--")
            .map_or_else(|| flag.get_short() == name.chars().nth(1), |name| canonical(name) == ours);
        assert!(known, "AIPerf's {name} is missing");
    }
    let difference = DIFFERENT.iter().find(|(flag, _)| *flag == first).map(|(_, how)| *how);
    let (here, note) = match difference {
        Some(how) => ("different", how),
        None => ("same", ""),
    };
    put(text, format_args!("| {shown} | {here} | {note} |\n"));
    Some(ours)
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("writing to a string cannot fail");
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

const AIPERF_FLAGS: &str = include_str!("aiperf-flags.txt");
const DIFFERENT: &[(&str, &str)] = &[
    ("--stream", "also accepts `spans`: one span per request, only when listed"),
    ("--model-names", "a list is not a sweep; also accepts `weighted`, with --model-weights"),
    ("--convergence-metric", "convergence is tested from the third run on, not from the second"),
    (
        "--export-http-trace",
        "`trace_type` is `aiperfd`; the stages are computed from kernel and client timestamps",
    ),
    ("--api-key", "also read from the environment (`AIPERF_API_KEY`); never stored"),
    ("--header", "values are never stored; headers are not split at commas"),
    ("--model-selection-strategy", "also accepts `weighted`, with --model-weights"),
    (
        "--tokenizer",
        "default `builtin`; `none`; a name is looked up in the local Hugging Face cache only, nothing is downloaded",
    ),
    ("--tokenizer-revision", "a revision in the local Hugging Face cache"),
    ("--public-dataset", "read from --dataset-path; nothing is downloaded"),
    ("--config", "keys without a corresponding flag are an error; warm-up `phases` run first"),
    (
        "--cache-bust",
        "the marker is added to the tokens of --isl, not included in them; a warm-up's marker is not counted as input",
    ),
    ("--dataset-filter", "any field of any dataset; `exgentic` as in AIPerf"),
    (
        "--num-dataset-entries",
        "also limits the rows read from a file; at most 16384 are generated by default",
    ),
    (
        "--audio-format",
        "with `mp3`, at most 256 distinct clips are generated and reused in turn; `ffmpeg` encodes them",
    ),
    (
        "--video-batch-size",
        "at most 64 distinct videos are generated and reused in turn; `ffmpeg` encodes them",
    ),
    ("--concurrency", "at most 65536"),
    ("--request-count", "without any stop condition, a file is sent once; a run of a search takes 30 s"),
    (
        "--search-planner",
        "also `slo` and `saturation`; `bayesian` and `optuna` are one model of ours (docs/SEARCH.md)",
    ),
    ("--search-recipe", "also `saturation`"),
    ("--search-style", "default `slo`, which measures longer what is not sure, and confirms the answer"),
    ("--optuna-sampler", "`gp` and `botorch` are ignored with a warning"),
    ("--optuna-acquisition", "ignored with a warning"),
    ("--optuna-terminator", "only `none`"),
    ("--search-percentile-pooling", "`pooled` is ignored with a warning"),
    ("--bo-constraint-mode", "`eic` is ignored with a warning"),
    ("--image-source", "`assets` is not supported: no images are bundled"),
    ("--output-artifact-dir", "default `artifacts/<model>-openai-<endpoint>-<load>`"),
    ("--workers-max", "threads with a core of their own, at most the number of cores; default 1"),
    ("--log-level", "applies to a private daemon; default `WARNING`"),
    ("--profile-export-prefix", "a name, not a path"),
    ("--mlflow-tracking-uri", "must be a server (`http:`, `https:`); a local directory is not supported"),
    ("--ui-type", "without a terminal of at least 80×24, `simple`"),
    ("--record-processor-service-count", "no effect: one thread counts tokens"),
    ("--stats-interval", "no effect: progress is shown as it is received"),
    ("--request-timeout-seconds", "from submission to the end of the response"),
    ("--random-seed", "seeds a different generator: prompts differ from AIPerf's"),
];
const HEAD: &str = "# AIPerf's flags

<!-- Generated by `cargo xtask docs`; do not edit. -->

Each flag of `aiperf profile` (AIPerf 0.13.0), and how `aiperf-ctl profile` supports it: `same`, `different` (how), `not
supported` (an error that states the reason). Every name of a flag works, not only the first. Names of values are accepted in
any case and with either kind of dash, and lists are written with spaces, with commas or by repetition. A flag that would have
no effect in a run is an error where AIPerf treats it as one, and otherwise a warning.
";
