//! `docs/FLAGS.md`: what became of each of AIPerf's flags, made from the flags themselves.

use super::Args;
use super::not_offered::why_not;
use super::parse::{canonical, profile_command};
use crate::say::PROGRAM;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The command line, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    without_hidden(&<Args as clap::CommandFactory>::command(), PROGRAM)
}

/// A command line without the subcommands that only programs call.
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
/// When a flag of AIPerf is neither defined nor refused by name, or when one of its names is missing.
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
                    format_args!("\n## {group}\n\n| AIPerf | here | what differs |\n| --- | --- | --- |\n"),
                );
            }
            None => theirs.extend(row(&mut text, &profile, line)),
        }
    }
    put(&mut text, format_args!("\n## Ours\n\n| flag | what it does |\n| --- | --- |\n"));
    for flag in
        profile.get_arguments().filter(|flag| flag.get_long().is_some_and(|long| !theirs.contains(long)))
    {
        let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
        put(&mut text, format_args!("| `--{}` | {} |\n", flag.get_long().unwrap_or_default(), cell(&help)));
    }
    text
}

/// Writes the line of a flag; gives the name of ours.
fn row(text: &mut String, profile: &clap::Command, line: &str) -> Option<String> {
    let names = line.split(' ').collect::<Vec<_>>();
    let shown = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let first = names.first().copied().unwrap_or_default();
    if let Some(why) = why_not(first) {
        put(text, format_args!("| {shown} | not offered | {} |\n", cell(why)));
        return None;
    }
    let ours = canonical(first);
    let flag = profile.get_arguments().find(|flag| flag.get_long() == Some(ours.as_str()));
    let Some(flag) = flag else { panic!("AIPerf's {first} is neither defined nor refused by name") };
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
    text.write_fmt(line).expect("a string takes every text");
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

const AIPERF_FLAGS: &str = include_str!("aiperf-flags.txt");
const DIFFERENT: &[(&str, &str)] = &[
    ("--stream", "`spans` too, if it is named: one for each request"),
    ("--model-names", "a list does not become a sweep; `weighted` with --model-weights too"),
    ("--convergence-metric", "runs can agree from the third on, not from the second"),
    ("--export-http-trace", "`trace_type` is `aiperfd`; the stages come from the kernel's stamps and ours"),
    ("--api-key", "read from the environment too (`AIPERF_API_KEY`), and never stored"),
    ("--header", "values are never stored; commas do not part headers"),
    ("--model-selection-strategy", "`weighted` too, with --model-weights"),
    (
        "--tokenizer",
        "default `builtin`; `none`; a name is looked for in the local Hugging Face cache only, nothing is downloaded",
    ),
    ("--tokenizer-revision", "of the local Hugging Face cache"),
    ("--public-dataset", "read from --dataset-path; nothing is downloaded"),
    ("--config", "keys that have no flag here are refused by name; of `phases` the warm-ups come first"),
    (
        "--cache-bust",
        "a marker is sent beside the tokens of --isl, not as part of them; that of a warm-up is not counted as its input",
    ),
    ("--dataset-filter", "any field of any dataset; of `exgentic` as in AIPerf"),
    ("--num-dataset-entries", "of files too: no more rows are read; at most 16384 are made by default"),
    (
        "--audio-format",
        "of `mp3` at most 256 different sounds are made, and sent in turn; `ffmpeg` encodes them",
    ),
    ("--video-batch-size", "at most 64 different videos are made, and sent in turn; `ffmpeg` encodes them"),
    ("--concurrency", "one value, at most 65536; no sweep"),
    ("--prefill-concurrency", "one value; no sweep"),
    ("--request-rate", "one value; no sweep"),
    ("--request-count", "one value; no sweep; with no end given, a file is sent once"),
    ("--benchmark-duration", "one value; no sweep"),
    ("--conversation-num", "one value; no sweep"),
    ("--num-users", "one value; no sweep"),
    ("--prompt-input-tokens-mean", "one value; no sweep"),
    ("--prompt-output-tokens-mean", "one value; no sweep"),
    ("--image-source", "`assets` is not offered: there are no pictures inside"),
    ("--output-artifact-dir", "default `artifacts/<model>-openai-<endpoint>-<load>`"),
    ("--workers-max", "threads with a core of their own, at most as many as there are; default 1"),
    ("--log-level", "of a private daemon; default `WARNING`"),
    ("--profile-export-prefix", "a name, not a path"),
    ("--mlflow-tracking-uri", "of a server (`http:`, `https:`): no store in a folder"),
    ("--ui-type", "`dashboard` is taken as `simple`"),
    ("--record-processor-service-count", "no effect: one thread counts tokens"),
    ("--stats-interval", "no effect: progress shows as it comes"),
    ("--request-timeout-seconds", "from submission to the end of the response"),
    ("--random-seed", "makes its own sequence: not the same prompts as AIPerf's"),
];
const HEAD: &str = "# AIPerf's flags

<!-- Made by `cargo xtask docs`; do not edit. -->

Each flag of `aiperf profile` (AIPerf 0.13.0), and what `aiperf-ctl profile` makes of it: `same`, `different` (how), `not
offered` (refused by name, with the reason). Every name of a flag works, not only the first. Names of values are known in any
case and with either kind of dash, and lists are written with spaces, with commas or by repetition. A flag that would do nothing
in a run is refused where AIPerf refuses it, and otherwise named in a warning.
";
