//! Parses a command line, and the `--config` file that it names, to arguments.

use super::{Args, Command, ProfileArgs, config, short_help, unsupported, words};
use crate::terminal::named;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// Why a command line is invalid.
#[derive(Debug)]
pub(crate) enum Unparsed {
    /// Clap's error, or the help that the user requested.
    Clap(Box<clap::Error>),
    /// A sentence that states what to do instead.
    Refused(String),
}

/// Parses a command line, whose first word is the program's name.
///
/// Flags of a `--config` file are placed before the others; those that the command line also has are left out.
///
/// # Errors
/// What is wrong with the command line, or with the file.
pub(crate) fn parse(words: &[OsString]) -> Result<Args, Unparsed> {
    let args = parse_words(words)?;
    let Command::Profile(profile) = &args.command else { return Ok(args) };
    let Some(path) = &profile.input.config else { return Ok(args) };
    let refused = |why: String| Unparsed::Refused(format!("--config {}: {why}", path.display()));
    let text = store::source::read_text(path, CONFIG_BYTES_MAX)
        .map_err(|error| refused(format!("failed to read it: {error}")))?;
    let flags = config::flags(&text, |name| std::env::var(name).ok()).map_err(refused)?;
    let mut all = words.get(..2).unwrap_or_default().to_vec();
    for flag in flags.into_iter().filter(|flag| !profile.given.contains_key(&canonical(flag.name))) {
        all.extend(flag.words().map(OsString::from));
    }
    all.extend(words.iter().skip(2).cloned());
    parse_words(&all)
}

fn parse_words(words: &[OsString]) -> Result<Args, Unparsed> {
    let matches = command_of_user().try_get_matches_from(words::known(words)).map_err(unparsed)?;
    let mut args = Args::from_arg_matches(&matches).map_err(unparsed)?;
    if let (Command::Profile(profile), Some(("profile", matches))) = (&mut args.command, matches.subcommand())
    {
        profile.given = given(matches, words);
    }
    Ok(args)
}

/// The command line, with examples that use the program name the user typed.
fn command_of_user() -> clap::Command {
    let command = short_help::common_first(Args::command());
    // A negative number is an error of its own, not an unknown flag.
    let numbers = |one: clap::Arg| {
        let is_number = one.get_action().takes_values() && words::is_number(one.get_value_parser());
        one.allow_negative_numbers(is_number)
    };
    let command = command.mut_subcommand("profile", |profile| profile.mut_args(numbers));
    let names = command.get_subcommands().map(|one| one.get_name().to_owned()).collect::<Vec<_>>();
    names.into_iter().fold(command, |command, name| {
        command.mut_subcommand(name, |one| match one.get_after_help().map(|text| named(&text.to_string())) {
            Some(examples) => one.after_help(examples),
            None => one,
        })
    })
}

fn unparsed(error: clap::Error) -> Unparsed {
    if let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand)
        && let Some(instead) = unsupported::instead_of(name)
    {
        return Unparsed::Refused(format!(
            "`{name}` is a command of NVIDIA AIPerf that is not supported: {instead}"
        ));
    }
    let flag = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.kind() == ErrorKind::UnknownArgument => flag.as_str(),
        _ => return Unparsed::Clap(Box::new(error)),
    };
    match unsupported::why_not(flag) {
        Some(why) => Unparsed::Refused(format!("{flag} is not supported: {why}")),
        None => Unparsed::Clap(Box::new(error)),
    }
}

/// The long names of the flags that were given, on the command line or in the environment, each with the name that the user
/// wrote.
fn given(matches: &ArgMatches, words: &[OsString]) -> BTreeMap<String, String> {
    let given = |id: &str| {
        matches
            .try_contains_id(id)
            .is_ok_and(|present| present && matches.value_source(id) != Some(ValueSource::DefaultValue))
    };
    let profile = profile_command();
    let flags = profile.get_arguments().filter(|flag| given(flag.get_id().as_str()));
    let written =
        words.iter().filter_map(|word| word.to_str()).map(|word| word.split('=').next().unwrap_or(word));
    let written = written.collect::<Vec<_>>();
    let name = |flag: &clap::Arg| {
        let long = flag.get_long()?;
        let aliases = flag.get_all_aliases().unwrap_or_default();
        let names = std::iter::once(long).chain(aliases).map(|name| format!("--{name}"));
        let short = flag.get_short().map(|short| format!("-{short}"));
        let name = names.chain(short).find(|name| written.contains(&name.as_str()));
        Some((long.to_owned(), name.unwrap_or_else(|| format!("--{long}"))))
    };
    flags.filter_map(name).collect()
}

/// The long name of the flag that has this name or alias, with or without leading dashes.
pub(super) fn canonical(name: &str) -> String {
    let name = name.trim_start_matches('-');
    let profile = profile_command();
    let flag = profile.get_arguments().find(|flag| {
        flag.get_long() == Some(name) || flag.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    });
    flag.and_then(clap::Arg::get_long).unwrap_or(name).to_owned()
}

pub(crate) fn profile_command() -> clap::Command {
    <ProfileArgs as clap::Args>::augment_args(clap::Command::new("profile"))
}

/// A limit that no configuration file reaches.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: &str) {
        let words = words.split(' ').map(OsString::from).collect::<Vec<_>>();
        let refused = match parse(&words).expect_err("refused") {
            Unparsed::Clap(error) => error.to_string(),
            Unparsed::Refused(why) => why,
        };
        assert!(refused.contains(expected), "{words:?}: {refused}");
    }

    #[test]
    fn names_are_unique_and_complete() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        check(
            "aiperf-ctl profile m --accuracy-benchmark mmlu",
            "--accuracy-benchmark is not supported: the quality of responses",
        );
        check("aiperf-ctl profile -m m --wandb-project=p", "--wandb-project is not supported");
        check("aiperf-ctl profile -m m --concurrency 8,16", "would be a sweep");
        check("aiperf-ctl profile -m m --no-such-flag", "unexpected argument");
        check("aiperf-ctl profile -m m --profile-run-cooldown-seconds -1", "must not be negative");
        check("aiperf-ctl profile -m m --request-count -1", "`-1` is not a whole number of at least 1");
        check("aiperf-ctl profile -m m --benchmark-duration 10s", "a number of seconds, without a unit: 10");
        check("aiperf-ctl profile -m m --slice-duration 2m", "a number of seconds, without a unit: 120");
        check("aiperf-ctl profile -m m --isl 1.5", "`1.5` is not a whole number");
        check(
            "aiperf plot artifacts",
            "`plot` is a command of NVIDIA AIPerf that is not supported: AIPerf's own",
        );
        check("aiperf-ctl no-such-command", "unrecognized subcommand");
    }

    #[test]
    fn lists_are_written_by_spaces_or_by_repetition() {
        let lists = |line: &str| {
            let words = format!("aiperf-ctl profile {line}");
            let words = words.split(' ').map(OsString::from).collect::<Vec<_>>();
            let Command::Profile(profile) = parse(&words).expect(line).command else { panic!("profile") };
            let (endpoint, telemetry) = (profile.endpoint, profile.telemetry);
            [
                endpoint.urls,
                endpoint.headers,
                endpoint.extra_inputs,
                telemetry.stream,
                telemetry.otel_resource_attributes,
                telemetry.mlflow_tags,
                telemetry.mlflow_artifact_globs,
                telemetry.server_metrics_formats,
                telemetry.server_metrics.unwrap_or_default(),
                telemetry.gpu_telemetry.unwrap_or_default(),
            ]
        };
        let of = |word: [&str; 2]| word.map(str::to_owned).to_vec();
        let expected = [
            of(["a:1", "b:2"]),
            of(["A:1", "B:2"]),
            of(["a:1", "b:2"]),
            of(["metrics", "timing"]),
            of(["a=1", "b=2"]),
            of(["a:1", "b:2"]),
            of(["*.json", "*.csv"]),
            of(["json", "csv"]),
            of(["http://a", "http://b"]),
            of(["http://a", "http://b"]),
        ];
        let by_spaces = "-m m --url a:1 b:2 --header A:1 B:2 --extra-inputs a:1 b:2 --stream metrics timing \
                         --otel-resource-attributes a=1 b=2 --mlflow-tag a:1 b:2 --mlflow-artifact-glob *.json *.csv \
                         --server-metrics-formats json csv --server-metrics http://a http://b --gpu-telemetry http://a http://b";
        assert_eq!(lists(by_spaces), expected, "by spaces");
        let again = "-m m -u a:1 -u b:2 -H A:1 -H B:2 --extra-inputs a:1 --extra-inputs b:2 --stream metrics --stream timing \
                     --otel-resource-attributes a=1,b=2 --mlflow-tag a:1 --mlflow-tag b:2 --mlflow-artifact-glob *.json \
                     --mlflow-artifact-glob *.csv --server-metrics-formats json,csv --server-metrics http://a \
                     --server-metrics http://b --gpu-telemetry http://a --gpu-telemetry http://b";
        assert_eq!(lists(again), expected, "one by one");
    }

    #[test]
    fn flags_count_more_than_the_file() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(
            file.path(),
            "model: theirs\nendpoint: {type: chat, urls: [a:1]}\nphases:\n  concurrency: 4\n",
        )
        .expect("written");
        let path = file.path().to_str().expect("unicode");
        let words = ["aiperf-ctl", "profile", "--config", path, "-m", "ours"].map(OsString::from);
        let Command::Profile(profile) = parse(&words).expect("arguments").command else { panic!("profile") };
        assert_eq!(profile.endpoint.models, ["ours"], "given");
        assert_eq!(profile.endpoint.urls, ["a:1"], "from the file");
        assert_eq!(profile.load.concurrency, Some(4), "from the file");
    }
}
