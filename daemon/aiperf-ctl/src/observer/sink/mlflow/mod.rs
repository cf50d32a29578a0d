//! Logs a run to MLflow: created when the run starts, updated live, and completed with the report's metrics and files.
//!
//! ```text
//! files.rs      which files are uploaded, and their paths
//! numbers.rs    a report as MLflow's metrics, parameters and tags
//! export.rs     mlflow_export.json: the MLflow run of a directory
//! ```

mod export;
mod files;
mod numbers;

use super::{Named, Sink};
use crate::args::MlflowUploadArgs;
use crate::earlier;
use crate::interrupt;
use crate::plan::{Profile, Refusal};
use crate::report::Reported;
use crate::terminal::{print_result, print_warning};
use anyhow::{Context, Result};
use clock::Moment;
use export::Export;
use files::Files;
use serde_json::Value;
use spec::Stream;
use std::path::Path;
use std::time::Duration;
use telemetry_out::mlflow::{Credentials, LogError, RunInfo, Status, Tracking};
use telemetry_out::{Destination, LiveRun};

/// The log of a run in MLflow.
struct Mlflow<'a> {
    wanted: &'a spec::Mlflow,
    provider: &'a str,
    directory: &'a Path,
    /// Made from the settings, until a run is created.
    ready: Option<Ready>,
    run: Option<OpenRun>,
}

/// An MLflow run in progress.
struct OpenRun {
    tracking: Tracking,
    run: RunInfo,
    /// Whether the user set the run's name.
    is_named: bool,
    files: Files,
    export: Export,
    is_over: bool,
}

/// Checks the settings for logging a run, without contacting the server.
pub(super) fn check<'a>(profile: &'a Profile, stream: &'a Stream) -> Named<'a> {
    let Some(wanted) = &stream.mlflow else { return Ok(None) };
    let directory = profile.artifact_dir.as_path();
    let ready = Some(ready(wanted)?);
    Ok(Some(Box::new(Mlflow { wanted, provider: &stream.provider, directory, ready, run: None })))
}

impl Sink for Mlflow<'_> {
    fn open(&mut self) -> Result<Option<Box<dyn Destination>>> {
        let Some(ready) = self.ready.take() else { return Ok(None) };
        self.run = OpenRun::start(self.wanted, ready, self.provider, self.directory)?;
        Ok(self.run.as_ref().map(|run| Box::new(run.live()) as Box<dyn Destination>))
    }

    fn files(&self) -> &'static [&'static str] {
        if self.run.is_some() { &[earlier::MLFLOW] } else { &[] }
    }

    fn report(&mut self, reported: &Reported) {
        if let Some(run) = self.run.take() {
            run.finish(reported, self.directory);
        }
    }
}

/// A run dropped without results is marked as failed.
impl Drop for OpenRun {
    fn drop(&mut self) {
        if !self.is_over {
            warn_of(self.tracking.end_run(&self.run.run_id, Status::Failed, now_ms(), None));
        }
    }
}

impl OpenRun {
    /// Creates a run, if the server responds.
    fn start(wanted: &spec::Mlflow, ready: Ready, provider: &str, directory: &Path) -> Result<Option<Self>> {
        let Ready { files, tracking, timeout } = ready;
        let checked = tracking.clone();
        if let Err(error) = interrupt::unless(move || checked.check())? {
            let why = match &error {
                LogError::Http(..) => {
                    format!("did not respond within {}s ({})", timeout.as_secs(), with_causes(&error))
                }
                // It responded: with a redirect, an error, or something else.
                _ => format!("cannot be used: {}", with_causes(&error)),
            };
            let shown = tracking.shown();
            print_warning(&format!("MLflow tracking server at {shown} {why}. The run is not logged there."));
            return Ok(None);
        }
        match Self::create(wanted, tracking, provider) {
            Ok((tracking, run, export)) => {
                export.write(directory);
                let is_named = wanted.run_name.is_some();
                Ok(Some(Self { tracking, run, is_named, files, export, is_over: false }))
            }
            Err(error) => {
                print_warning(&format!("the run is not logged to MLflow: {}", with_causes(&error)));
                Ok(None)
            }
        }
    }

    fn create(
        wanted: &spec::Mlflow,
        tracking: Tracking,
        provider: &str,
    ) -> Result<(Tracking, RunInfo, Export), LogError> {
        let name = &wanted.experiment;
        let experiment = tracking.experiment(name)?;
        let parent = known_parent(wanted.parent_run_id.as_deref(), &tracking)?;
        let mut tags = wanted.tags.clone();
        let mut tag = |key: &str, value: &str| tags.push((key.to_owned(), value.to_owned()));
        tag("aiperf.version", env!("CARGO_PKG_VERSION"));
        tag("gen_ai.provider.name", provider);
        tag("mlflow.source.name", "aiperf-ctl");
        if let Some(parent) = &parent {
            tag("mlflow.parentRunId", parent);
        }
        let started = clock::real();
        let run =
            tracking.create_run(&experiment, wanted.run_name.as_deref(), started.0 / 1_000_000, &tags)?;
        let mut export = Export::new(&tracking, name, &run);
        export.parent_run_id = parent;
        export.live_streaming = true;
        export.stream_started_at_ns = Some(started.0);
        export.tag_keys = tags.into_iter().map(|(key, _)| key).collect();
        Ok((tracking, run, export))
    }

    /// Where live metrics are sent.
    fn live(&self) -> LiveRun {
        LiveRun { tracking: self.tracking.clone(), run_id: self.run.run_id.clone(), now_ms }
    }

    /// Uploads the run's results, and ends it; a failure never fails the run.
    fn finish(mut self, reported: &Reported, directory: &Path) {
        self.is_over = true;
        let Self { tracking, run, is_named, files, export, .. } = &mut self;
        let status = if reported.run.was_cancelled { Status::Killed } else { Status::Finished };
        let points = numbers::points(reported, now_ms());
        let params = numbers::params(reported);
        let tags = numbers::tags(reported);
        if warn_of(tracking.log(&run.run_id, &points, &params, &tags)) {
            export.metric_keys = points.into_iter().map(|point| point.key).collect();
            export.param_keys = params.into_iter().map(|(key, _)| key).collect();
            export.tag_keys.extend(tags.into_iter().map(|(key, _)| key));
        }
        export.benchmark_id = Some(reported.run.run_id.clone());
        export.reused_live_run = true;
        export.exported_at_ns = Some(clock::real().0);
        let name =
            (!*is_named).then(|| format!("aiperf-{}", reported.run.run_id.get(..8).unwrap_or_default()));
        if let Some(name) = &name {
            export.run_name.clone_from(name);
        }
        // The file is itself uploaded, so it is written first, and again with the list of uploaded files.
        export.write(directory);
        export.uploaded_artifacts = upload(tracking, run, files, directory);
        warn_of(tracking.end_run(&run.run_id, status, now_ms(), name.as_deref()));
        export.write(directory);
    }
}

/// Runs `--mlflow-upload` of `report` and `plot`: uploads a directory's files to its MLflow run.
pub(crate) fn upload_again(args: &MlflowUploadArgs, directory: &Path) -> Result<()> {
    let stored = export::read(directory)?;
    let word = |key: &str| stored.as_ref().and_then(|stored| stored[key].as_str()).map(str::to_owned);
    let given = |flag: &Option<String>, key: &str, name: &str| {
        flag.clone().or_else(|| word(key)).ok_or_else(|| {
            let shown = directory.display();
            Refusal(format!("--mlflow-upload: `{shown}` has no mlflow_export.json, so give {name}"))
        })
    };
    let uri = given(&args.mlflow_tracking_uri, "tracking_uri", "--mlflow-tracking-uri")?;
    let run_id = given(&args.mlflow_run_id, "run_id", "--mlflow-run-id")?;
    let tracking = Tracking::new(&uri, &credentials(), export_timeout())
        .map_err(|error| Refusal(format!("--mlflow-tracking-uri: {error}")))?;
    let run = tracking.find_run(&run_id).context("failed to find the run in MLflow")?;
    let uploaded = upload(&tracking, &run, &Files::new(&[])?, directory);
    print_result(&format!(
        "{} files are in MLflow's run {} at {}\n",
        uploaded.len(),
        run.run_name,
        tracking.shown()
    ));
    if let Some(mut stored) = stored {
        stored["uploaded_artifacts"] = Value::from(uploaded);
        export::write(directory, &stored);
    }
    Ok(())
}

/// Uploads files until the time limit; returns which were uploaded.
fn upload(tracking: &Tracking, run: &RunInfo, files: &Files, directory: &Path) -> Vec<String> {
    let limit = export_timeout();
    let start = Moment::now();
    let found = files.of(directory);
    let mut uploaded = Vec::new();
    let seen = interrupt::seen();
    for (place, (from, to)) in found.iter().enumerate() {
        if interrupt::seen() > seen {
            print_warning(&format!(
                "{} of {} files are not in MLflow: `aiperf-ctl report --mlflow-upload` uploads them",
                found.len() - place,
                found.len()
            ));
            break;
        }
        if start.elapsed() > limit {
            print_warning(&format!(
                "{} of {} files are not in MLflow: timed out after {}s (AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS); `aiperf-ctl \
                 report --mlflow-upload` uploads them later",
                found.len() - place,
                found.len(),
                limit.as_secs()
            ));
            break;
        }
        match tracking.upload(run, from, to) {
            Ok(()) => uploaded.push(to.clone()),
            Err(error) => {
                print_warning(&format!("`{}` is not in MLflow: {}", from.display(), with_causes(&error)));
                // A fault of the destination affects every file.
                if matches!(error, LogError::Store(_)) {
                    break;
                }
            }
        }
    }
    uploaded
}

/// The parent run, if it exists on the server.
fn known_parent(given: Option<&str>, tracking: &Tracking) -> Result<Option<String>, LogError> {
    let Some(parent) = given else { return Ok(None) };
    match tracking.find_run(parent) {
        Ok(run) => Ok(Some(run.run_id)),
        Err(error) if error.is_unknown() => {
            print_warning(&format!("MLflow has no run `{parent}`: this run is logged without a parent"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What the settings name, before the server is contacted.
struct Ready {
    files: Files,
    tracking: Tracking,
    timeout: Duration,
}

fn ready(wanted: &spec::Mlflow) -> Result<Ready, Refusal> {
    let timeout = seconds_of("MLFLOW_HTTP_REQUEST_TIMEOUT").unwrap_or(REQUEST_TIMEOUT);
    let tracking = Tracking::new(&wanted.tracking_uri, &credentials(), timeout)
        .map_err(|error| Refusal(format!("--mlflow-tracking-uri: {error}")))?;
    Ok(Ready { files: Files::new(&wanted.artifact_globs)?, tracking, timeout })
}

/// Credentials from the environment variables of MLflow's own client.
fn credentials() -> Credentials {
    let word = |name: &str| std::env::var(name).ok().filter(|word| !word.is_empty());
    let user = word("MLFLOW_TRACKING_USERNAME").zip(word("MLFLOW_TRACKING_PASSWORD"));
    Credentials { user, token: word("MLFLOW_TRACKING_TOKEN") }
}

fn seconds_of(name: &str) -> Option<Duration> {
    let seconds = std::env::var(name).ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero())
}

fn export_timeout() -> Duration {
    seconds_of("AIPERF_MLFLOW_EXPORT_TIMEOUT_SECONDS").unwrap_or(EXPORT_TIMEOUT)
}

fn now_ms() -> u64 {
    clock::real().0 / 1_000_000
}

/// Whether it succeeded; if not, warns with the reason.
fn warn_of(result: Result<(), LogError>) -> bool {
    if let Err(error) = &result {
        print_warning(&format!("the run is not completely logged to MLflow: {}", with_causes(error)));
    }
    result.is_ok()
}

/// An error with its causes.
fn with_causes(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", with_causes(source)),
        None => error.to_string(),
    }
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const EXPORT_TIMEOUT: Duration = Duration::from_secs(30);
