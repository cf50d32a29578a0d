//! Finds the files of an AIPerf run in a directory, with any prefix, compressed or not.

use crate::error::ImportError;
use flate2::read::MultiGzDecoder;
use serde_json::Value;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use store::source::Bounded;
use store::{Folder, Names, source};

/// The files used; each may be missing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) raw: Option<PathBuf>,
    pub(crate) records: Option<PathBuf>,
    pub(crate) summary: Option<PathBuf>,
    pub(crate) manifest: Option<PathBuf>,
    pub(crate) inputs: Option<PathBuf>,
    /// The run's `--profile-export-prefix`.
    pub(crate) prefix: Option<String>,
}

/// Whether a directory contains records of an AIPerf run.
///
/// # Errors
/// When the directory cannot be read.
pub fn is_foreign(directory: &Path) -> Result<bool, ImportError> {
    let files = Files::find(directory)?;
    Ok(files.raw.is_some() || files.records.is_some())
}

/// A JSON document of a directory by its name, compressed or not; `None` if it is not there.
///
/// # Errors
/// When it cannot be read, or is no JSON.
pub fn document(directory: &Path, name: &str) -> Result<Option<Value>, ImportError> {
    let paths = [directory.join(name), directory.join(format!("{name}.gz"))];
    paths.iter().find(|path| path.is_file()).map(|path| json(path)).transpose()
}

/// Copies an AIPerf run's requests, and with `raw` its responses, to another directory, uncompressed.
///
/// # Errors
/// When a file cannot be read or written.
pub fn copy_exchanges(from: &Path, to: &Path, names: &Names, raw: bool) -> Result<(), ImportError> {
    let files = Files::find(from)?;
    let raw = files.raw.filter(|_| raw);
    let inputs = files.inputs.map(|path| (path, "inputs.json".to_owned()));
    let raw = raw.map(|path| (path, names.file("profile_export_raw.jsonl", "_raw.jsonl")));
    for (path, name) in inputs.into_iter().chain(raw) {
        if to.join(&name) == path {
            continue;
        }
        let mut file = Folder::open(to)?.create(&name)?;
        std::io::copy(&mut open(&path)?, &mut file).map_err(ImportError::disk(&path))?;
        file.finish()?;
    }
    Ok(())
}

impl Files {
    pub(crate) fn find(directory: &Path) -> Result<Self, ImportError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(ImportError::disk(directory))? {
            let entry = entry.map_err(ImportError::disk(directory))?;
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort();
        Ok(Self::among(&names, directory))
    }

    fn among(names: &[String], directory: &Path) -> Self {
        let has = |name: &str| {
            let there = |name: &str| names.iter().any(|other| other == name).then(|| directory.join(name));
            there(name).or_else(|| there(&format!("{name}.gz")))
        };
        let mut files = Self {
            raw: has("profile_export_raw.jsonl"),
            records: has("profile_export.jsonl"),
            summary: has("profile_export_aiperf.json"),
            manifest: has("phase_manifest.json"),
            inputs: has("inputs.json"),
            prefix: None,
        };
        if files.raw.is_none() && files.records.is_none() {
            let prefix = names.iter().find_map(|name| prefix(name, names));
            if let Some(prefix) = prefix {
                files.raw = has(&format!("{prefix}_raw.jsonl"));
                files.records = has(&format!("{prefix}.jsonl"));
                files.summary = files.summary.or_else(|| has(&format!("{prefix}.json")));
                files.prefix = Some(prefix.to_owned());
            }
        }
        files
    }
}

/// The run's `--profile-export-prefix`, if this file shows it: `foo_raw.jsonl`, or `foo.jsonl` next to `foo.json`.
fn prefix<'a>(name: &'a str, names: &[String]) -> Option<&'a str> {
    let bare = name.strip_suffix(".gz").unwrap_or(name);
    let stem = bare.strip_suffix(".jsonl")?;
    if let Some(prefix) = stem.strip_suffix("_raw") {
        return Some(prefix);
    }
    let summaries = [format!("{stem}.json"), format!("{stem}.json.gz")];
    names.iter().any(|name| summaries.contains(name)).then_some(stem)
}

/// The lines of a file with their numbers from 1; empty ones are skipped.
pub(crate) fn lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, String), ImportError>> + use<>, ImportError> {
    let of = path.to_owned();
    let mut from = BufReader::with_capacity(1 << 16, open(path)?);
    let mut line = Vec::new();
    let lines = std::iter::from_fn(move || match source::next_line(&mut from, &mut line, LINE_BYTES_MAX) {
        Ok(true) => Some(Ok(String::from_utf8_lossy(&line).into_owned())),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    });
    let read = lines.zip(1..).map(move |(line, number)| Ok((number, line.map_err(ImportError::disk(&of))?)));
    Ok(read.filter(|line| line.as_ref().map_or(true, |(_, text)| !text.trim().is_empty())))
}

/// Reads a whole JSON file.
pub(crate) fn json(path: &Path) -> Result<Value, ImportError> {
    let mut text = Vec::new();
    let mut bounded = Bounded::new(open(path)?, DOCUMENT_BYTES_MAX);
    bounded.read_to_end(&mut text).map_err(ImportError::disk(path))?;
    serde_json::from_slice(&text).map_err(ImportError::json(path))
}

fn open(path: &Path) -> Result<Box<dyn Read>, ImportError> {
    let file = source::open(path, FILE_BYTES_MAX).map_err(ImportError::disk(path))?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    if !is_compressed {
        return Ok(Box::new(file));
    }
    // A few megabytes of gzip can expand to gigabytes, but records do not compress that well.
    let packed = file.metadata().map_err(ImportError::disk(path))?.len();
    let unpacked = packed.saturating_mul(RATIO_MAX).clamp(SMALL_BYTES, FILE_BYTES_MAX);
    Ok(Box::new(Bounded::new(MultiGzDecoder::new(file), unpacked)))
}

/// Maximum size of a line, which is a request with its whole response.
const LINE_BYTES_MAX: usize = 64 << 20;
/// Maximum size of a summary, or of the file with all payloads.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;
/// Maximum compression ratio: records of one run are similar, and shrink to a fiftieth.
const RATIO_MAX: u64 = 200;
/// Decompressed size that is allowed at any ratio.
const SMALL_BYTES: u64 = 256 << 20;
/// Maximum size of a file, compressed and decompressed.
const FILE_BYTES_MAX: u64 = 32 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        names: &[&str],
        raw: Option<&str>,
        records: Option<&str>,
        summary: Option<&str>,
    ) -> Option<String> {
        let owned = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let found = Files::among(&owned, Path::new(""));
        let expected = Files {
            raw: raw.map(PathBuf::from),
            records: records.map(PathBuf::from),
            summary: summary.map(PathBuf::from),
            prefix: found.prefix.clone(),
            ..Files::default()
        };
        assert_eq!(found, expected, "{names:?}");
        found.prefix
    }

    #[test]
    fn files_are_found_by_their_names() {
        check(
            &["profile_export.jsonl", "profile_export_aiperf.json", "profile_export_raw.jsonl.gz"],
            Some("profile_export_raw.jsonl.gz"),
            Some("profile_export.jsonl"),
            Some("profile_export_aiperf.json"),
        );
        let prefix = check(&["foo_raw.jsonl"], Some("foo_raw.jsonl"), None, None);
        assert_eq!(prefix.as_deref(), Some("foo"), "the prefix of the run's files");
        check(
            &["a.json", "a.jsonl.gz", "server_metrics_export.jsonl"],
            None,
            Some("a.jsonl.gz"),
            Some("a.json"),
        );
        check(&["outputs.json", "gpu_telemetry_export.jsonl"], None, None, None);
    }
}
