//! Writes `phases/<name>/` with the summary of each phase, and `phase_manifest.json`, which lists them, for runs with several
//! phases.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::{csv, gpus, json, server, server_json};
use metric::{PROFILING, PhaseReport, Report, WARMUP};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::PathBuf;
use store::{Folder, Names};

/// Writes the files whose default names are requested; returns their paths.
pub(crate) fn write(
    artifacts: &Artifacts<'_>,
    to: &Folder,
    names: &Names,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, ExportError> {
    let mut written = Vec::new();
    if artifacts.report.phases.is_empty() {
        return Ok(written);
    }
    let foreign_errors = json::foreign_errors(artifacts)?;
    let mut entries = Vec::new();
    for (index, phase) in artifacts.report.phases.iter().enumerate() {
        let report = of_phase(phase);
        let folder = folder(&phase.name, index);
        let of_phase = Artifacts { report: &report, gpus: None, ..*artifacts };
        let mut entry = entry(artifacts, index, phase, &foreign_errors);
        for (key, default, ending, write) in SUMMARIES {
            if wanted(default) {
                let file = names.file(default, ending);
                written.push(whole(&within(to, &folder)?, &file, |out| write(&of_phase, out))?);
                entry.insert((*key).to_owned(), format!("phases/{folder}/{file}").into());
            }
        }
        let documents = [
            ("gpu_telemetry_json", GPUS, gpus_of(artifacts, phase)),
            ("server_metrics_json", SERVER, server_in(artifacts, phase)),
        ];
        for (key, file, document) in documents {
            if let Some(document) = document.filter(|_| wanted(file)) {
                let write = |out: &mut dyn Write| Ok(serde_json::to_writer_pretty(out, &document)?);
                written.push(whole(&within(to, &folder)?, file, write)?);
                entry.insert(key.to_owned(), format!("phases/{folder}/{file}").into());
            }
        }
        entry.sort_keys();
        entries.push(Value::Object(entry));
    }
    if wanted(MANIFEST) {
        let manifest = json!({ "phases": entries, "schema_version": 1 });
        let write = |out: &mut dyn Write| Ok(serde_json::to_writer_pretty(out, &manifest)?);
        written.push(whole(to, MANIFEST, write)?);
    }
    Ok(written)
}

/// GPU telemetry of a phase.
fn gpus_of(artifacts: &Artifacts<'_>, phase: &PhaseReport) -> Option<Value> {
    let (_, window) = artifacts.settings.phases.iter().find(|(name, _)| *name == phase.name)?;
    gpus::document(artifacts, artifacts.gpus?, Some(*window))
}

/// The server's metrics of a phase.
fn server_in(artifacts: &Artifacts<'_>, phase: &PhaseReport) -> Option<Value> {
    let server = artifacts.server.filter(|_| server::is_wanted(artifacts, "json"))?;
    let place = artifacts.settings.phases.iter().position(|(name, _)| *name == phase.name)?;
    let summary = server.summaries.phases.get(place)?;
    Some(Value::Object(server_json::document(artifacts, server, &phase.name, summary)))
}

/// The directory of a phase.
fn within(to: &Folder, folder: &str) -> Result<Folder, ExportError> {
    Ok(to.within("phases")?.within(folder)?)
}

fn whole(
    to: &Folder,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> Result<(), ExportError>,
) -> Result<PathBuf, ExportError> {
    let mut file = to.create(name)?;
    write(&mut file)?;
    Ok(file.finish()?)
}

/// The phase's report in the form of a run's.
fn of_phase(phase: &PhaseReport) -> Report {
    Report {
        results: phase.results.clone(),
        errors: phase.errors.clone(),
        requests: phase.requests,
        failed: phase.failed,
        begin: phase.begin,
        end: phase.end,
        ..Report::default()
    }
}

/// The manifest's entry of a phase, by AIPerf's keys; as in AIPerf, unknown fields of an error are null.
fn entry(
    artifacts: &Artifacts<'_>,
    index: usize,
    phase: &PhaseReport,
    foreign_errors: &[Value],
) -> Map<String, Value> {
    let is_last = index + 1 == artifacts.report.phases.len();
    let errors = phase.errors.iter().map(|count| {
        let mut error = json::error(count, foreign_errors);
        if let Some(details) = error.get_mut("error_details").and_then(Value::as_object_mut) {
            for key in DETAILS {
                details.entry(*key).or_insert(Value::Null);
            }
            details.sort_keys();
        }
        error
    });
    let entry = json!({
        "phase_index": index,
        "profiling_index": phase.profiling_index,
        "phase_name": phase.name,
        "phase_kind": if phase.profiling_index.is_some() { PROFILING } else { WARMUP },
        "start_ns": phase.begin.0,
        "end_ns": phase.end.0,
        "was_cancelled": is_last && artifacts.run.was_cancelled,
        "successful_request_count": phase.requests - phase.failed,
        "error_request_count": phase.failed,
        "total_request_count": phase.requests,
        "error_summary": errors.collect::<Vec<_>>(),
    });
    match entry {
        Value::Object(entry) => entry,
        _ => Map::new(),
    }
}

/// The directory name of a phase, derived from its name and index: a plain name that no other phase has, whatever the phases
/// are called.
fn folder(phase: &str, index: usize) -> String {
    let is_plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
    let characters = phase.chars().take(FOLDER_CHARACTERS_MAX).enumerate();
    // Programs treat a leading dash as a flag.
    let plain =
        characters.map(|(place, one)| if is_plain(one) && (place > 0 || one != '-') { one } else { '_' });
    let plain = plain.collect::<String>();
    // No plain name contains a dot.
    if plain == phase && !plain.is_empty() { plain } else { format!("{plain}.{index}") }
}

type Writer = fn(&Artifacts<'_>, &mut dyn Write) -> Result<(), ExportError>;

/// The files of each phase: key in the manifest, name, suffix after a prefix, writer.
const SUMMARIES: &[(&str, &str, &str, Writer)] = &[
    ("metrics_json", "profile_export_aiperf.json", ".json", json::write),
    ("metrics_csv", "profile_export_aiperf.csv", ".csv", csv::write),
];

/// Maximum characters of a phase's name in its directory's name.
const FOLDER_CHARACTERS_MAX: usize = 64;
const GPUS: &str = "gpu_telemetry.json";
const SERVER: &str = "server_metrics.json";
const MANIFEST: &str = "phase_manifest.json";

const DETAILS: &[&str] = &["cause", "cause_chain", "code", "details", "message", "type"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_have_distinct_directories_within_the_run() {
        let names = ["warmup", "../x", "", "a b", "a_b", "a-b", "-rf"];
        let folders = names.iter().enumerate().map(|(index, name)| folder(name, index));
        let expected = ["warmup", "___x.1", ".2", "a_b.3", "a_b", "a-b", "_rf.6"];
        assert_eq!(folders.collect::<Vec<_>>(), expected, "{names:?}");
        assert_eq!(folder(&"x".repeat(1 << 20), 3).len(), FOLDER_CHARACTERS_MAX + 2, "a long one is cut");
    }
}
