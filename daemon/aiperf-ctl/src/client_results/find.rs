//! Finds the results that a command wrote of its own measurement, among new and changed files.

use crate::compare;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use store::source;

/// Where a command may write a result, and which files existed before it ran.
#[derive(Debug)]
pub(crate) struct Search {
    places: Vec<PathBuf>,
    before: BTreeMap<PathBuf, State>,
}

/// The state of a file, by which changes are detected.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    length: u64,
    modified: Option<SystemTime>,
}

impl Search {
    /// Lists the files that exist now, in the paths among a command's words, AIPerf's `artifacts`, and the current directory.
    pub(crate) fn start(words: &[OsString]) -> Self {
        let mut places = vec![PathBuf::from("artifacts")];
        for word in words {
            let text = word.to_string_lossy();
            let value =
                text.split_once('=').filter(|_| text.starts_with('-')).map_or(&*text, |(_, value)| value);
            let is_path = !value.is_empty() && !value.starts_with('-') && !value.contains("://");
            if is_path && value.len() <= PATH_MAX && !value.trim_matches(['/', '.']).is_empty() {
                places.push(PathBuf::from(value));
            }
        }
        let before = files(&places);
        Self { places, before }
    }

    /// The results written since: AIPerf's directories, and other tools' documents.
    pub(crate) fn results(&self) -> Vec<PathBuf> {
        let mut directories = BTreeSet::new();
        let mut documents = BTreeSet::new();
        for (path, state) in files(&self.places) {
            if self.before.get(&path) == Some(&state) {
                continue;
            }
            let directory = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
            if is_of_aiperf(&path) && import::is_foreign(&directory).unwrap_or(false) {
                directories.insert(directory);
            } else if is_result(&path, state.length) {
                documents.insert(path);
            }
        }
        // The summary of a directory that is already listed is not a separate result.
        let alone = |path: &PathBuf| path.parent().is_none_or(|parent| !directories.contains(parent));
        let documents = documents.into_iter().filter(alone).collect::<Vec<_>>();
        directories.into_iter().chain(documents).collect()
    }
}

/// The files that may be results.
fn files(places: &[PathBuf]) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    let mut left = LOOKED_AT_MAX;
    walk(Path::new("."), 0, &mut left, &mut found);
    for place in places {
        match place.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => walk(place, DEPTH_MAX, &mut left, &mut found),
            Ok(metadata) if metadata.is_file() => take(place, &metadata, &mut found),
            _ => {}
        }
    }
    found
}

fn walk(directory: &Path, depth: u32, left: &mut u32, found: &mut BTreeMap<PathBuf, State>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        // Symbolic links are not followed: they may form a cycle.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() && depth > 0 && !is_hidden {
            walk(&entry.path(), depth - 1, left, found);
        } else if metadata.is_file() {
            take(&entry.path(), &metadata, found);
        }
    }
}

fn take(path: &Path, metadata: &Metadata, found: &mut BTreeMap<PathBuf, State>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        // The same file may be found along two paths.
        let path = path.strip_prefix(".").unwrap_or(path).to_owned();
        let state = State { length: metadata.len(), modified: metadata.modified().ok() };
        found.insert(path.canonicalize().unwrap_or(path), state);
    }
}

/// Whether a file identifies its directory as AIPerf's.
fn is_of_aiperf(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ["_aiperf.json", ".jsonl", ".jsonl.gz"].iter().any(|ending| name.ends_with(ending))
}

/// Whether a document is a result of a supported tool.
fn is_result(path: &Path, length: u64) -> bool {
    let is_json = path.extension().is_some_and(|extension| extension == "json");
    if !is_json || length > DOCUMENT_MAX {
        return false;
    }
    let document =
        source::read(path, DOCUMENT_MAX).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    document.is_some_and(|document| compare::of_document("", &document).is_some())
}

const ENDINGS: &[&str] = &[".json", ".jsonl", ".jsonl.gz"];
/// Maximum depth of directories below a path.
const DEPTH_MAX: u32 = 6;
/// Maximum number of directory entries visited, so that a command with a path such as `/usr` is not delayed.
const LOOKED_AT_MAX: u32 = 20_000;
/// Maximum size of a document that is checked for a result, in bytes.
const DOCUMENT_MAX: u64 = 256 << 20;
/// Maximum bytes of a word that may be a path.
const PATH_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_wrote_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let old = folder.path().join("old.json");
        let result = r#"{"completed": 1, "request_throughput": 1.0}"#;
        fs::write(&old, result).unwrap();
        let words = ["bench".into(), format!("--result-dir={}", folder.path().display()).into()];
        let search = Search::start(&words);
        assert_eq!(search.results(), Vec::<PathBuf>::new(), "nothing is new");
        let nested = folder.path().join("a/b");
        fs::create_dir_all(&nested).unwrap();
        fs::write(nested.join("new.json"), result).unwrap();
        fs::write(nested.join("other.json"), "{}").unwrap();
        let aiperf = folder.path().join("run");
        fs::create_dir_all(&aiperf).unwrap();
        fs::write(aiperf.join("profile_export.jsonl"), "").unwrap();
        fs::write(aiperf.join("inputs.json"), "{}").unwrap();
        let expected = [aiperf, nested.join("new.json")].map(|path| path.canonicalize().unwrap());
        assert_eq!(search.results(), expected, "a directory of AIPerf and a document of vLLM");
    }
}
