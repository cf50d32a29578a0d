//! Reads and writes `mlflow_export.json`, which names the MLflow run of a directory.

use crate::terminal::print_warning;
use anyhow::{Context, Result};
use export::ExportError;
use serde::Serialize;
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::path::Path;
use store::{Folder, source};
use telemetry_out::mlflow::{RunInfo, Tracking};

/// The file's content: AIPerf's keys, and the experiment under both of its key names.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Export {
    tracking_uri: String,
    experiment: String,
    experiment_name: String,
    run_id: String,
    pub(super) run_name: String,
    pub(super) benchmark_id: Option<String>,
    pub(super) parent_run_id: Option<String>,
    pub(super) live_streaming: bool,
    pub(super) reused_live_run: bool,
    pub(super) metric_keys: Vec<String>,
    pub(super) param_keys: Vec<String>,
    pub(super) tag_keys: Vec<String>,
    pub(super) uploaded_artifacts: Vec<String>,
    pub(super) exported_at_ns: Option<u64>,
    pub(super) stream_started_at_ns: Option<u64>,
}

impl Export {
    pub(super) fn new(tracking: &Tracking, experiment: &str, run: &RunInfo) -> Self {
        Self {
            tracking_uri: tracking.shown().to_owned(),
            experiment: experiment.to_owned(),
            experiment_name: experiment.to_owned(),
            run_id: run.run_id.clone(),
            run_name: run.run_name.clone(),
            benchmark_id: None,
            parent_run_id: None,
            live_streaming: false,
            reused_live_run: false,
            metric_keys: Vec::new(),
            param_keys: Vec::new(),
            tag_keys: Vec::new(),
            uploaded_artifacts: Vec::new(),
            exported_at_ns: None,
            stream_started_at_ns: None,
        }
    }

    pub(super) fn write(&self, directory: &Path) {
        write(directory, &serde_json::to_value(self).unwrap_or_default());
    }
}

/// The content of a directory's file, if there is one.
pub(super) fn read(directory: &Path) -> Result<Option<Value>> {
    let path = directory.join(NAME);
    let read = || format!("failed to read `{}`", path.display());
    match source::read(&path, BYTES_MAX) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(read),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(read),
    }
}

pub(super) fn write(directory: &Path, value: &Value) {
    let written = || -> Result<(), ExportError> {
        let mut file = Folder::open(directory)?.create(NAME)?;
        file.write_all(format!("{value:#}\n").as_bytes())?;
        file.finish()?;
        Ok(())
    };
    if let Err(error) = written() {
        print_warning(&format!("failed to write `{NAME}`: {error}"));
    }
}

/// Maximum size of the file, which has a few names and keys.
const BYTES_MAX: u64 = 16 << 20;
const NAME: &str = "mlflow_export.json";
