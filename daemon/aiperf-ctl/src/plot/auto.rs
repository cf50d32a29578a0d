//! Plots of what `profile` has just measured: by `--auto-plot`, or because a configuration file has a `plot` block, in AIPerf's two
//! forms, a mapping or the path of a file.

use super::config::{BYTES_MAX, Config, OF_RUN};
use super::files::Formats;
use super::{FOLDER, draw, files, find, report};
use crate::FAILED;
use crate::args::ProfileArgs;
use crate::interrupt;
use crate::plan::Refusal;
use crate::terminal::print_warning;
use anyhow::{Context, Result, bail};
use picture::Theme;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use store::{Folder, source};

/// Plots that follow a measurement.
pub(crate) struct AutoPlot {
    /// The plots that the configuration file asks for.
    envelope: Option<Value>,
    /// Whether the command fails without them.
    is_required: bool,
}

/// Checks the `plot` block of a configuration file, as far as no other file is needed.
///
/// # Errors
/// What is wrong, with its key.
pub(crate) fn check(block: &Value) -> Result<(), String> {
    match block {
        Value::String(path) if path.is_empty() => Err("`plot` is an empty path".to_owned()),
        Value::String(_) => Ok(()),
        Value::Object(_) => Config::of_value(block, "plot").map(drop).map_err(|error| error.to_string()),
        _ => Err("`plot` is neither a path nor a mapping".to_owned()),
    }
}

impl AutoPlot {
    /// What a command asks for; `None` if nothing. Everything is checked before anything is measured.
    ///
    /// # Errors
    /// When the plots' configuration cannot be read, or is invalid.
    pub(crate) fn of(args: &ProfileArgs) -> Result<Option<Self>> {
        let output = &args.output;
        if output.no_auto_plot || !(output.auto_plot || output.plot.is_some()) {
            return Ok(None);
        }
        let block = output.plot.as_deref().map(serde_json::from_str::<Value>).transpose()?;
        let envelope = match block {
            Some(Value::String(path)) => Some(read(&path, args.input.config.as_deref())?),
            other => other,
        };
        match &envelope {
            Some(envelope) => Config::of_value(envelope, "plot")?,
            // The user's own, or the built-in one.
            None => Config::load(None, &[])?,
        };
        Ok(Some(Self { envelope, is_required: output.plot_required }))
    }

    /// Plots the results in a directory; returns the exit status of the command, which had this one.
    pub(crate) fn status(&self, directory: &Path, status: u8) -> u8 {
        if interrupt::received().is_some() {
            return status;
        }
        let Err(error) = self.plot(directory) else { return status };
        print_warning(&format!(
            "the results are not plotted: {error:#}; `aiperf-ctl plot {}` does it again",
            directory.display()
        ));
        if self.is_required && status == 0 { FAILED } else { status }
    }

    fn plot(&self, directory: &Path) -> Result<()> {
        let path = directory.to_owned();
        let config = match &self.envelope {
            Some(envelope) => {
                write(directory, envelope)?;
                Config::of_value(envelope, &directory.join(OF_RUN).display().to_string())?
            }
            None => Config::load(None, std::slice::from_ref(&path))?,
        };
        let runs = find::runs(std::slice::from_ref(&path))?;
        let output = directory.join(FOLDER);
        let plots = draw(&runs, &config)?;
        let formats = Formats { png: true, svg: false, json: false, width: WIDTH, theme: Theme::Light };
        let drawn = files::write(&output, &plots, &runs, formats)?;
        report(&plots, &config, &output, drawn);
        if drawn == 0 {
            bail!("none of the plots has its data");
        }
        Ok(())
    }
}

/// The plots of a file, whose path is relative to that of the configuration file.
fn read(path: &str, config: Option<&Path>) -> Result<Value> {
    let below = config.and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
    let path = match path.strip_prefix("~/") {
        Some(rest) => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(rest),
        None => below.join(path),
    };
    let shown = path.display();
    let text = source::read_text(&path, BYTES_MAX)
        .map_err(|error| Refusal(format!("`plot`: failed to read `{shown}`: {error}")))?;
    let value = serde_saphyr::from_str::<Value>(&text)
        .map_err(|error| Refusal(format!("`plot`: `{shown}` is not valid YAML: {error}")))?;
    Config::of_value(&value, &shown.to_string())?;
    Ok(value)
}

/// Writes the plots' configuration beside the results, where `plot` finds it.
fn write(directory: &Path, envelope: &Value) -> Result<()> {
    let text = serde_saphyr::to_string(envelope)?;
    let mut file =
        Folder::open(directory)?.create(OF_RUN).context("failed to write the plots' configuration")?;
    file.write_all(text.as_bytes())?;
    file.finish()?;
    Ok(())
}

/// Width of the pictures, in pixels.
const WIDTH: u32 = 1600;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};
    use std::ffi::OsString;

    const BLOCK: &str = "{visualization: {single_run_defaults: [a], single_run_plots: {a: {type: scatter, y: request_latency}}}}";

    /// What a configuration file and flags ask for.
    fn of(config: &str, flags: &str) -> Result<Option<AutoPlot>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run.yaml");
        std::fs::write(&path, format!("model: m\nendpoint: {{url: \"localhost:1\"}}\n{config}")).unwrap();
        std::fs::write(directory.path().join("plots.yaml"), BLOCK).unwrap();
        let mut words = ["aiperf-ctl", "profile", "--config"].map(OsString::from).to_vec();
        words.push(path.into_os_string());
        words.extend(flags.split_whitespace().map(OsString::from));
        match parse(&words) {
            Ok(args) => match args.command {
                Command::Profile(args) => AutoPlot::of(&args),
                _ => panic!("profile"),
            },
            Err(crate::args::Unparsed::Refused(why)) => bail!("{why}"),
            Err(crate::args::Unparsed::Clap(error)) => bail!("{error}"),
        }
    }

    #[test]
    fn both_forms_turn_plots_on_unless_refused() {
        let has_envelope =
            |config: &str, flags: &str| of(config, flags).unwrap().map(|plots| plots.envelope.is_some());
        let inline = format!("plot: {BLOCK}");
        assert_eq!(has_envelope(&inline, ""), Some(true), "a mapping");
        assert_eq!(has_envelope("plot: plots.yaml", ""), Some(true), "a file beside the configuration");
        assert_eq!(has_envelope(&inline, "--no-auto-plot"), None, "refused by flag");
        assert_eq!(
            has_envelope(&format!("{inline}\nartifacts: {{autoPlot: false}}"), ""),
            None,
            "refused by key"
        );
        assert_eq!(
            has_envelope("artifacts: {auto_plot: false}", "--auto-plot"),
            Some(false),
            "the command line counts"
        );
        assert_eq!(has_envelope("artifacts: {auto_plot: true}", ""), Some(false), "without a block");
        assert_eq!(has_envelope("", ""), None, "not asked for");
    }

    #[test]
    fn a_bad_block_is_refused_before_anything_is_measured() {
        let check = |config: &str, expected: &str| {
            let why = of(config, "").err().map(|error| format!("{error:#}")).unwrap_or_default();
            assert!(why.contains(expected), "{config}: {why}");
        };
        check("plot: 3", "`plot` is neither a path nor a mapping");
        check("plot: {}", "`visualization` is missing");
        check("plot: none.yaml", "failed to read");
        check("plot: {visualization: {single_run_defaults: [b]}}", "is not in single_run_plots");
    }

    #[test]
    fn results_are_plotted_and_the_configuration_is_kept() {
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/aiperf-0.13.0/chat-streaming");
        let directory = tempfile::tempdir().unwrap();
        for name in ["profile_export.jsonl", "profile_export_aiperf.json"] {
            std::fs::copy(golden.join(name), directory.path().join(name)).unwrap();
        }
        let plots = of(&format!("plot: {BLOCK}"), "--plot-required").unwrap().unwrap();
        assert_eq!(plots.status(directory.path(), 0), 0, "drawn");
        assert!(directory.path().join("plots/a.png").is_file(), "the picture");
        let kept = Config::load(None, &[directory.path().to_owned()]).unwrap();
        assert!(kept.source.ends_with(OF_RUN) && kept.single_run[0].name == "a", "{}", kept.source);
        let nothing = tempfile::tempdir().unwrap();
        assert_eq!(plots.status(nothing.path(), 0), FAILED, "no results, and plots are required");
        assert_eq!(plots.status(nothing.path(), 3), 3, "the verdict counts more");
        let wished = AutoPlot { is_required: false, ..plots };
        assert_eq!(wished.status(nothing.path(), 0), 0, "a warning");
    }
}
