//! Selects the flags of `profile` that most runs need: `-h` shows these, `--help` every one.

/// The command line whose short help shows common flags only.
pub(super) fn common_first(command: clap::Command) -> clap::Command {
    command.mut_subcommand("profile", |profile| {
        let profile = profile.before_help(SHORT).before_long_help(LONG);
        profile.mut_args(|arg| {
            let is_common = arg.get_long().is_none_or(|long| COMMON.contains(&long));
            arg.hide_short_help(!is_common)
        })
    })
}

const SHORT: &str = "The common flags. `aiperf-ctl profile --help` shows every one.";
const LONG: &str = "Every flag. `aiperf-ctl profile -h` shows the common ones.";

const COMMON: &[&str] = &[
    "model",
    "url",
    "endpoint-type",
    "streaming",
    "api-key",
    "header",
    "tokenizer",
    "use-server-token-count",
    "concurrency",
    "request-rate",
    "request-count",
    "benchmark-duration",
    "warmup-request-count",
    "prompt-input-tokens-mean",
    "prompt-output-tokens-mean",
    "input-file",
    "custom-dataset-type",
    "extra-inputs",
    "config",
    "artifact-dir",
    "console",
    "fail-on",
    "dry-run",
    "num-profile-runs",
    "timestamps",
    "cpus",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::CommandFactory;

    #[test]
    fn common_flags_are_flags_and_few() {
        let mut command = common_first(Args::command());
        command.build();
        let profile = command.find_subcommand_mut("profile").unwrap();
        let flags = profile.get_arguments().filter_map(clap::Arg::get_long).collect::<Vec<_>>();
        let unknown = COMMON.iter().filter(|name| !flags.contains(name)).collect::<Vec<_>>();
        assert!(unknown.is_empty(), "names of flags, not of their aliases: {unknown:?}");
        let short = profile.render_help().to_string();
        assert!(short.lines().count() < 120, "{} lines", short.lines().count());
        assert!(profile.render_long_help().to_string().contains("--reset-kv-cache-path"), "every flag");
    }
}
