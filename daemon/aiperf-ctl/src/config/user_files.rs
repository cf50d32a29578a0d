//! Files that a configuration file has written into the artifact directory before the run: `artifacts.user_files`.

use super::substitute::{coerced, environment, render};
use anyhow::{Context, Result};
use minijinja::Environment;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::io::Write;
use store::Folder;

/// The files of a configuration, and what their expressions see.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct UserFiles {
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    files: Vec<UserFile>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserFile {
    /// Below the artifact directory.
    path: String,
    #[serde(default)]
    format: Option<Format>,
    content: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Yaml,
    Text,
}

/// Checks a list of files.
///
/// # Errors
/// What is wrong, and with which file.
pub(super) fn parse(files: &Value) -> Result<Vec<UserFile>, String> {
    let files = Vec::<UserFile>::deserialize(files).map_err(|error| error.to_string())?;
    for file in &files {
        file.check().map_err(|why| format!("`{}`: {why}", file.path))?;
    }
    Ok(files)
}

impl UserFile {
    fn format(&self) -> Format {
        match self.format {
            Some(format) => format,
            None if self.content.is_string() => Format::Text,
            None => Format::Json,
        }
    }

    fn check(&self) -> Result<(), String> {
        if self.path.is_empty() || self.path.chars().any(char::is_control) {
            return Err("its path is empty or has control characters".to_owned());
        }
        let is_below = !self.path.starts_with('/')
            && self.path.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
        if !is_below {
            return Err("its path must be below the artifact directory: no `..`, and not absolute".to_owned());
        }
        match (self.format(), self.content.is_string()) {
            (Format::Text, false) => Err("the format text needs a text as content".to_owned()),
            (Format::Json | Format::Yaml, true) => Err(
                "the formats json and yaml need a mapping or a list as content; a text has the format text"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// Its bytes, with expressions replaced.
    fn rendered(&self, environment: &Environment<'_>, seen: &Map<String, Value>) -> Result<Vec<u8>, String> {
        let format = self.format();
        let content = replaced(&self.content, environment, seen, format != Format::Text)?;
        match (format, content) {
            (Format::Text, Value::String(text)) => Ok(text.into_bytes()),
            (Format::Yaml, content) => {
                serde_saphyr::to_string(&content).map(String::into_bytes).map_err(|error| error.to_string())
            }
            (_, content) => serde_json::to_vec_pretty(&content).map_err(|error| error.to_string()),
        }
    }
}

fn replaced(
    value: &Value,
    environment: &Environment<'_>,
    seen: &Map<String, Value>,
    is_coerced: bool,
) -> Result<Value, String> {
    let below = |value: &Value| replaced(value, environment, seen, is_coerced);
    Ok(match value {
        Value::String(text) if ["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) => {
            let rendered = render(environment, text, seen)?;
            if is_coerced { coerced(rendered) } else { Value::String(rendered) }
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| Ok((key.clone(), below(value)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        Value::Array(items) => Value::Array(items.iter().map(below).collect::<Result<_, _>>()?),
        other => other.clone(),
    })
}

/// What a run tells its files: AIPerf's names.
#[derive(Clone, Debug)]
pub(crate) struct About<'a> {
    /// Seconds since 1970.
    pub(crate) epoch: u64,
    /// The first model.
    pub(crate) model: &'a str,
    /// The first URL, without secrets.
    pub(crate) url: &'a str,
    /// The artifact directory.
    pub(crate) directory: &'a str,
}

impl UserFiles {
    /// The files of the flag's JSON.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn of(json: &str) -> Result<Self, String> {
        let files: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        files.files.iter().try_for_each(UserFile::check)?;
        Ok(files)
    }

    /// The bytes of each, by its path.
    ///
    /// # Errors
    /// When an expression fails.
    pub(crate) fn rendered(&self, about: &About<'_>) -> Result<Vec<(&str, Vec<u8>)>, String> {
        let name = about.directory.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let mut seen = self.variables.clone().unwrap_or_default();
        let known = [
            ("epoch", json!(about.epoch.to_string())),
            ("job_name", json!(name)),
            ("namespace", json!("")),
            ("model", json!(about.model)),
            ("endpoint_url", json!(about.url)),
            ("artifact_dir", json!(about.directory)),
        ];
        seen.extend(known.map(|(name, value)| (name.to_owned(), value)));
        let environment = environment();
        self.files
            .iter()
            .map(|file| {
                let bytes = file.rendered(&environment, &seen);
                bytes
                    .map(|bytes| (file.path.as_str(), bytes))
                    .map_err(|why| format!("`{}`: {why}", file.path))
            })
            .collect()
    }

    /// Writes them below the artifact directory.
    ///
    /// # Errors
    /// When an expression fails, or a file cannot be written.
    pub(crate) fn write(&self, folder: &Folder, about: &About<'_>) -> Result<()> {
        let rendered = self.rendered(about).map_err(|why| anyhow::anyhow!("artifacts.user_files: {why}"))?;
        for (path, bytes) in rendered {
            write_below(folder, path, &bytes)
                .with_context(|| format!("artifacts.user_files: failed to write `{path}`"))?;
        }
        Ok(())
    }
}

fn write_below(folder: &Folder, path: &str, bytes: &[u8]) -> Result<()> {
    let mut folder = folder.clone();
    let mut parts = path.split('/').collect::<Vec<_>>();
    let name = parts.pop().unwrap_or_default();
    for part in parts {
        folder = folder.within(part)?;
    }
    let mut file = folder.create(name)?;
    file.write_all(bytes)?;
    file.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> =
        About { epoch: 1_700_000_000, model: "m", url: "http://h", directory: "artifacts/run-7/" };

    #[test]
    fn files_are_rendered_in_their_format() {
        let files = UserFiles::of(
            r#"{"variables":{"gpus":4},"files":[
                {"path":"a.json","content":{"n":"{{ gpus * 2 }}","m":"{{ model }}","job":["{{ job_name }}"]}},
                {"path":"meta/b.yaml","format":"yaml","content":{"epoch":"{{ epoch }}","t":"{{ gpus > 1 }}"}},
                {"path":"c.md","content":"{{ gpus }} GPUs at {{ endpoint_url }} in {{ artifact_dir }}{{ namespace }}\n"}]}"#,
        );
        let files = files.unwrap();
        let rendered = files.rendered(&ABOUT).unwrap();
        let text = |place: usize| String::from_utf8(rendered[place].1.clone()).unwrap();
        let json: Value = serde_json::from_str(&text(0)).unwrap();
        assert_eq!(json, json!({"n": 8, "m": "m", "job": ["run-7"]}), "JSON");
        let yaml: Value = serde_saphyr::from_str(&text(1)).unwrap();
        assert_eq!(yaml, json!({"epoch": 1_700_000_000, "t": true}), "YAML");
        assert_eq!(text(2), "4 GPUs at http://h in artifacts/run-7/\n", "text");
        let folder = tempfile::tempdir().unwrap();
        files.write(&Folder::make(folder.path()).unwrap(), &ABOUT).unwrap();
        assert!(folder.path().join("meta/b.yaml").is_file(), "below the directory");
    }

    #[test]
    fn invalid_files_are_refused_by_path() {
        let check = |file: Value, expected: &str| {
            let refused = UserFiles::of(&json!({ "files": [file] }).to_string());
            let why = refused.and_then(|files| files.rendered(&ABOUT).map(|_| ())).expect_err(expected);
            assert!(why.contains(expected), "{file}: {why}");
        };
        check(json!({"path": "../x", "content": "a"}), "below the artifact directory");
        check(json!({"path": "/x", "content": "a"}), "below the artifact directory");
        check(json!({"path": "a//b", "content": "a"}), "below the artifact directory");
        check(json!({"path": "x", "format": "json", "content": "a"}), "need a mapping or a list");
        check(json!({"path": "x", "format": "text", "content": {}}), "needs a text");
        check(json!({"path": "x", "colour": 1, "content": "a"}), "colour");
        check(
            json!({"path": "x", "content": "{{ nothing }}"}),
            "`x`: the expression failed: undefined value",
        );
    }
}
