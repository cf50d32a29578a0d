//! What servers answered, from a raw export: the texts of each line's responses.

use crate::config::Config;
use crate::content::{Api, Content};
use crate::error::ImportError;
use crate::files::{Files, json, lines};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A parser of the responses of a run.
pub struct Answers {
    /// `None` if no endpoint of this version parses them.
    api: Option<Api>,
}

/// What a server answered to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its answer, tool calls included.
    pub text: String,
    /// Its reasoning.
    pub reasoning: String,
    /// The bytes as they came, if there is no text in them that the endpoint type has.
    pub raw: String,
}

impl Answers {
    /// For an endpoint type; without one, for that of the summary beside the records, or the one that the line's payload suits.
    ///
    /// # Errors
    /// When the summary cannot be read.
    pub fn of(directory: &Path, kind: Option<&str>, line: &Value) -> Result<Self, ImportError> {
        let kind = match kind {
            Some(kind) => kind.to_owned(),
            None => {
                let summary = if directory.is_dir() { Files::find(directory)?.summary } else { None };
                let summary = summary.map_or(Ok(Value::Null), |path| json(&path))?;
                Config::of(&summary, line).endpoint
            }
        };
        Ok(Self { api: Api::of(&kind).ok() })
    }

    /// The answer in a line of the raw export.
    #[must_use]
    pub fn answer(&self, line: &Value) -> Answer {
        let responses = || line["responses"].as_array().into_iter().flatten();
        let mut content = Content::default();
        if let Some(api) = self.api {
            for response in responses() {
                content.add(api, response);
            }
        }
        let (text, reasoning) = content.texts();
        let raw = if text.is_empty() && reasoning.is_empty() {
            responses().map(raw).collect()
        } else {
            String::new()
        };
        Answer { text, reasoning, raw }
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Answers").finish_non_exhaustive()
    }
}

/// A response as it came.
fn raw(response: &Value) -> String {
    match response["packets"].as_array() {
        Some(packets) => {
            let values = packets.iter().filter_map(|packet| packet["value"].as_str());
            values.map(|value| format!("{value}\n")).collect()
        }
        None => response["text"].as_str().unwrap_or_default().to_owned(),
    }
}

/// The files of a run's raw export: `profile_export_raw.jsonl`, also with a prefix or compressed, or the parts of it in
/// `raw_records`; of a file, itself. Empty without one.
///
/// # Errors
/// When the directory cannot be read.
pub fn raw_files(run: &Path) -> Result<Vec<PathBuf>, ImportError> {
    if run.is_file() {
        return Ok(vec![run.to_owned()]);
    }
    if let Some(raw) = Files::find(run)?.raw {
        return Ok(vec![raw]);
    }
    let parts = run.join("raw_records");
    if !parts.is_dir() {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&parts).map_err(ImportError::disk(&parts))? {
        let path = entry.map_err(ImportError::disk(&parts))?.path();
        let name = path.to_string_lossy();
        let is_raw = name.ends_with(".jsonl") || name.ends_with(".jsonl.gz");
        files.extend(is_raw.then_some(path));
        if files.len() > PARTS_MAX {
            return Err(ImportError::TooManyParts { path: parts, most: PARTS_MAX });
        }
    }
    files.sort();
    Ok(files)
}

/// The lines of a file of a raw export, each with its number from 1.
///
/// # Errors
/// When it cannot be opened; later failures are items of the iterator.
pub fn raw_lines(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(usize, String), ImportError>> + use<>, ImportError> {
    lines(path)
}

/// AIPerf writes a part for each of its processes.
const PARTS_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_are_those_of_the_endpoint() {
        let event = |delta: Value| {
            let data = json!({"object": "chat.completion.chunk", "choices": [{"delta": delta}]});
            json!({"packets": [{"name": "data", "value": data.to_string()}]})
        };
        let responses = [
            event(json!({"reasoning": "hm"})),
            event(json!({"content": "a"})),
            event(json!({"content": "b"})),
        ];
        let line = json!({"payload": {"messages": []}, "responses": responses});
        let answers = |kind| Answers::of(Path::new("none"), kind, &line).unwrap();
        let found = answers(None).answer(&line);
        assert_eq!(
            (found.text.as_str(), found.reasoning.as_str(), found.raw.as_str()),
            ("ab", "hm", ""),
            "chat"
        );
        let unknown = answers(Some("telepathy")).answer(&line);
        assert!(unknown.text.is_empty() && unknown.raw.lines().count() == 3, "as they came: {unknown:?}");
        let body = json!({"responses": [{"text": "{\"data\":[]}"}]});
        assert_eq!(answers(Some("embeddings")).answer(&body).raw, "{\"data\":[]}", "no text");
    }

    #[test]
    fn parts_are_found_in_their_order() {
        let run = tempfile::tempdir().unwrap();
        assert!(raw_files(run.path()).unwrap().is_empty(), "none");
        let parts = run.path().join("raw_records");
        std::fs::create_dir(&parts).unwrap();
        for name in ["b.jsonl", "a.jsonl.gz", "notes.txt"] {
            std::fs::write(parts.join(name), "").unwrap();
        }
        assert_eq!(
            raw_files(run.path()).unwrap(),
            [parts.join("a.jsonl.gz"), parts.join("b.jsonl")],
            "parts"
        );
        let whole = run.path().join("profile_export_raw.jsonl");
        std::fs::write(&whole, "").unwrap();
        assert_eq!(raw_files(run.path()).unwrap(), std::slice::from_ref(&whole), "the whole one counts");
        assert_eq!(raw_files(&whole).unwrap(), std::slice::from_ref(&whole), "a file");
    }
}
