//! Lists every exporter, in the order in which the files are written.

use crate::artifacts::Artifacts;
use crate::error::ExportError;
use crate::{
    console, csv, gpu_jsonl, html, json, jsonl, outputs, phases, raw, server, server_csv, server_json,
    server_jsonl, server_parquet, slices, timeslices,
};
use spec::ExportLevel;
use std::io::Write;
use std::path::{Path, PathBuf};
use store::{Folder, Names};

/// An exporter.
#[derive(Clone, Copy)]
pub struct Exporter {
    /// The file's name without a prefix.
    pub default: &'static str,
    /// The suffix after a prefix; empty if the name does not change.
    pub ending: &'static str,
    /// Whether a run is configured for it.
    pub wanted: fn(&Artifacts<'_>) -> bool,
    /// Writes the file.
    pub write: fn(&Artifacts<'_>, &mut dyn Write) -> Result<(), ExportError>,
}

/// Every exporter.
pub const EXPORTERS: &[Exporter] = &[
    Exporter { default: "profile_export_aiperf.json", ending: ".json", wanted: |_| true, write: json::write },
    Exporter { default: "profile_export_aiperf.csv", ending: ".csv", wanted: |_| true, write: csv::write },
    Exporter {
        default: "profile_export.jsonl",
        ending: ".jsonl",
        wanted: |artifacts| artifacts.run.plan.output.export_level >= ExportLevel::Records,
        write: jsonl::write,
    },
    Exporter {
        default: "profile_export_raw.jsonl",
        ending: "_raw.jsonl",
        wanted: has_responses,
        write: raw::write,
    },
    Exporter {
        default: "outputs.json",
        ending: "",
        wanted: |artifacts| artifacts.run.plan.output.export_outputs && artifacts.texts.is_some(),
        write: outputs::write,
    },
    Exporter {
        default: "profile_export_aiperf_timeslices.json",
        ending: "_timeslices.json",
        wanted: has_slices,
        write: timeslices::write_json,
    },
    Exporter {
        default: "profile_export_aiperf_timeslices.csv",
        ending: "_timeslices.csv",
        wanted: has_slices,
        write: timeslices::write_csv,
    },
    Exporter {
        default: "profile_export_slices.csv",
        ending: "_slices.csv",
        wanted: has_slices,
        write: slices::write,
    },
    Exporter {
        default: "server_metrics_export.json",
        ending: "_server_metrics.json",
        wanted: |artifacts| server::is_wanted(artifacts, "json"),
        write: server_json::write,
    },
    Exporter {
        default: "server_metrics_export.csv",
        ending: "_server_metrics.csv",
        wanted: |artifacts| server::is_wanted(artifacts, "csv"),
        write: server_csv::write,
    },
    Exporter {
        default: "server_metrics_export.jsonl",
        ending: "_server_metrics.jsonl",
        wanted: |artifacts| server::is_wanted(artifacts, "jsonl"),
        write: server_jsonl::write,
    },
    Exporter {
        default: "server_metrics_export.parquet",
        ending: "_server_metrics.parquet",
        wanted: |artifacts| server::is_wanted(artifacts, "parquet"),
        write: server_parquet::write,
    },
    Exporter {
        default: "gpu_telemetry_export.jsonl",
        ending: "_gpu_telemetry.jsonl",
        wanted: gpu_jsonl::is_wanted,
        write: gpu_jsonl::write,
    },
    Exporter {
        default: "report.html",
        ending: "_report.html",
        wanted: |artifacts| !artifacts.run.plan.output.without_html,
        write: html::write,
    },
    Exporter {
        default: "profile_export_console.txt",
        ending: "_console.txt",
        wanted: |_| true,
        write: console::write_file,
    },
];

/// Writes the files that the run is configured for, and whose default names are `wanted`, into a directory, each atomically;
/// returns their paths.
///
/// # Errors
/// When a file cannot be written; those before it have been written.
pub fn write_wanted(
    artifacts: &Artifacts<'_>,
    directory: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<PathBuf>, ExportError> {
    let names = Names::new(artifacts.run.plan.output.export_prefix.as_deref())?;
    let folder = Folder::open(directory)?;
    let mut written = EXPORTERS
        .iter()
        .filter(|exporter| wanted(exporter.default) && (exporter.wanted)(artifacts))
        .map(|exporter| {
            let mut file = folder.create(&names.file(exporter.default, exporter.ending))?;
            (exporter.write)(artifacts, &mut file)?;
            Ok(file.finish()?)
        })
        .collect::<Result<Vec<_>, ExportError>>()?;
    written.extend(phases::write(artifacts, &folder, &names, wanted)?);
    Ok(written)
}

fn has_slices(artifacts: &Artifacts<'_>) -> bool {
    artifacts.settings.slice_duration.is_some()
}

/// What another tool received is in its own raw export.
fn has_responses(artifacts: &Artifacts<'_>) -> bool {
    artifacts.run.plan.output.export_level >= ExportLevel::Raw && artifacts.run.source != metric::IMPORTED
}
